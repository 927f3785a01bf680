//! What went wrong in S3, in words that say what to do.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::causes;
use crate::{StoreError, StoreOptions};

/// The region that S3 says the bucket is in.
pub(super) fn named_region<E>(error: &SdkError<E>) -> Option<String> {
    let answer = error.raw_response()?;
    if let Some(region) = answer.headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    let body = std::str::from_utf8(answer.body().bytes()?).ok()?;
    let (_, after) = body.split_once("<Region>")?;
    let (region, _) = after.split_once("</Region>")?;
    Some(region.to_owned())
}

/// `error` of a call about `place`.
pub(super) fn failure<E>(place: &str, error: &SdkError<E>, options: &StoreOptions) -> StoreError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let place = place.to_owned();
    match error {
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => answered(place, error, options),
        SdkError::TimeoutError(_) => StoreError::Slow {
            place,
            limit: options.read_timeout,
            setting: "models.read_timeout",
        },
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => StoreError::Slow {
            place,
            limit: options.read_timeout,
            setting: "models.read_timeout",
        },
        other => {
            let reason = causes(other);
            StoreError::Unreachable { place, reason }
        }
    }
}

fn answered<E>(place: String, error: &SdkError<E>, options: &StoreOptions) -> StoreError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let status = error
        .raw_response()
        .map_or(0, |answer| answer.status().as_u16());
    let code = error.code().unwrap_or("no code");
    let message = error.message().unwrap_or("no message");
    let said = format!("{status} {code}: {message}");
    if let Some(region) = named_region(error).filter(|_| matches!(status, 301 | 307 | 400)) {
        let set = options.s3.region.as_deref().unwrap_or("another one");
        let reason = format!("{said}; the bucket is in {region}, and models.s3_region is {set}");
        let passes = false;
        return StoreError::Answer {
            place,
            reason,
            passes,
        };
    }
    match (status, code) {
        (412, _) => StoreError::Changed { place },
        (_, "NoSuchBucket") => StoreError::Missing {
            place,
            reason: "there is no such bucket; check the name, the account and the endpoint"
                .to_owned(),
        },
        (404, _) => StoreError::Missing {
            place,
            reason: "there is no such object".to_owned(),
        },
        (401 | 403, _) | (400, "InvalidAccessKeyId" | "ExpiredToken" | "InvalidToken") => {
            let reason = format!("{said}; {}", advice(code, message));
            StoreError::Denied { place, reason }
        }
        _ => {
            let passes = status >= 500 || status == 429;
            let reason = format!("S3 answered {said}");
            StoreError::Answer {
                place,
                reason,
                passes,
            }
        }
    }
}

/// What to do about a refusal.
fn advice(code: &str, message: &str) -> &'static str {
    if message.to_ascii_lowercase().contains("kms") {
        return "the objects are encrypted with a KMS key: allow kms:Decrypt on it too";
    }
    match code {
        "SignatureDoesNotMatch" => "the secret key is not that of the access key",
        "InvalidAccessKeyId" => "the access key is not known there",
        "ExpiredToken" | "InvalidToken" => {
            "the session token is over; the source of it must renew it"
        }
        "RequestTimeTooSkewed" => "the clock of this machine is wrong",
        _ => "allow s3:ListBucket on the bucket and s3:GetObject on its objects",
    }
}

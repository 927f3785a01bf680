//! Conversion of S3 errors to messages that contain the fix.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::error_chain;
use crate::{StoreError, StoreOptions};

/// Returns the region of the bucket that S3 reports in an error.
pub(super) fn reported_region<E>(error: &SdkError<E>) -> Option<String> {
    let response = error.raw_response()?;
    if let Some(region) = response.headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    let body = std::str::from_utf8(response.body().bytes()?).ok()?;
    let (_, rest) = body.split_once("<Region>")?;
    let (region, _) = rest.split_once("</Region>")?;
    Some(region.to_owned())
}

/// Converts the error of a request about `location`.
pub(super) fn to_store_error<E>(
    location: &str,
    error: &SdkError<E>,
    options: &StoreOptions,
) -> StoreError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let location = location.to_owned();
    match error {
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            response_error(location, error, options)
        }
        SdkError::TimeoutError(_) => StoreError::Timeout {
            location,
            limit: options.read_timeout,
            setting: "models.read_timeout",
        },
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => StoreError::Timeout {
            location,
            limit: options.read_timeout,
            setting: "models.read_timeout",
        },
        other => {
            let reason = error_chain(other);
            StoreError::Unreachable { location, reason }
        }
    }
}

/// Converts an error response of S3.
fn response_error<E>(location: String, error: &SdkError<E>, options: &StoreOptions) -> StoreError
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let status = error
        .raw_response()
        .map_or(0, |response| response.status().as_u16());
    let code = error.code().unwrap_or("no code");
    let message = error.message().unwrap_or("no message");
    let response = format!("{status} {code}: {message}");
    if let Some(region) = reported_region(error).filter(|_| matches!(status, 301 | 307 | 400)) {
        let configured = options.s3.region.as_deref().unwrap_or("another one");
        return StoreError::UnexpectedResponse {
            location,
            reason: format!(
                "{response}; the bucket is in {region}, and models.s3_region is {configured}"
            ),
            is_transient: false,
        };
    }
    match (status, code) {
        (412, _) => StoreError::Changed { location },
        (_, "NoSuchBucket") => StoreError::NotFound {
            location,
            reason: "there is no such bucket; check the name, the account and the endpoint"
                .to_owned(),
        },
        (404, _) => StoreError::NotFound {
            location,
            reason: "there is no such object".to_owned(),
        },
        (401 | 403, _) | (400, "InvalidAccessKeyId" | "ExpiredToken" | "InvalidToken") => {
            let reason = format!("{response}; {}", advice(code, message));
            StoreError::AccessDenied { location, reason }
        }
        _ => StoreError::UnexpectedResponse {
            location,
            reason: format!("S3 returned {response}"),
            is_transient: status >= 500 || status == 429,
        },
    }
}

/// Returns the fix of an access error.
fn advice(code: &str, message: &str) -> &'static str {
    if message.to_ascii_lowercase().contains("kms") {
        return "the objects are encrypted with a KMS key: allow kms:Decrypt on it too";
    }
    match code {
        "SignatureDoesNotMatch" => "the secret key does not match the access key",
        "InvalidAccessKeyId" => "the service does not know the access key",
        "ExpiredToken" | "InvalidToken" => {
            "the session token has expired and must be renewed by its provider"
        }
        "RequestTimeTooSkewed" => "the clock of this machine is wrong",
        _ => "allow s3:ListBucket on the bucket and s3:GetObject on its objects",
    }
}

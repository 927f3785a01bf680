//! Receiving the body of a request, within its bounds.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::http::problem::{Code, Problem};
use almanac_net::BodyTimeout;

/// Formats of a request body that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
}

/// What is taken for JSON: also a body without a type, and the type that `curl -d` sends.
const JSON: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", ""];
const CSV: [&str; 2] = ["text/csv", "application/csv"];

/// Their media types.
pub(crate) const READ: [&str; 2] = ["application/json", "text/csv"];

impl BodyFormat {
    /// The format that `headers` declare.
    ///
    /// # Errors
    /// [`Code::UnsupportedContentType`] lists what is read.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(declared) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        let declared = declared.to_str().unwrap_or("not text");
        if is_one_of(declared, &JSON) {
            return Ok(Self::Json);
        }
        if is_one_of(declared, &CSV) {
            return Ok(Self::Csv);
        }
        let detail = format!("content type {declared:?} is not read");
        Err(Problem::new(Code::UnsupportedContentType, detail)
            .received(declared)
            .expected(READ))
    }
}

/// Whether the content type `declared` is one of `types`, whatever its case and its parameters.
pub(super) fn is_one_of(declared: &str, types: &[&str]) -> bool {
    let essence = declared.split(';').next().unwrap_or_default().trim();
    types.iter().any(|one| essence.eq_ignore_ascii_case(one))
}

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// [`Code::BodyTooLarge`], at once when the length is declared; [`Code::BodyTimeout`] and
/// [`Code::BodyUnreadable`] when its end does not come.
pub(crate) async fn receive(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, Problem> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let declared: Option<u64> = declared.and_then(|length| length.parse().ok());
    if let Some(length) = declared
        && usize::try_from(length).map_or(true, |length| length > limit)
    {
        return Err(too_large(limit).received(length));
    }
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(error) => Err(match BodyTimeout::find(error.as_ref()) {
            Some(timeout) => Problem::new(Code::BodyTimeout, timeout.to_string()),
            None => Problem::new(Code::BodyUnreadable, format!("the body broke off: {error}")),
        }),
    }
}

fn too_large(limit: usize) -> Problem {
    let detail =
        format!("the body is over the limit of {limit} bytes; send fewer series or shorter ones");
    Problem::new(Code::BodyTooLarge, detail).limit(limit)
}

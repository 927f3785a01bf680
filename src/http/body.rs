//! Receiving the body of a request, within its bounds.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use almanac_net::BodyTimeout;

use crate::call::CallCode;
use crate::http::problem::{Code, Problem};

/// The maximum size of a JSON body of the admin API and of a host, in bytes; a real one has a hundred.
const MAX_JSON: usize = 16 * 1_024;

/// Returns true if the content type `declared` is one of `types`, ignoring case and parameters.
pub(in crate::http) fn is_one_of(declared: &str, types: &[&str]) -> bool {
    let essence = declared.split(';').next().unwrap_or_default().trim();
    types.iter().any(|one| essence.eq_ignore_ascii_case(one))
}

/// Receives the whole body, of at most `limit` bytes.
///
/// # Errors
/// [`Code::BodyTooLarge`], at once when the length is declared; [`Code::BodyTimeout`] and
/// [`Code::BodyUnreadable`] when it ends early.
pub(in crate::http) async fn receive(
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
            None => Problem::new(
                Code::BodyUnreadable,
                format!("the body ended early: {error}"),
            ),
        }),
    }
}

fn too_large(limit: usize) -> Problem {
    let detail =
        format!("the body exceeds the limit of {limit} bytes; send fewer series or shorter ones");
    Problem::new(Code::BodyTooLarge, detail).limit(limit)
}

/// Receives a small JSON body; the default value when it is empty.
///
/// # Errors
/// [`Code::BodyTooLarge`], [`CallCode::InvalidJson`], or [`CallCode::WrongType`] with the field.
pub(in crate::http) async fn receive_json<T: DeserializeOwned + Default>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let body = receive(headers, body, MAX_JSON).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&body).map_err(|error| {
        let code = match error.classify() {
            Category::Data => CallCode::WrongType,
            Category::Io | Category::Syntax | Category::Eof => CallCode::InvalidJson,
        };
        Problem::new(code, error.to_string())
    })
}

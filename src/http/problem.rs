//! Problem documents (RFC 9457), and the one place where errors meet status codes.
//!
//! Inner layers know no status. Their [`CallError`] becomes a problem here, with a stable [`Code`] that
//! clients may match on. The detail is for people and may change.

mod code;
mod mapping;
mod status;

pub use code::Code;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::{CallError, FailedSeries};

/// The error of a request, or of one of its series.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// URI of the kind of problem.
    #[schema(example = "urn:almanac:problem:horizon_too_long")]
    pub r#type: String,
    /// A short description of the kind of problem.
    pub title: &'static str,
    /// HTTP status of the problem.
    pub status: u16,
    /// Stable code to match on; `docs/api.md` lists them all.
    #[schema(value_type = String, example = "horizon_too_long")]
    pub code: Code,
    /// The cause with its values, the limit and the fix.
    pub detail: String,
    /// JSON pointer (RFC 6901) to the field in the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The limit that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The value that was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub received: Option<serde_json::Value>,
    /// The values that would have been accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<String>,
    /// The problem of each series, when every series of a request failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<SeriesProblem>,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<Duration>,
}

/// A series without a forecast.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = FailedSeries)]
pub struct SeriesProblem {
    /// The id of the series, as it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The reason.
    #[schema(no_recursion)]
    pub error: Problem,
}

impl Problem {
    /// Creates a problem of kind `code`.
    #[must_use]
    pub fn new(code: impl Into<Code>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self {
            r#type: format!("urn:almanac:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code,
            detail: detail.into(),
            pointer: None,
            limit: None,
            received: None,
            expected: Vec::new(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// Sets the pointer to the field.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Sets the limit that was exceeded.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets the value that was received.
    #[must_use]
    pub fn received(mut self, received: impl Into<serde_json::Value>) -> Self {
        self.received = Some(received.into());
        self
    }

    /// Sets the values that would have been accepted.
    #[must_use]
    pub fn expected(mut self, expected: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.expected = expected.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the time after which the request may be retried.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        Self {
            pointer: error.path,
            limit: error.limit,
            received: error.received,
            expected: error.expected,
            errors: error.series.into_iter().map(SeriesProblem::from).collect(),
            retry_after: error.retry_after,
            ..Self::new(error.code, error.detail)
        }
    }
}

impl From<FailedSeries> for SeriesProblem {
    fn from(failed: FailedSeries) -> Self {
        Self {
            id: failed.id,
            error: failed.error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(after) = self.retry_after {
            // Rounded up: 0 would invite an immediate retry.
            headers.insert(header::RETRY_AFTER, (after.as_secs() + 1).into());
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

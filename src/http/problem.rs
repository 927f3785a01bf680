//! Problem documents (RFC 9457), and the one place where errors meet status codes.
//!
//! The inner layers' errors know no status. Each is mapped here, without a wildcard arm, to a stable
//! [`Code`] that clients may match on. The detail is for people and may change.

mod code;
mod mapping;

pub use code::Code;
pub(in crate::http) use mapping::{of_draft, of_failure};

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request, or one series of it, has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// URI of the kind of problem.
    #[schema(example = "urn:almanac:problem:horizon_too_long")]
    pub r#type: String,
    /// What kind of problem it is, in a few words.
    pub title: &'static str,
    /// HTTP status that fits it.
    pub status: u16,
    /// Stable code to match on; `docs/api.md` lists them all.
    #[schema(value_type = String, example = "horizon_too_long")]
    pub code: Code,
    /// What happened, with values and the way out.
    pub detail: String,
    /// JSON pointer (RFC 6901) to the field in the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The bound that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// What was received instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub received: Option<serde_json::Value>,
    /// What would have been accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<String>,
    /// When every series of a request failed: the problem of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FailedSeries>,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<Duration>,
}

/// A series that has no forecast.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FailedSeries {
    /// The series' id, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is wrong with it.
    #[schema(no_recursion)]
    pub error: Problem,
}

impl Problem {
    /// A problem of kind `code`.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
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

    /// With the place in the body.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// With the bound that was exceeded.
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// With what was received.
    #[must_use]
    pub fn received(mut self, received: impl Into<serde_json::Value>) -> Self {
        self.received = Some(received.into());
        self
    }

    /// With what would have been accepted.
    #[must_use]
    pub fn expected(mut self, expected: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.expected = expected.into_iter().map(Into::into).collect();
        self
    }

    /// With the time after which the request may be tried again.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The problem of a request of which every series failed.
    ///
    /// A request of one series has that series' problem itself.
    #[must_use]
    pub fn of_all(mut failed: Vec<FailedSeries>) -> Self {
        if failed.len() == 1
            && let Some(only) = failed.pop()
        {
            return only.error;
        }
        let first = failed
            .first()
            .map_or("", |first| first.error.detail.as_str());
        let detail = format!(
            "none of the {} series has a forecast; the first: {first}",
            failed.len()
        );
        Self {
            errors: failed,
            ..Self::new(Code::AllSeriesFailed, detail)
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
            // Rounded up, for 0 would invite the next attempt at once.
            headers.insert(header::RETRY_AFTER, (after.as_secs() + 1).into());
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

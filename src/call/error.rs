//! The error of a call, or of one of its series, in no protocol's words.
//!
//! Every edge translates it: HTTP to a problem document with a status, the command line to a line on
//! standard error, a table to the `error` column.

mod convert;
mod covariate;
mod draft;

pub(crate) use convert::series_failure;
pub(crate) use draft::draft_error;

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::call::CallCode;

/// The error of a call as a whole, or of one of its series.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{detail}")]
pub struct CallError {
    /// The kind of error, for programs.
    pub code: CallCode,
    /// The cause with its values, the limit and the fix, for people.
    pub detail: String,
    /// JSON pointer (RFC 6901) to the field, in the names of the native API.
    pub path: Option<String>,
    /// The limit that was exceeded.
    pub limit: Option<usize>,
    /// The value that was received.
    pub received: Option<Value>,
    /// The values that would have been accepted.
    pub expected: Vec<String>,
    /// The error of each series, when all of them failed.
    pub series: Vec<FailedSeries>,
    /// The earliest time at which a retry makes sense, from now.
    pub retry_after: Option<Duration>,
}

/// A series without a forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedSeries {
    /// The id of the series, as it was received.
    pub id: Option<String>,
    /// The reason.
    pub error: CallError,
}

impl CallError {
    /// Creates an error of kind `code`.
    #[must_use]
    pub fn new(code: CallCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            path: None,
            limit: None,
            received: None,
            expected: Vec::new(),
            series: Vec::new(),
            retry_after: None,
        }
    }

    /// Sets the path of the field.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
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
    pub fn received(mut self, received: impl Into<Value>) -> Self {
        self.received = Some(received.into());
        self
    }

    /// Sets the values that would have been accepted.
    #[must_use]
    pub fn expected(mut self, expected: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.expected = expected.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the time after which the call may be retried.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Creates the error of a call of which every series failed: that of the series itself when there
    /// is only one.
    #[must_use]
    pub fn all_failed(mut failed: Vec<FailedSeries>) -> Self {
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
            series: failed,
            ..Self::new(CallCode::AllSeriesFailed, detail)
        }
    }
}

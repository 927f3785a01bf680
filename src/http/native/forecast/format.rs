//! The format of a request body, by its content type.

use axum::http::{HeaderMap, header};

use crate::http::body::is_one_of;
use crate::http::problem::{Code, Problem};

/// Formats of a request body that are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
}

/// The content types of JSON: also none at all, and the one that `curl -d` sends.
const JSON: [&str; 3] = ["application/json", "application/x-www-form-urlencoded", ""];
const CSV: [&str; 2] = ["text/csv", "application/csv"];

/// The media types of the formats.
pub(crate) const SUPPORTED: [&str; 2] = ["application/json", "text/csv"];

impl BodyFormat {
    /// Returns the format that `headers` declare.
    ///
    /// # Errors
    /// [`Code::UnsupportedContentType`] lists the supported media types.
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
        let detail = format!(
            "unsupported content type {declared:?}; use one of {}",
            SUPPORTED.join(", ")
        );
        Err(Problem::new(Code::UnsupportedContentType, detail)
            .received(declared)
            .expected(SUPPORTED))
    }
}

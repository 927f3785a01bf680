//! The stable codes of the API: those of calls, and those of the API alone.

use axum::http::StatusCode;
use serde::{Serialize, Serializer};

use crate::call::CallCode;
use crate::http::problem::status::status_of;

/// Declares the codes of the API alone in one table: variant, status, text, title.
macro_rules! codes {
    ($($variant:ident = $status:ident, $text:literal, $title:literal;)+) => {
        /// The kind of a problem, for programs. A code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
            /// The error of a call.
            Call(CallCode),
        }

        impl Code {
            /// The codes of the API alone.
            const API: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the code as the API writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Call(code) => code.as_str(),
                }
            }

            /// Returns the status of a response that fails with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                    Self::Call(code) => status_of(code),
                }
            }

            /// Returns a short description of the kind of problem.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                    Self::Call(code) => code.title(),
                }
            }
        }
    };
}

codes! {
    NotFound = NOT_FOUND, "not_found", "Not found";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed";
    UnsupportedContentType = UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", "Unsupported content type";
    NotAcceptable = NOT_ACCEPTABLE, "not_acceptable", "No acceptable content type";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "Request body too large";
    BodyTimeout = REQUEST_TIMEOUT, "body_timeout", "Request body timed out";
    BodyUnreadable = BAD_REQUEST, "body_unreadable", "Request body could not be read";
    InvalidHeader = BAD_REQUEST, "invalid_header", "Invalid header";
    InvalidQuery = BAD_REQUEST, "invalid_query", "Invalid query parameter";
    Unauthorized = UNAUTHORIZED, "unauthorized", "Missing or wrong access key";
    ModelInUse = CONFLICT, "model_in_use", "Model or version in use";
    TooManyAliases = CONFLICT, "too_many_aliases", "Too many aliases";
    InvalidModelName = BAD_REQUEST, "invalid_model_name", "Invalid model name";
    InvalidModel = BAD_REQUEST, "invalid_model", "No loadable model";
    ModelLoaded = CONFLICT, "model_loaded", "Model already loaded";
    NoRoom = INSUFFICIENT_STORAGE, "no_room", "No memory left for another model";
}

impl Code {
    /// The number of codes.
    pub const COUNT: usize = Self::API.len() + CallCode::ALL.len();

    /// Returns every code, in the order of `docs/api.md`.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::API
            .iter()
            .copied()
            .chain(CallCode::ALL.iter().copied().map(Self::Call))
    }

    /// Returns the position of the code in [`Code::all`].
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Call(code) => Self::API.len() + code as usize,
            own => Self::API.iter().position(|one| *one == own).unwrap_or(0),
        }
    }
}

impl From<CallCode> for Code {
    fn from(code: CallCode) -> Self {
        Self::Call(code)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

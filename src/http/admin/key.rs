//! The access key of the admin API.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::http::admin::AdminState;
use crate::http::problem::{Code, Problem};
use almanac_model::Digest;

/// The access key. Only its digest is kept.
#[derive(Clone, Copy, Debug)]
pub struct AccessKey(Digest);

impl AccessKey {
    /// Creates the access key `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Digest::of(text.as_bytes()))
    }

    /// Returns true if `text` is the key. The digests are compared to their last byte, so that the time
    /// does not reveal where they differ.
    fn matches(&self, text: &[u8]) -> bool {
        let other = Digest::of(text);
        let difference = self
            .0
            .bytes()
            .iter()
            .zip(other.bytes())
            .fold(0, |difference, (one, other)| difference | (one ^ other));
        difference == 0
    }
}

/// Passes a request on if it is authorized, and rejects it otherwise.
pub(super) async fn admit(
    State(state): State<AdminState>,
    request: Request,
    next: Next,
) -> Response {
    let refusal = match &state.key {
        Some(key) => with_key(key, request.headers()),
        None => without_key(request.headers()),
    };
    match refusal {
        None => next.run(request).await,
        Some(detail) => {
            let mut response = Problem::new(Code::Unauthorized, detail).into_response();
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
    }
}

fn with_key(key: &AccessKey, headers: &HeaderMap) -> Option<&'static str> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    match given {
        None => Some("send the access key as authorization: Bearer KEY"),
        Some(text) => (!key.matches(text)).then_some("the access key is not the configured one"),
    }
}

/// Rejects browsers: without a key only this machine reaches the listener, but so does any page in a
/// browser on it.
fn without_key(headers: &HeaderMap) -> Option<&'static str> {
    headers
        .contains_key(header::ORIGIN)
        .then_some("browsers may use the admin API only if it has an access key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_itself_matches() {
        let key = AccessKey::new("0123456789abcdef");
        assert!(key.matches(b"0123456789abcdef"));
        for other in ["", "0123456789abcdeF", "0123456789abcdef "] {
            assert!(!key.matches(other.as_bytes()), "{other:?}");
        }
    }
}

//! A response of the service, and assertions on it.

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::Value;

/// A response whose body has been read.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the body of a successful response.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Returns the forecast of the only series.
    #[track_caller]
    pub(crate) fn only(&self) -> Value {
        let mut body = self.ok();
        assert_eq!(body["forecasts"].as_array().map(Vec::len), Some(1));
        body["forecasts"][0].take()
    }

    /// Returns the problem document of a failure, after checking its status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status, body["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
        body
    }
}

/// Returns the numbers of a JSON array.
#[track_caller]
pub(crate) fn numbers(array: &Value) -> Vec<f64> {
    let array = array
        .as_array()
        .unwrap_or_else(|| panic!("not an array: {array}"));
    array.iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Returns the strings of a JSON array.
#[track_caller]
pub(crate) fn texts(array: &Value) -> Vec<&str> {
    let array = array
        .as_array()
        .unwrap_or_else(|| panic!("not an array: {array}"));
    array.iter().map(|value| value.as_str().unwrap()).collect()
}

//! Bodies and collectors that fail, and requests that are refused before their body is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Body;
use axum::http::{Request, header};
use bytes::Bytes;
use http_body::Frame;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use serde_json::json;

use super::provoke::narrow_app;
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder, poll_once};

/// A body that yields a chunk, and then an error.
pub(super) struct Broken {
    piece: Option<Bytes>,
    error: Option<BoxError>,
}

impl Broken {
    /// Returns a forecast request whose body ends with `error`.
    pub(super) fn request(error: impl Into<BoxError>) -> Request<Body> {
        let piece = Some(Bytes::from_static(b"{\"values\": ["));
        let body = Self {
            piece,
            error: Some(error.into()),
        };
        Request::post("/forecast").body(Body::new(body)).unwrap()
    }
}

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = self.piece.take().map(|piece| Ok(Frame::data(piece)));
        Poll::Ready(piece.or_else(|| self.error.take().map(Err)))
    }
}

/// A body that never yields anything.
struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

/// Returns a request whose body never arrives.
pub(super) fn silent() -> Request<Body> {
    Request::post("/forecast").body(Body::new(Silent)).unwrap()
}

/// Returns a request that declares `length` bytes and sends none; the server must not wait for them.
pub(super) fn declared(length: usize) -> Request<Body> {
    let request = Request::post("/forecast").header(header::CONTENT_LENGTH, length);
    request.body(Body::new(Silent)).unwrap()
}

/// Returns a request of `length` bytes without a declared length.
pub(super) fn without_length(length: usize) -> Request<Body> {
    Request::post("/forecast")
        .body(Body::from(" ".repeat(length)))
        .unwrap()
}

/// A collector that panics when it is scraped.
pub(super) struct Panicking(Desc);

impl Default for Panicking {
    fn default() -> Self {
        let desc = Desc::new(
            "panicking".to_owned(),
            "For a test.".to_owned(),
            vec![],
            [].into(),
        );
        Self(desc.unwrap())
    }
}

impl Collector for Panicking {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        panic!("a panic for a test")
    }
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let body = json!({"values": [1, 2], "horizon": 1}).to_string();
    let padded = format!("{body}{}", " ".repeat(600 - body.len()));
    narrow_app()
        .post("/forecast", "application/json", padded)
        .await
        .ok();
}

#[tokio::test]
async fn an_unsupported_method_is_answered_with_the_supported_ones() {
    let app = narrow_app();
    let allow = async |uri: &str| {
        let request = Request::put(uri).body(Body::empty()).unwrap();
        let answer = app.send(request).await;
        let mut methods: Vec<_> = answer
            .header("allow")
            .unwrap()
            .split(',')
            .map(|method| method.trim().to_owned())
            .collect();
        methods.sort();
        methods
    };
    assert_eq!(allow("/forecast").await, ["GET", "HEAD", "POST"]);
    assert_eq!(allow("/models").await, ["GET", "HEAD"]);
    assert_eq!(allow("/openapi.json").await, ["GET", "HEAD"]);
}

#[tokio::test]
async fn a_failed_request_does_not_affect_the_next() {
    let app = TestApp::scripted(Scripted::last_value());
    for broken in [Broken::request("gone"), without_length(100)] {
        assert_eq!(app.send(broken).await.status, 400);
    }
    app.forecast(&json!({"values": [1, 2], "horizon": 1}))
        .await
        .ok();
}

#[tokio::test]
async fn a_client_that_disconnects_frees_its_place_in_the_queue_at_once() {
    let (gated, mut gate) = Scripted::gated();
    let app = TestAppBuilder::scripted()
        .queue_steps(8)
        .workers(vec![gated])
        .build();
    let body = json!({"values": [1, 2], "horizon": 2});
    let mut running = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut running).await.is_none());
    assert_eq!(gate.batch_started().await, 1);
    let [mut leaving, mut staying] = [(); 2].map(|()| Box::pin(app.forecast(&body)));
    assert!(poll_once(&mut leaving).await.is_none());
    assert!(poll_once(&mut staying).await.is_none());
    assert_eq!(app.forecast(&body).await.status, 429);
    assert!(app.metric("almanac_engine_refused_total", &[("reason", "queue_full")]) > 0.0);

    // The worker is still busy: only admission can notice that a client has disconnected.
    drop(leaving);
    let mut next = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut next).await.is_none());
    gate.release();
    gate.release();
    for answer in [running.await, staying.await, next.await] {
        answer.ok();
    }
    assert!((app.metric("almanac_engine_dropped_total", &[]) - 1.0).abs() < 0.5);
}

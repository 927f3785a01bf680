use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::*;
use crate::testing::{interrupted, serve, short_timeouts};
use crate::{Source, Store};

fn open(text: &str) -> Box<dyn Store> {
    let source: Source = text.parse().unwrap();
    source.open(&short_timeouts()).unwrap()
}

#[tokio::test]
async fn fetches_the_files_in_the_manifest() {
    let manifest = format!("[files]\n\"model.onnx\" = \"{}\"\n", Digest::of(b"graph"));
    let revision = Digest::of(manifest.as_bytes()).to_string();
    let router = Router::new()
        .route("/store/3/manifest.toml", get(|| async { manifest }))
        .route("/store/3/model.onnx", get(|| async { "graph" }));
    let store = open(&format!("{}/store/3/", serve(router).await));
    let listings = store.list().await.unwrap();
    let Listing { name, version, .. } = &listings[0];
    assert_eq!((name.as_str(), version.as_str()), ("store", "3"));
    assert_eq!(listings[0].revision, revision);
    let files = store.fetch(&listings[0]).await.unwrap();
    assert_eq!(files["model.onnx"].as_ref(), b"graph");
    assert!(!store.has_authoritative_names());
}

#[tokio::test]
async fn a_graph_must_have_its_digest() {
    let router = Router::new().route("/net.onnx", get(|| async { "graph" }));
    let server = serve(router).await;
    let store = open(&format!("{server}/net.onnx#{}", Digest::of(b"graph")));
    let listings = store.list().await.unwrap();
    assert_eq!(listings[0].name, "net");
    assert_eq!(listings[0].version, version_of(Digest::of(b"graph")));
    let files = store.fetch(&listings[0]).await.unwrap();
    assert_eq!(files[MODEL].as_ref(), b"graph");

    let store = open(&format!("{server}/net.onnx#{}", Digest::of(b"other")));
    let listings = store.list().await.unwrap();
    let error = store.fetch(&listings[0]).await.unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error}");
}

#[tokio::test]
async fn an_interrupted_download_is_resumed() {
    const TEXT: &str = "0123456789";
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let handler = move |headers: HeaderMap| async move {
        let tag = [("etag", "\"1\"")];
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            return (tag, interrupted(TEXT)).into_response();
        }
        assert_eq!(headers["range"], "bytes=5-");
        assert_eq!(headers["if-range"], "\"1\"");
        let range = [("content-range", "bytes 5-9/10")];
        (StatusCode::PARTIAL_CONTENT, tag, range, &TEXT[5..]).into_response()
    };
    let server = serve(Router::new().route("/a.onnx", get(handler))).await;
    let store = open(&format!("{server}/a.onnx#{}", Digest::of(TEXT.as_bytes())));
    let listings = store.list().await.unwrap();
    let files = store.fetch(&listings[0]).await.unwrap();
    assert_eq!(files[MODEL].as_ref(), TEXT.as_bytes());
    assert_eq!(requests.load(Ordering::Relaxed), 2);
}

/// Fetches a graph from a server that sends `response`, and checks the error message and the number
/// of requests.
async fn check_fetch_error<F, Fut>(response: F, expected: &str, n_requests: usize)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send,
{
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let handler = move |_: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        response()
    };
    let server = serve(Router::new().route("/a.onnx", get(handler))).await;
    let store = open(&format!(
        "{server}/a.onnx?secret=hunter2#{}",
        Digest::of(b"")
    ));
    let listings = store.list().await.unwrap();
    let error = store.fetch(&listings[0]).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    assert!(error.contains(expected), "{error}");
    assert_eq!(requests.load(Ordering::Relaxed), n_requests, "{error}");
}

#[tokio::test]
async fn a_failed_fetch_names_the_cause() {
    let denied = || async { StatusCode::FORBIDDEN.into_response() };
    check_fetch_error(denied, "access denied: the server returned 403", 1).await;
    let missing = || async { StatusCode::NOT_FOUND.into_response() };
    check_fetch_error(missing, "the server returned 404", 1).await;
    let busy = || async { StatusCode::SERVICE_UNAVAILABLE.into_response() };
    check_fetch_error(busy, "the server returned 503", 2).await;
    let interrupts = || async { Response::new(interrupted("0123456789")) };
    check_fetch_error(interrupts, "cannot be reached: ", 2).await;
    let hangs = || async { std::future::pending::<Response>().await };
    check_fetch_error(hangs, "models.read_timeout", 2).await;
}

#[tokio::test]
async fn a_file_larger_than_the_limit_is_not_read() {
    let router = Router::new().route("/a.onnx", get(|| async { "0123456789" }));
    let text = format!(
        "{}/a.onnx#{}",
        serve(router).await,
        Digest::of(b"0123456789")
    );
    let source: Source = text.parse().unwrap();
    for (limit, fits) in [(10, true), (9, false)] {
        let options = StoreOptions {
            max_bundle: limit,
            ..short_timeouts()
        };
        let store = source.open(&options).unwrap();
        let listings = store.list().await.unwrap();
        assert_eq!(store.fetch(&listings[0]).await.is_ok(), fits, "{limit}");
    }
}

#[test]
fn other_machines_are_not_reached_over_http() {
    let open = |text: &str, allow_http| {
        let source: Source = text.parse().unwrap();
        let options = StoreOptions {
            allow_http,
            ..StoreOptions::default()
        };
        source.open(&options).map(drop)
    };
    let error = open("http://models.example/a/1/", false).unwrap_err();
    assert!(error.to_string().contains("models.allow_http"), "{error}");
    open("http://models.example/a/1/", true).unwrap();
    for local in [
        "http://127.0.0.1:1/a/1/",
        "http://[::1]/a/1/",
        "http://localhost/a/1/",
    ] {
        open(local, false).unwrap();
    }
}

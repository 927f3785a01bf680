use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::*;
use crate::testing::{broken, impatient, serve};
use crate::{Source, Store};

fn open(text: &str) -> Box<dyn Store> {
    let source: Source = text.parse().unwrap();
    source.open(&impatient()).unwrap()
}

#[tokio::test]
async fn fetches_a_bundle_by_its_manifest() {
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
    assert!(!store.names_models());
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
async fn a_download_that_breaks_goes_on_where_it_broke() {
    const TEXT: &str = "0123456789";
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let answer = move |headers: HeaderMap| async move {
        let tag = [("etag", "\"1\"")];
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            return (tag, broken(TEXT)).into_response();
        }
        assert_eq!(headers["range"], "bytes=5-");
        assert_eq!(headers["if-range"], "\"1\"");
        let range = [("content-range", "bytes 5-9/10")];
        (StatusCode::PARTIAL_CONTENT, tag, range, &TEXT[5..]).into_response()
    };
    let server = serve(Router::new().route("/a.onnx", get(answer))).await;
    let store = open(&format!("{server}/a.onnx#{}", Digest::of(TEXT.as_bytes())));
    let listings = store.list().await.unwrap();
    let files = store.fetch(&listings[0]).await.unwrap();
    assert_eq!(files[MODEL].as_ref(), TEXT.as_bytes());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// Why a graph cannot be fetched whose server answers like this.
async fn reason<F, Fut>(answer: F) -> (String, usize)
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send,
{
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let answer = move |_: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        answer()
    };
    let server = serve(Router::new().route("/a.onnx", get(answer))).await;
    let store = open(&format!(
        "{server}/a.onnx?secret=hunter2#{}",
        Digest::of(b"")
    ));
    let listings = store.list().await.unwrap();
    let error = store.fetch(&listings[0]).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
    (error, asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn says_why_nothing_came() {
    let check = |(error, asked): (String, usize), expected: &str, times: usize| {
        assert!(error.contains(expected), "{error}");
        assert_eq!(asked, times, "{error}");
    };
    let denied = || async { StatusCode::FORBIDDEN.into_response() };
    check(
        reason(denied).await,
        "access denied: the server answered 403",
        1,
    );
    let missing = || async { StatusCode::NOT_FOUND.into_response() };
    check(reason(missing).await, "the server answered 404", 1);
    let busy = || async { StatusCode::SERVICE_UNAVAILABLE.into_response() };
    check(reason(busy).await, "the server answered 503", 2);
    let breaks = || async { Response::new(broken("0123456789")) };
    check(reason(breaks).await, "cannot be reached: ", 2);
    let hangs = || async { std::future::pending::<Response>().await };
    check(reason(hangs).await, "models.read_timeout", 2);
}

#[tokio::test]
async fn a_file_over_the_limit_is_not_read() {
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
            ..impatient()
        };
        let store = source.open(&options).unwrap();
        let listings = store.list().await.unwrap();
        assert_eq!(store.fetch(&listings[0]).await.is_ok(), fits, "{limit}");
    }
}

#[test]
fn other_machines_are_not_asked_over_http() {
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

//! Local servers for tests.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::{StreamExt as _, stream};

use crate::StoreOptions;

/// Starts a server on a local port, and returns its address.
pub(super) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Returns options with two attempts and a short timeout.
pub(super) fn short_timeouts() -> StoreOptions {
    StoreOptions {
        attempts: 2,
        read_timeout: Duration::from_millis(500),
        ..StoreOptions::default()
    }
}

/// Returns a body that fails after the first half of `text`.
pub(super) fn interrupted(text: &str) -> Body {
    let half = text[..text.len() / 2].to_owned();
    // The first half is sent only if the stream is pending before it fails.
    let failure = async {
        tokio::task::yield_now().await;
        Err(std::io::Error::other("interrupted by the test"))
    };
    let first = std::future::ready(Ok(half));
    Body::from_stream(stream::once(first).chain(stream::once(failure)))
}

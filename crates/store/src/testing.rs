//! Servers on this machine that answer as a test says.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::{StreamExt as _, stream};

use crate::StoreOptions;

/// A server on a port of this machine, and its address.
pub(super) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Two attempts, and little patience.
pub(super) fn impatient() -> StoreOptions {
    StoreOptions {
        attempts: 2,
        read_timeout: Duration::from_millis(500),
        ..StoreOptions::default()
    }
}

/// The first half of `text`, and then the connection breaks.
pub(super) fn broken(text: &str) -> Body {
    let half = text[..text.len() / 2].to_owned();
    // What came before the break is sent once the stream has been found waiting.
    let breaks = async {
        tokio::task::yield_now().await;
        Err(std::io::Error::other("broken on purpose"))
    };
    let begins = std::future::ready(Ok(half));
    Body::from_stream(stream::once(begins).chain(stream::once(breaks)))
}

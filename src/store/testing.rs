//! Servers on this machine that answer as a test says.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;

use crate::store::StoreOptions;

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
    let pieces = [Ok(half), Err(std::io::Error::other("broken on purpose"))];
    Body::from_stream(futures_util::stream::iter(pieces))
}

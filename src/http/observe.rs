//! What happens around every request: its id, its metrics, its line in the log.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Response as HttpResponse};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::http::timing::{Phases, server_timing};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The id of a request; a request extension.
#[derive(Clone, Debug)]
struct RequestId(HeaderValue);

/// Gives each request an id, the client's own where it is fit for a log, and echoes it.
pub(super) async fn identify(mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| {
            let bytes = id.as_bytes();
            (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        })
        .cloned()
        .unwrap_or_else(new_id);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// 128 random bits in hexadecimal.
fn new_id() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

/// Counts, times and logs a request. Health checks and scrapes are logged at debug, for there are
/// many and they say little.
pub(super) async fn observe(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let extensions = request.extensions();
    // The pattern and not the path, so that clients cannot make up label values.
    let route = extensions
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|ConnectInfo(peer)| *peer);
    let id = extensions.get::<RequestId>().cloned();
    let in_flight = state.metrics.in_flight();
    let mut response = next.run(request).await;
    drop(in_flight);

    let duration = started.elapsed();
    let phases = response.extensions().get::<Phases>().copied();
    let code = response
        .extensions()
        .get::<Code>()
        .map_or("", |code| code.as_str());
    let status = response.status();
    if let Ok(timing) = HeaderValue::try_from(server_timing(phases, duration)) {
        response.headers_mut().insert(SERVER_TIMING, timing);
    }
    state
        .metrics
        .answered(&method, &route, (status, code), duration);
    let id = id
        .as_ref()
        .and_then(|RequestId(id)| id.to_str().ok())
        .unwrap_or_default();
    let peer = peer.map(tracing::field::display);
    let (status, duration_seconds) = (status.as_u16(), duration.as_secs_f64());
    if matches!(route.as_str(), "/forecast" | "other") || status >= 500 {
        tracing::info!(%method, route, status, code, duration_seconds, request_id = id, peer, "request");
    } else {
        tracing::debug!(%method, route, status, code, duration_seconds, request_id = id, peer, "request");
    }
    response
}

/// The answer of a handler that panicked; the cause goes to the log, not to the client.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands it over by value"
)]
pub(super) fn answer_panic(panic: Box<dyn Any + Send>) -> HttpResponse<Body> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let reason = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(reason, "a handler panicked");
    Problem::new(Code::Internal, "the server failed on this request").into_response()
}

//! Whether the process lives, has started, and should be sent requests.
//!
//! None of these touches the engine, so they are answered while it is saturated.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::state::AppState;
use almanac_engine::registry::{ModelState, ResolveError};

/// Says that the process lives
///
/// A failure means: start it anew.
#[utoipa::path(get, path = "/healthz", tag = "health", responses(
    (status = 200, description = "It lives", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn get_healthz() -> &'static str {
    "alive\n"
}

/// Says whether to send requests
///
/// Ready means that the default model serves and the process is not ending.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "Send requests", body = String, content_type = "text/plain"),
    (status = 503, description = "Send none, for the reason given", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn get_readyz(State(state): State<AppState>) -> (StatusCode, String) {
    if !state.shutdown.phase().is_ready() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting down\n".to_owned(),
        );
    }
    readiness(state.calls.registry.resolve(None).map(drop))
}

/// Says whether the start is over
///
/// Started means that every configured model is ready or has failed.
#[utoipa::path(get, path = "/startupz", tag = "health", responses(
    (status = 200, description = "Started", body = String, content_type = "text/plain"),
    (status = 503, description = "Still loading models", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn get_startupz(State(state): State<AppState>) -> (StatusCode, String) {
    let loading: Vec<_> = state
        .calls
        .registry
        .states()
        .into_iter()
        .filter_map(|(name, state)| matches!(state, ModelState::Loading).then_some(name))
        .collect();
    if loading.is_empty() {
        (StatusCode::OK, "started\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("loading {}\n", loading.join(", ")),
        )
    }
}

/// Says whether to send requests, with no body
///
/// The health check of SageMaker's hosting contract. A multi-model endpoint, which begins without a
/// model, is healthy when it lives and is not ending.
#[utoipa::path(get, path = "/ping", tag = "health", responses(
    (status = 200, description = "Send requests"),
    (status = 503, description = "Send none"),
))]
pub(in crate::http) async fn get_ping(state: State<AppState>) -> StatusCode {
    if state.sagemaker.hosting.is_some() && state.shutdown.phase().is_ready() {
        return StatusCode::OK;
    }
    get_readyz(state).await.0
}

fn readiness(default: Result<(), ResolveError>) -> (StatusCode, String) {
    match default {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

//! Liveness, startup and readiness.
//!
//! None of these uses the engine, so they respond while it is saturated.

use axum::extract::State;
use axum::http::StatusCode;

use crate::http::state::AppState;
use almanac_engine::registry::{ModelState, ResolveError};

/// Reports liveness
///
/// A failure means that the process should be restarted.
#[utoipa::path(get, path = "/healthz", tag = "health", responses(
    (status = 200, description = "The process is alive", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn get_healthz() -> &'static str {
    "alive\n"
}

/// Reports readiness
///
/// Ready means that the default model serves and the process is not shutting down.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "Ready", body = String, content_type = "text/plain"),
    (status = 503, description = "Not ready, with the reason", body = String, content_type = "text/plain"),
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

/// Reports the end of startup
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

/// Reports readiness without a body
///
/// The health check of SageMaker's hosting contract. A multi-model endpoint, which starts without a
/// model, is healthy until it shuts down.
#[utoipa::path(get, path = "/ping", tag = "health", responses(
    (status = 200, description = "Ready"),
    (status = 503, description = "Not ready"),
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

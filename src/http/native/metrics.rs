//! `GET /metrics`.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus::TextEncoder;

use crate::call::CallCode;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Returns all metrics in the Prometheus text format
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Every metric of the process", body = String, content_type = "text/plain"),
))]
pub(in crate::http) async fn get_metrics(
    State(state): State<AppState>,
) -> Result<impl IntoResponse, Problem> {
    let text = TextEncoder::new()
        .encode_to_string(&state.all_metrics.gather())
        .map_err(|error| Problem::new(CallCode::Internal, error.to_string()))?;
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    ))
}

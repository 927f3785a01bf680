//! The hosting contract of SageMaker: `/invocations` and `/execution-parameters`; `/ping` is among
//! the health endpoints.

use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::forecast;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// The largest payload that SageMaker sends, in MiB.
const MOST_PAYLOAD: usize = 100;

/// How a batch transform should call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ExecutionParameters {
    /// Requests at once: enough that a worker always has a batch waiting.
    max_concurrent_transforms: usize,
    /// Many records in one request, which go into one batch.
    #[schema(example = "MULTI_RECORD")]
    batch_strategy: &'static str,
    /// Largest request body in MiB.
    #[serde(rename = "MaxPayloadInMB")]
    max_payload_in_mb: usize,
}

/// Forecasts, as `POST /forecast` does
///
/// Where SageMaker sends requests.
#[utoipa::path(
    post,
    path = "/invocations",
    tag = "sagemaker",
    request_body(
        content(
            (forecast::ForecastBody = "application/json"),
            (String = "text/csv", example = "month,passengers\n1949-01-01,112\n1949-02-01,118\n1949-03-01,132\n"),
            (String = "application/jsonlines", example = "{\"values\":[1,2,3],\"horizon\":2}\n{\"values\":[4,5,6],\"horizon\":2}\n")
        )
    ),
    responses(
        (status = 200, description = "Forecasts, at least one", content(
            (forecast::ForecastAnswer<'_> = "application/json"), (String = "text/csv"), (String = "application/jsonlines")
        )),
        (status = "4XX", description = "The request is wrong", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
        (status = "5XX", description = "The server cannot answer now", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
    )
)]
pub(super) async fn post_invocations(
    state: State<AppState>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    forecast::post_forecast(state, query, headers, body).await
}

/// Says how a batch transform should call
#[utoipa::path(get, path = "/execution-parameters", tag = "sagemaker", responses(
    (status = 200, description = "How to call", body = ExecutionParameters),
))]
pub(super) async fn get_execution_parameters(
    State(state): State<AppState>,
) -> Json<ExecutionParameters> {
    let workers = state
        .registry
        .resolve(None)
        .map_or(1, |live| live.engine.workers());
    Json(ExecutionParameters {
        max_concurrent_transforms: 2 * workers,
        batch_strategy: "MULTI_RECORD",
        max_payload_in_mb: (state.max_body >> 20).clamp(1, MOST_PAYLOAD),
    })
}

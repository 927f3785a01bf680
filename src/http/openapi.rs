//! `GET /openapi.json`: the document, assembled from the descriptions of the handlers.

use std::future::{Ready, ready};

use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Almanac",
        description = "Forecasts time series: one POST, no training. Every answer carries `x-request-id` and `server-timing`; every error is a problem document (RFC 9457) with a stable `code`.",
    ),
    tags(
        (name = "forecast", description = "Forecasts"),
        (name = "models", description = "Models and their versions"),
        (name = "health", description = "Health checks and metrics"),
        (name = "sagemaker", description = "SageMaker's hosting contract"),
    )
)]
struct ServiceDocument;

/// Returns the document without routes.
pub(super) fn base() -> utoipa::openapi::OpenApi {
    ServiceDocument::openapi()
}

pub(super) fn pretty(document: &utoipa::openapi::OpenApi) -> String {
    // A document of strings and maps always serializes.
    document.to_pretty_json().unwrap_or_default()
}

pub(super) fn serialized(document: &utoipa::openapi::OpenApi) -> Bytes {
    Bytes::from(document.to_json().unwrap_or_default())
}

/// Responds with `document`.
pub(super) fn get_openapi(document: Bytes) -> Ready<impl IntoResponse> {
    ready(([(header::CONTENT_TYPE, "application/json")], document))
}

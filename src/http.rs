//! HTTP: routes, then layers in order. Every limit of a request is visible here or in
//! [`server`].

mod forecast;
mod health;
mod metrics;
mod models;
mod observe;
mod openapi;
mod problem;
pub mod server;
mod state;
mod timing;

pub use metrics::HttpMetrics;
pub use problem::{Code, FailedSeries, Problem};
pub use state::{AppState, AppStateParts};

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The whole service: every route, and what happens around each request.
pub fn router(state: AppState) -> Router {
    let (routes, document) = documented().split_for_parts();
    let document = openapi::serialized(&document);
    routes
        .route("/openapi.json", get(move || openapi::get_openapi(document)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Layers wrap what stands above them: the last is the first to see a request.
        //
        // A handler that takes too long is dropped, and with it its place in the queue.
        .layer(from_fn_with_state(state.clone(), timing::limit_duration))
        // A handler that panics fails its own request.
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(
            observe::answer_panic,
        ))
        // Counted, logged, and given its id and timings, whatever became of it above.
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .layer(from_fn(observe::identify))
        .with_state(state)
}

/// The OpenAPI document of the service, as JSON.
#[must_use]
pub fn openapi_document() -> String {
    openapi::pretty(&documented().split_for_parts().1)
}

fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(forecast::post_forecast, forecast::get_forecast))
        .routes(routes!(models::list_models))
        .routes(routes!(models::get_model))
        .routes(routes!(health::get_healthz))
        .routes(routes!(health::get_readyz))
        .routes(routes!(health::get_startupz))
        .routes(routes!(health::get_ping))
        .routes(routes!(metrics::get_metrics))
}

async fn not_found(uri: Uri) -> Problem {
    let path = uri.path();
    Problem::new(
        Code::NotFound,
        format!("there is nothing at {path}; GET /openapi.json lists what there is"),
    )
    .received(path)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "{method} is not served at {}; the Allow header lists what is",
        uri.path()
    );
    Problem::new(Code::MethodNotAllowed, detail).received(method.as_str())
}

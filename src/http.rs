//! HTTP: routes, then layers in order.
//!
//! `native` is this project's own API, `dialects` the protocols of other systems; both translate to
//! [`call`](crate::call). Every limit of a request is visible here or in [`almanac_net`].

mod admin;
mod body;
mod dialects;
mod layers;
mod native;
mod negotiation;
mod openapi;
mod problem;
mod query;
mod state;
mod terms;

pub use admin::{AccessKey, AdminState, admin_openapi_document, admin_router};
pub use dialects::sagemaker::{SageMaker, Strategy, Transform, preferring};
pub use layers::metrics::HttpMetrics;
pub use layers::observation::{Observation, ROUTINE};
pub use native::backtest::BacktestAnswer;
pub use native::forecast::json::parse as parse_forecast;
pub use problem::{Code, Problem, SeriesProblem};
pub use state::{AppState, AppStateParts};

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::get;
use tower::layer::layer_fn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::dialects::sagemaker;
use crate::http::layers::observe::{Observe, Observer};
use crate::http::layers::timing::LimitDuration;
use crate::http::native::{backtest, forecast, health, metrics, models};

/// The path of the OpenAPI document.
const OPENAPI: &str = "/openapi.json";

/// Creates the router of the service: every route, and the layers around each request.
pub fn router(state: AppState) -> Router {
    let hosted = state.sagemaker.hosting.is_some();
    let (routes, document) = documented(Models::of(hosted)).split_for_parts();
    let patterns = document.paths.paths.keys().map(String::as_str);
    let observer = Arc::new(Observer::new(&state, patterns.chain([OPENAPI])));
    let document = openapi::serialized(&document);
    let limit = state.request_timeout;
    let hosting = state.sagemaker.load_timeout.max(limit);
    routes
        .route(OPENAPI, get(move || openapi::get_openapi(document)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // One layer for both, because axum boxes and clones each layer for every request. The outermost is
        // the first to see a request.
        .layer(layer_fn(move |route| Observe {
            // Counts and logs the request, adds its id and timings, and responds even if a handler panics.
            observer: Arc::clone(&observer),
            // Drops a handler that takes too long, and with it its place in the queue.
            inner: LimitDuration {
                inner: route,
                limit,
                hosting,
            },
        }))
        .with_state(state)
}

/// Returns the OpenAPI document of the service, as JSON.
#[must_use]
pub fn openapi_document() -> String {
    openapi::pretty(&documented(Models::OfSources).split_for_parts().1)
}

/// Returns the OpenAPI document of a multi-model endpoint of SageMaker, as JSON.
#[must_use]
pub fn multi_model_openapi_document() -> String {
    openapi::pretty(&documented(Models::OfHost).split_for_parts().1)
}

/// The owner of the paths below `/models`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Models {
    /// The native API.
    OfSources,
    /// SageMaker, on a multi-model endpoint.
    OfHost,
}

impl Models {
    const fn of(hosted: bool) -> Self {
        if hosted {
            Self::OfHost
        } else {
            Self::OfSources
        }
    }

    fn routes(self) -> OpenApiRouter<AppState> {
        match self {
            Self::OfSources => OpenApiRouter::new()
                .routes(routes!(models::list_models))
                .routes(routes!(models::get_model)),
            Self::OfHost => OpenApiRouter::new()
                .routes(routes!(sagemaker::list_models, sagemaker::post_model))
                .routes(routes!(sagemaker::get_model, sagemaker::delete_model))
                .routes(routes!(sagemaker::post_invoke)),
        }
    }
}

fn documented(models: Models) -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(forecast::post_forecast, forecast::get_forecast))
        .routes(routes!(backtest::post_backtest))
        .routes(routes!(sagemaker::post_invocations))
        .routes(routes!(sagemaker::get_execution_parameters))
        .merge(models.routes())
        .routes(routes!(models::list_versions))
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
        format!("no route at {path}; GET /openapi.json lists the routes"),
    )
    .received(path)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!(
        "method {method} is not allowed at {}; the Allow header lists the methods",
        uri.path()
    );
    Problem::new(Code::MethodNotAllowed, detail).received(method.as_str())
}

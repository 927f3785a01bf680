//! The admin API, on its own listener: changes the served models while the server runs.

mod body;
mod key;
mod overview;

pub use key::AccessKey;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::layer::layer_fn;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::admin::body::{AliasBody, LoadBody, RouteBody, checked_alias};
use crate::http::admin::overview::AdminOverview;
use crate::http::body::receive_json;
use crate::http::layers::timing::LimitDuration;
use crate::http::problem::Problem;
use crate::http::{OPENAPI, method_not_allowed, not_found, openapi};
use almanac_engine::registry::{KeeperHandle, Registry};

/// The state of the admin API; cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminState {
    /// The models.
    pub registry: Arc<Registry>,
    /// The handle of the keeper, which owns the models.
    pub keeper: KeeperHandle,
    /// The key that clients must send; without one, every client that reaches the listener is accepted.
    pub key: Option<AccessKey>,
    /// The maximum time from the head of a request to its response.
    pub request_timeout: Duration,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Almanac, admin API",
        description = "Changes which models are served. Every error is a problem document (RFC 9457) with a stable `code`.",
    ),
    tags((name = "admin", description = "Models and their versions"))
)]
struct AdminDocument;

/// Creates the router of the admin API, behind the access key.
pub fn admin_router(state: AdminState) -> Router {
    let (routes, document) = documented().split_for_parts();
    let document = openapi::serialized(&document);
    let limit = state.request_timeout;
    routes
        .route(OPENAPI, get(move || openapi::get_openapi(document)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), key::admit))
        .layer(layer_fn(move |inner| LimitDuration {
            inner,
            limit,
            hosting: limit,
        }))
        .with_state(state)
}

/// Returns the OpenAPI document of the admin API, as JSON.
#[must_use]
pub fn admin_openapi_document() -> String {
    openapi::pretty(&documented().split_for_parts().1)
}

fn documented() -> OpenApiRouter<AdminState> {
    OpenApiRouter::with_openapi(AdminDocument::openapi())
        .routes(routes!(list_models))
        .routes(routes!(reload))
        .routes(routes!(load_model))
        .routes(routes!(remove_model))
        .routes(routes!(remove_version))
        .routes(routes!(route_model))
        .routes(routes!(set_alias))
        .routes(routes!(remove_alias))
}

/// Lists the sources, the models, their routes and their versions
#[utoipa::path(get, path = "/admin/models", tag = "admin", responses(
    (status = 200, description = "The sources and the models", body = AdminOverview),
    (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
))]
async fn list_models(State(state): State<AdminState>) -> Result<Json<AdminOverview>, Problem> {
    let overview = state.keeper.overview().await?;
    Ok(Json(AdminOverview::of(&state.registry, overview)))
}

/// Polls every source now
///
/// New versions are loaded as after any poll; the response does not wait for them.
#[utoipa::path(post, path = "/admin/reload", tag = "admin", responses(
    (status = 202, description = "The sources are being polled"),
    (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
))]
async fn reload(State(state): State<AdminState>) -> StatusCode {
    state.keeper.poll_sources();
    StatusCode::ACCEPTED
}

/// Loads a version
///
/// Failed and removed versions can be loaded again. The version is kept in addition to the serving version, and answers the
/// requests that name it; a route lets it answer others. The response does not wait for it: the versions
/// of the model show its state.
#[utoipa::path(post, path = "/admin/models/{name}/load", tag = "admin",
    params(("name" = String, Path, description = "Name of the model", example = "airline")),
    request_body(content = LoadBody, content_type = "application/json"),
    responses(
        (status = 202, description = "The version is being loaded, or is loaded", body = AdminOverview),
        (status = 404, description = "No source has the version", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn load_model(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<AdminOverview>), Problem> {
    let LoadBody { version } = receive_json(&headers, body).await?;
    let overview = state.keeper.load(&name, version.as_deref()).await?;
    let overview = AdminOverview::of(&state.registry, overview);
    Ok((StatusCode::ACCEPTED, Json(overview)))
}

/// Removes a model
///
/// The model is unloaded after its last request, and is not loaded again until the process restarts or a
/// load is requested. Nothing is deleted in the source.
#[utoipa::path(delete, path = "/admin/models/{name}", tag = "admin",
    params(("name" = String, Path, description = "Name of the model", example = "airline")),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "Unknown model", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The default model", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove_model(
    State(state): State<AdminState>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.keeper.remove(&name, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a version
///
/// Works like the removal of a model. The serving version cannot be removed.
#[utoipa::path(delete, path = "/admin/models/{name}/versions/{version}", tag = "admin",
    params(
        ("name" = String, Path, description = "Name of the model", example = "airline"),
        ("version" = String, Path, description = "Version of the model", example = "3"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "Unknown version", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The serving version", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove_version(
    State(state): State<AdminState>,
    Path((name, version)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.keeper.remove(&name, Some(&version)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets the route of a model
///
/// Replaces the configured route until the process ends. Versions of the route that are not in memory
/// are loaded, and take part once they are ready.
#[utoipa::path(post, path = "/admin/models/{name}/route", tag = "admin",
    params(("name" = String, Path, description = "Name of the model", example = "airline")),
    request_body(content = RouteBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Set", body = AdminOverview),
        (status = 404, description = "No source has the model, or a version of the route", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn route_model(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AdminOverview>, Problem> {
    let route: RouteBody = receive_json(&headers, body).await?;
    let overview = state.keeper.set_route(&name, route.into_route()?).await?;
    Ok(Json(AdminOverview::of(&state.registry, overview)))
}

/// Sets an alias of a model
///
/// Replaces a configured alias of the same name until the process ends. A version that is not in memory
/// is loaded, and takes over the alias once it is ready; the previous version answers until then.
#[utoipa::path(put, path = "/admin/models/{name}/aliases/{alias}", tag = "admin",
    params(
        ("name" = String, Path, description = "Name of the model", example = "airline"),
        ("alias" = String, Path, description = "The alias: up to 64 letters, digits, `-`, `_` and `.`", example = "champion"),
    ),
    request_body(content = AliasBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Set", body = AdminOverview),
        (status = 404, description = "No source has the model or the version", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Too many aliases", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set_alias(
    State(state): State<AdminState>,
    Path((name, alias)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AdminOverview>, Problem> {
    let alias = checked_alias(&alias)?;
    let body: AliasBody = receive_json(&headers, body).await?;
    let version = body.into_version()?;
    let overview = state.keeper.set_alias(&name, alias, &version).await?;
    Ok(Json(AdminOverview::of(&state.registry, overview)))
}

/// Removes an alias of a model
///
/// A configured alias is removed until the process ends. A version that only the alias kept is unloaded.
#[utoipa::path(delete, path = "/admin/models/{name}/aliases/{alias}", tag = "admin",
    params(
        ("name" = String, Path, description = "Name of the model", example = "airline"),
        ("alias" = String, Path, description = "The alias", example = "champion"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "Unknown model or alias", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove_alias(
    State(state): State<AdminState>,
    Path((name, alias)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    state.keeper.remove_alias(&name, &alias).await?;
    Ok(StatusCode::NO_CONTENT)
}

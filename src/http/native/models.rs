//! `GET /models`, `GET /models/{name}` and `GET /models/{name}/versions`.

mod versions;

pub(in crate::http) use versions::{__path_list_versions, VersionList, list_versions, time_of};

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::CallCode;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use almanac_engine::registry::{LiveModel, ModelState};
use almanac_model::Manifest;
use almanac_model::manifest::{ContextCovariates, CovariateRole};

/// Every model.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ModelList {
    /// The model that answers requests which name none.
    default: String,
    /// The models, in order of name.
    models: Vec<ModelBody>,
}

/// A model and its state.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ModelBody {
    /// The name of the model.
    #[schema(example = "almanac")]
    name: String,
    /// The state of the model.
    status: ModelStatus,
    /// The reason, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The serving version, if there is one.
    #[serde(flatten)]
    live: Option<LiveBody>,
}

/// The state of a model.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ModelStatus {
    /// The model is being verified, opened and warmed up.
    Loading,
    /// The model serves.
    Ready,
    /// The model is unloaded, and is loaded again by the next request for it.
    Unloaded,
    /// The model cannot serve.
    Failed,
}

/// The version that serves.
#[derive(Debug, Serialize, ToSchema)]
struct LiveBody {
    /// The version.
    version: String,
    /// A description in one line.
    description: String,
    /// SPDX identifier of the licence.
    licence: String,
    /// Digest of the bundle.
    digest: String,
    /// The source it came from.
    source: String,
    /// The minimum number of values that it forecasts from.
    min_context_length: usize,
    /// The maximum number of values that it uses.
    max_context_length: usize,
    /// The maximum number of steps.
    max_horizon: usize,
    /// The quantile levels of the model itself; others are interpolated between them.
    quantile_levels: Vec<f64>,
    /// The longest season that it can use, if it uses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_season_length: Option<usize>,
    /// The covariates that it needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    covariates: Vec<CovariateBody>,
    /// True if it accepts past and future covariates of any name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    any_covariates: bool,
    /// The number of sessions.
    workers: usize,
    /// The time from reading its files to ready, in seconds.
    load_seconds: f64,
}

/// A covariate that a model needs.
#[derive(Debug, Serialize, ToSchema)]
struct CovariateBody {
    /// The name of the covariate.
    #[schema(example = "price")]
    name: String,
    /// The field of `covariates` that it is sent in: `past`, `future` or `static`.
    #[schema(example = "future")]
    kind: String,
    /// The categories, if the covariate is not a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<String>>,
}

/// Lists the models
#[utoipa::path(get, path = "/models", tag = "models", responses(
    (status = 200, description = "Every model and its state", body = ModelList),
))]
pub(in crate::http) async fn list_models(State(state): State<AppState>) -> Json<ModelList> {
    let models = state
        .calls
        .registry
        .states()
        .into_iter()
        .map(|(name, model)| describe(name, model))
        .collect();
    Json(ModelList {
        default: state.calls.registry.default_name().to_owned(),
        models,
    })
}

/// Describes one model
#[utoipa::path(get, path = "/models/{name}", tag = "models",
    params(("name" = String, Path, description = "Name of the model", example = "almanac")),
    responses(
        (status = 200, description = "The model and its state", body = ModelBody),
        (status = 404, description = "Unknown model", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn get_model(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<ModelBody>, Problem> {
    let (name, model) = find(&state, name)?;
    Ok(Json(describe(name, model)))
}

/// Returns the model `name` and its state.
fn find(state: &AppState, name: String) -> Result<(String, ModelState), Problem> {
    let states = state.calls.registry.states();
    let available: Vec<_> = states.iter().map(|(name, _)| name.clone()).collect();
    states
        .into_iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| {
            Problem::new(CallCode::UnknownModel, format!("unknown model {name:?}"))
                .received(name)
                .expected(available)
        })
}

fn describe(name: String, state: ModelState) -> ModelBody {
    let (status, reason, live) = match state {
        ModelState::Loading => (ModelStatus::Loading, None, None),
        ModelState::Unloaded => (ModelStatus::Unloaded, None, None),
        ModelState::Failed { reason } => (ModelStatus::Failed, Some(reason), None),
        ModelState::Ready(live) => (ModelStatus::Ready, None, Some(LiveBody::of(&live))),
    };
    ModelBody {
        name,
        status,
        reason,
        live,
    }
}

impl CovariateBody {
    fn of(role: &CovariateRole) -> Self {
        Self {
            name: role.name.clone(),
            kind: role.kind.to_string(),
            categories: role.categories.clone(),
        }
    }
}

impl LiveBody {
    fn of(live: &LiveModel) -> Self {
        let manifest: &Manifest = live.engine.manifest();
        Self {
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            licence: manifest.licence.clone(),
            digest: live.digest.to_string(),
            source: live.source.clone(),
            min_context_length: manifest.context.min_context_length(),
            max_context_length: manifest.context.max_context_length(),
            max_horizon: manifest.horizon.longest,
            quantile_levels: manifest.output.levels.clone(),
            max_season_length: manifest.season_length.as_ref().map(|role| role.longest),
            covariates: manifest.covariates.iter().map(CovariateBody::of).collect(),
            any_covariates: manifest.context.covariates == ContextCovariates::Rows,
            workers: live.engine.workers(),
            load_seconds: live.load_duration.as_secs_f64(),
        }
    }
}

//! `GET /models/{name}/versions`: the history of the versions of a model.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::native::models::find;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use almanac_engine::registry::{ModelState, VersionRecord, VersionState};

/// The versions of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct VersionList {
    /// The model.
    #[schema(example = "almanac")]
    name: String,
    /// The version that answers requests which name none, if one serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1")]
    serving: Option<String>,
    /// Every attempt to load a version, the latest first, as far back as the history goes.
    versions: Vec<VersionBody>,
}

/// One attempt to load a version.
#[derive(Debug, Serialize, ToSchema)]
struct VersionBody {
    /// The version.
    #[schema(example = "1")]
    version: String,
    /// Digest of the bundle, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The source it comes from.
    source: String,
    /// The state of the version.
    #[schema(
        pattern = "^(fetching|verifying|loading|warming|ready|draining|gone|unloaded|failed)$"
    )]
    state: &'static str,
    /// The reason, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The time at which it entered the state.
    #[schema(example = "2026-01-31T12:00:00Z")]
    since: String,
    /// The time from reading its files to ready, in seconds, once it was ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    load_seconds: Option<f64>,
    /// The number of requests that it answered or failed.
    requests: u64,
    /// The number of requests that it failed.
    errors: u64,
}

/// Lists the versions of a model
///
/// The versions that serve, those that served, and those that failed, with the reason.
#[utoipa::path(get, path = "/models/{name}/versions", tag = "models",
    params(("name" = String, Path, description = "Name of the model", example = "almanac")),
    responses(
        (status = 200, description = "Every version with its history", body = VersionList),
        (status = 404, description = "Unknown model", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn list_versions(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<VersionList>, Problem> {
    let (name, model) = find(&state, name)?;
    let records = state.calls.registry.records().of(&name);
    Ok(Json(VersionList::of(name, &model, records)))
}

impl VersionList {
    /// Creates the list of the versions of model `name` with state `model`.
    pub(in crate::http) fn of(
        name: String,
        model: &ModelState,
        records: Vec<VersionRecord>,
    ) -> Self {
        let serving = match model {
            ModelState::Ready(live) => Some(live.version().to_owned()),
            ModelState::Loading | ModelState::Unloaded | ModelState::Failed { .. } => None,
        };
        Self {
            name,
            serving,
            versions: records.into_iter().map(VersionBody::of).collect(),
        }
    }
}

impl VersionBody {
    fn of(record: VersionRecord) -> Self {
        let counts = record.usage.counts();
        let state = record.state.name();
        let reason = match record.state {
            VersionState::Failed { reason } => Some(reason),
            VersionState::Fetching
            | VersionState::Verifying
            | VersionState::Loading
            | VersionState::Warming
            | VersionState::Ready
            | VersionState::Draining
            | VersionState::Gone
            | VersionState::Unloaded => None,
        };
        Self {
            version: record.version,
            digest: record.digest.map(|digest| digest.to_string()),
            source: record.source,
            state,
            reason,
            since: time_of(record.since),
            load_seconds: record.load_duration.map(|duration| duration.as_secs_f64()),
            requests: counts.requests,
            errors: counts.errors,
        }
    }
}

/// Returns the wall-clock time of `instant`, to the second.
pub(in crate::http) fn time_of(instant: Instant) -> String {
    let ago = instant.elapsed();
    let then = Timestamp::now().checked_sub(ago).unwrap_or_default();
    format!("{then:.0}")
}

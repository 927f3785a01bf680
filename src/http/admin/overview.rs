//! The overview that the admin API returns.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::native::models::{VersionList, time_of};
use almanac_engine::registry::{Overview, Registry, Route, SourceStatus};

/// The sources and the models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdminOverview {
    /// The model that answers requests which name none.
    default: String,
    /// The sources, in their order of precedence.
    sources: Vec<SourceBody>,
    /// The models, in order of name.
    models: Vec<AdminModel>,
}

/// A source and the results of its last polls.
#[derive(Debug, Serialize, ToSchema)]
struct SourceBody {
    /// The name of the source, as it is configured.
    #[schema(example = "embedded:")]
    name: String,
    /// The time of the last successful poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-01-31T12:00:00Z")]
    read_at: Option<String>,
    /// The error of the last poll, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The number of versions at the last successful poll.
    versions: usize,
}

/// A model, its route and its versions.
#[derive(Debug, Serialize, ToSchema)]
struct AdminModel {
    /// The versions of a route and their parts.
    route: RouteOverview,
    /// The version of each alias.
    #[schema(example = json!({"champion": "3"}))]
    aliases: BTreeMap<String, String>,
    #[serde(flatten)]
    versions: VersionList,
}

/// The versions of a route and their parts.
#[derive(Debug, Serialize, ToSchema)]
struct RouteOverview {
    /// The version that answers; the newest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    stable: Option<String>,
    /// The version that answers a share of the requests instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<CanaryOverview>,
    /// The version that forecasts the same series, for comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<ShadowOverview>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CanaryOverview {
    /// The version.
    version: String,
    /// The share of the requests that it answers.
    weight: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ShadowOverview {
    /// The version.
    version: String,
    /// The share of the answered requests that it forecasts too.
    sample: f64,
}

impl AdminOverview {
    /// Creates the overview of `registry` and of what its keeper reports.
    pub(super) fn of(registry: &Registry, overview: Overview) -> Self {
        let Overview {
            sources,
            routes,
            aliases,
        } = overview;
        let models = registry.states().into_iter().map(|(name, state)| {
            let route = routes.get(&name).cloned().unwrap_or_default();
            let aliases = aliases.get(&name).cloned().unwrap_or_default();
            let records = registry.records().of(&name);
            AdminModel {
                route: RouteOverview::of(route),
                aliases,
                versions: VersionList::of(name, &state, records),
            }
        });
        Self {
            default: registry.default_name().to_owned(),
            sources: sources.into_iter().map(SourceBody::of).collect(),
            models: models.collect(),
        }
    }
}

impl SourceBody {
    fn of(source: SourceStatus) -> Self {
        Self {
            name: source.name,
            read_at: source.read_at.map(time_of),
            error: source.error,
            versions: source.versions,
        }
    }
}

impl RouteOverview {
    fn of(route: Route) -> Self {
        Self {
            stable: route.stable,
            canary: route.canary.map(|one| CanaryOverview {
                version: one.version,
                weight: one.share,
            }),
            shadow: route.shadow.map(|one| ShadowOverview {
                version: one.version,
                sample: one.share,
            }),
        }
    }
}

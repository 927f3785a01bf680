//! What the admin API tells.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::native::models::{VersionList, time_of};
use almanac_engine::registry::{Overview, Registry, Route, SourceStatus};

/// Everything that is known of models and sources.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdminOverview {
    /// The model that answers requests which name none.
    default: String,
    /// The sources, in their order of precedence.
    sources: Vec<SourceBody>,
    /// The models, in order of name.
    models: Vec<AdminModel>,
}

/// A source and the last looks at it.
#[derive(Debug, Serialize, ToSchema)]
struct SourceBody {
    /// As configuration writes it.
    #[schema(example = "embedded:")]
    name: String,
    /// When it was last read in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-01-31T12:00:00Z")]
    read_at: Option<String>,
    /// Why it cannot be read now.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How many versions it held when it was last read.
    versions: usize,
}

/// A model, its route and its versions.
#[derive(Debug, Serialize, ToSchema)]
struct AdminModel {
    /// Which versions have which part.
    route: RouteOverview,
    /// The version that each alias is to stand for.
    #[schema(example = json!({"champion": "3"}))]
    aliases: BTreeMap<String, String>,
    #[serde(flatten)]
    versions: VersionList,
}

/// Which versions have which part.
#[derive(Debug, Serialize, ToSchema)]
struct RouteOverview {
    /// The version that is to answer; the newest when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    stable: Option<String>,
    /// The version that answers a share of the requests in its stead.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<CanaryOverview>,
    /// The version that is run beside it and compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<ShadowOverview>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CanaryOverview {
    /// The version.
    version: String,
    /// Its share of the requests.
    weight: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ShadowOverview {
    /// The version.
    version: String,
    /// Its share of the requests that were answered.
    sample: f64,
}

impl AdminOverview {
    /// Of what `registry` serves and its keeper knows.
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

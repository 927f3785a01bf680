//! The configuration and the parts of a keeper.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use almanac_store::Store;

use crate::registry::{
    Aliases, HostCommands, LifecycleMetrics, Load, Registry, Route, TrialLimits,
};

/// The configuration of a keeper.
#[derive(Clone, Debug)]
pub struct KeeperConfig {
    /// The time between two polls of a source. `None` polls only at the start and on request.
    pub watch: Option<Duration>,
    /// The maximum duration of one poll.
    pub list_limit: Duration,
    /// The maximum time to fetch one version.
    pub fetch_limit: Duration,
    /// The maximum number of versions that are verified and opened at the same time.
    pub loads: usize,
    /// The time for which the previous version is kept in memory, for a rollback.
    pub probation: Duration,
    /// The limits beyond which a new version is rolled back.
    pub trial: TrialLimits,
    /// The estimated memory that all versions may use together. `None` means no limit.
    pub memory_bytes: Option<usize>,
    /// The configured routes, by model.
    pub routes: BTreeMap<String, Route>,
    /// The configured aliases, by model.
    pub aliases: Aliases,
    /// The maximum number of aliases of a model.
    pub max_aliases: usize,
}

/// A source with its name.
#[derive(Clone, Debug)]
pub struct NamedStore {
    /// The name, as it is written in the configuration.
    pub name: String,
    /// The source.
    pub store: Arc<dyn Store>,
}

/// The parts of a keeper.
#[derive(Debug)]
pub struct KeeperParts {
    /// The registry that requests read.
    pub registry: Arc<Registry>,
    /// The loader of versions.
    pub load: Load,
    /// The sources of models, in their order of precedence.
    pub sources: Vec<NamedStore>,
    /// The commands of a host that loads models, if there is one.
    pub host: Option<HostCommands>,
    /// The configuration.
    pub config: KeeperConfig,
    /// The metrics of versions and sources.
    pub metrics: LifecycleMetrics,
}

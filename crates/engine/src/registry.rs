//! The live model versions, and how one version replaces another.
//!
//! A version becomes ready only after its digests, its graph and its golden forecasts have been checked
//! against its manifest. A version that fails a check is recorded with the reason, and never replaces a
//! version that serves. Requests read a [`Registry`]. A [`Keeper`] writes it, from the content of the
//! sources and the configured routes.

mod admission;
mod hosting;
mod keeper;
mod live;
mod load;
mod memory;
mod metrics;
mod name;
mod plan;
mod record;
mod reload;
mod resolve;
mod route;
mod shadow;
mod state;
mod table;
mod tally;
mod thread;
mod trial;
mod usage;
mod watch;

pub use hosting::{Finder, HostCommands, HostError, HostedModel, Hosting};
pub use keeper::{
    CommandError, Keeper, KeeperConfig, KeeperHandle, KeeperParts, NamedStore, Overview,
    SourceStatus,
};
pub use live::LiveModel;
pub use load::{BundleReader, GraphOpener, Load, LoadError, OpenError, Sessions};
pub use metrics::LifecycleMetrics;
pub use record::{Records, VersionRecord};
pub use resolve::ResolveError;
pub use route::{Draw, Route, Share};
pub use shadow::Shadows;
pub use state::VersionState;
pub use trial::{TrialFailure, TrialLimits};
pub use usage::{Usage, UsageCounts};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch::{Receiver, Sender};

use crate::registry::reload::ReloadRequests;
use crate::registry::table::{ModelEntry, RoutingTable};
use crate::saturation::Saturation;

/// The state of a model.
#[derive(Clone, Debug)]
pub enum ModelState {
    /// The model is being fetched, verified, opened and warmed up.
    Loading,
    /// The model serves requests.
    Ready(Arc<LiveModel>),
    /// The model was evicted from memory. The next request loads it again.
    Unloaded,
    /// The model cannot serve requests.
    Failed {
        /// The reason of the failure.
        reason: String,
    },
}

/// The versions that take part in a request.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The version that answers.
    pub model: Arc<LiveModel>,
    /// The version to run on the same series, for comparison.
    pub shadow: Option<Arc<LiveModel>>,
}

/// The version of each alias, by model.
pub type Aliases = BTreeMap<String, BTreeMap<String, String>>;

/// The models by name. Reading takes no lock.
#[derive(Debug)]
pub struct Registry {
    table: ArcSwap<RoutingTable>,
    /// Held while the table is replaced.
    replacing: Mutex<()>,
    /// The number of times that the table was replaced.
    changes: Sender<u64>,
    default: String,
    saturation: Saturation,
    records: Records,
    shadows: Option<Shadows>,
    reload_requests: ReloadRequests,
}

impl Registry {
    /// Creates a registry without models, in which `default` answers requests that name no model.
    #[must_use]
    pub fn new(default: String) -> Self {
        let models = BTreeMap::from([(default.clone(), ModelEntry::new(ModelState::Loading))]);
        let table = RoutingTable {
            models,
            unread: None,
        };
        Self {
            table: ArcSwap::from_pointee(table),
            replacing: Mutex::default(),
            changes: Sender::new(0),
            default,
            saturation: Saturation::default(),
            records: Records::default(),
            shadows: None,
            reload_requests: ReloadRequests::default(),
        }
    }

    /// Sets the saturation in which the engines report that they have more work than workers.
    #[must_use]
    pub fn with_saturation(self, saturation: Saturation) -> Self {
        Self { saturation, ..self }
    }

    /// Sets the records of the versions.
    #[must_use]
    pub fn with_records(self, records: Records) -> Self {
        Self { records, ..self }
    }

    /// Sets the runner of shadows.
    #[must_use]
    pub fn with_shadows(self, shadows: Shadows) -> Self {
        Self {
            shadows: Some(shadows),
            ..self
        }
    }

    /// Returns the saturation of the engines.
    #[must_use]
    pub const fn saturation(&self) -> &Saturation {
        &self.saturation
    }

    /// Returns the name of the model that answers requests which name none.
    #[must_use]
    pub fn default_name(&self) -> &str {
        &self.default
    }

    /// Returns the records of all versions.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Returns the runner of shadows, if there is one.
    #[must_use]
    pub const fn shadows(&self) -> Option<&Shadows> {
        self.shadows.as_ref()
    }

    /// Sets the state of the model `name`. A failure never replaces a version that serves.
    pub fn set(&self, name: &str, state: ModelState) {
        self.replace(|table| {
            let is_serving = table
                .models
                .get(name)
                .is_some_and(|model| matches!(model.state, ModelState::Ready(_)));
            if !is_serving || matches!(state, ModelState::Ready(_)) {
                table.models.insert(name.to_owned(), ModelEntry::new(state));
            }
        });
    }

    /// Ends the initial load: models that no source has are marked as failed.
    pub fn finish_startup(&self) {
        self.replace(|table| {
            for model in table.models.values_mut() {
                if matches!(model.state, ModelState::Loading) {
                    model.state = ModelState::Failed {
                        reason: NO_SOURCE.to_owned(),
                    };
                }
            }
        });
    }

    /// Replaces the table that requests read. Requests that have already read it keep their version.
    fn replace(&self, change: impl FnOnce(&mut RoutingTable)) {
        // The table is replaced as a whole, so it is consistent even if another thread panicked.
        let _replacing = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut table = RoutingTable::clone(&self.table.load());
        change(&mut table);
        self.table.store(Arc::new(table));
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Returns a receiver that is notified whenever the table is replaced, to wait for a model.
    #[must_use]
    pub fn changes(&self) -> Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns the name and the state of every model, ordered by name.
    #[must_use]
    pub fn states(&self) -> Vec<(String, ModelState)> {
        self.table
            .load()
            .models
            .iter()
            .map(|(name, model)| (name.clone(), model.state.clone()))
            .collect()
    }
}

/// The reason why a model fails that no source has.
const NO_SOURCE: &str = "no configured source has this model";

#[cfg(test)]
mod tests;

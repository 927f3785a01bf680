//! Which model versions are live, and how one replaces another.
//!
//! A version becomes ready only after its digests, its graph against its manifest, and its golden
//! forecasts have been checked. One that fails any of these is recorded with the reason and never
//! replaces a version that serves. Requests read a [`Registry`]; a [`Keeper`] writes it, by what the
//! sources hold and what the routes want.

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
mod route;
mod shadow;
mod table;
mod tally;
mod thread;
mod trial;
mod usage;
mod watch;

pub use hosting::{Finder, HostError, HostOrders, HostedModel, Hosting};
pub use keeper::{
    Keeper, KeeperConfig, KeeperHandle, KeeperParts, NamedStore, OrderError, Overview, SourceStatus,
};
pub use live::LiveModel;
pub use load::{Load, LoadError, OpenError, Opener, Reader, Sessions};
pub use metrics::LifeMetrics;
pub use record::{Records, VersionRecord, VersionState};
pub use route::{Draw, Route, Share};
pub use shadow::Shadows;
pub use trial::{Fault, TrialLimits};
pub use usage::{Counts, Usage};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::sync::watch::{Receiver, Sender};

use crate::Saturation;
use crate::registry::name::Named;
use crate::registry::table::{Model, Table};

/// Where a model stands.
#[derive(Clone, Debug)]
pub enum ModelState {
    /// It is being fetched, verified, opened and warmed.
    Loading,
    /// It serves.
    Ready(Arc<LiveModel>),
    /// It was left out of memory, and comes back when it is asked for.
    Unloaded,
    /// It cannot serve.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Which versions have a part in a request.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The one that answers.
    pub model: Arc<LiveModel>,
    /// The one to run on the same series, and to compare.
    pub shadow: Option<Arc<LiveModel>>,
}

/// Versions by alias, by model.
pub type Aliases = BTreeMap<String, BTreeMap<String, String>>;

/// A model that a request named and that cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// No model has this name.
    #[error("there is no model {name:?}")]
    Unknown {
        /// The name.
        name: String,
        /// The models that there are.
        available: Vec<String>,
    },
    /// The model has no such version, or it is not loaded.
    #[error("model {name} has no version {version:?} that serves")]
    UnknownVersion {
        /// The name.
        name: String,
        /// The version.
        version: String,
        /// The versions that serve.
        available: Vec<String>,
    },
    /// The model has no such alias.
    #[error("model {name} has no alias {alias:?}")]
    UnknownAlias {
        /// The name.
        name: String,
        /// The alias.
        alias: String,
        /// The aliases that it has.
        available: Vec<String>,
    },
    /// It is not ready yet.
    #[error("model {name} is being loaded")]
    Loading {
        /// The name.
        name: String,
    },
    /// It is not ready again.
    #[error("model {name} was not used for long and is being loaded again")]
    Asleep {
        /// The name.
        name: String,
    },
    /// No source that could be read has it.
    #[error("model {name} is in no source that could be read; {reason}")]
    Unread {
        /// The name.
        name: String,
        /// Which sources could not be read, and why.
        reason: String,
    },
    /// It failed to load.
    #[error("model {name} failed to load: {reason}")]
    Failed {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
}

/// The models, by name. Reading takes no lock.
#[derive(Debug)]
pub struct Registry {
    table: ArcSwap<Table>,
    /// Held while the table is replaced.
    replacing: Mutex<()>,
    /// Counts how often that was done.
    changes: Sender<u64>,
    default: String,
    saturation: Saturation,
    records: Records,
    shadows: Option<Shadows>,
    asked: Asked,
}

/// Versions left out of memory that requests asked for.
#[derive(Debug, Default)]
struct Asked {
    versions: Mutex<BTreeSet<(String, String)>>,
    notify: Notify,
}

impl Registry {
    /// A registry without models, which answers with `default` when a request names none.
    #[must_use]
    pub fn new(default: String) -> Self {
        let models = BTreeMap::from([(default.clone(), Model::at(ModelState::Loading))]);
        let table = Table {
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
            asked: Asked::default(),
        }
    }

    /// This registry, whose engines say in `saturation` when they have more to do than they can.
    #[must_use]
    pub fn with_saturation(self, saturation: Saturation) -> Self {
        Self { saturation, ..self }
    }

    /// This registry, whose versions' lives are told in `records`.
    #[must_use]
    pub fn with_records(self, records: Records) -> Self {
        Self { records, ..self }
    }

    /// This registry, whose shadows are run by `shadows`.
    #[must_use]
    pub fn with_shadows(self, shadows: Shadows) -> Self {
        Self {
            shadows: Some(shadows),
            ..self
        }
    }

    /// Whether its engines have more to do than they can.
    #[must_use]
    pub const fn saturation(&self) -> &Saturation {
        &self.saturation
    }

    /// The model that answers requests which name none.
    #[must_use]
    pub fn default_name(&self) -> &str {
        &self.default
    }

    /// What became of every version.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// What runs shadows, if anything does.
    #[must_use]
    pub const fn shadows(&self) -> Option<&Shadows> {
        self.shadows.as_ref()
    }

    /// Sets where `name` stands. A failure never replaces a version that serves.
    pub fn set(&self, name: &str, state: ModelState) {
        self.replace(|table| {
            let model = table.models.get(name);
            let serves = model.is_some_and(|model| matches!(model.state, ModelState::Ready(_)));
            if !serves || matches!(state, ModelState::Ready(_)) {
                table.models.insert(name.to_owned(), Model::at(state));
            }
        });
    }

    /// Ends the start: what no source had has failed.
    pub fn settle(&self) {
        self.replace(|table| {
            let states = table.models.values_mut().map(|model| &mut model.state);
            for state in states.filter(|state| matches!(state, ModelState::Loading)) {
                *state = ModelState::Failed {
                    reason: NOWHERE.to_owned(),
                };
            }
        });
    }

    /// Replaces what requests look up. Requests that have looked keep what they found.
    fn replace(&self, change: impl FnOnce(&mut Table)) {
        // The table is whole at any time, so a panic elsewhere does not spoil it.
        let _replacing = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&self.table.load());
        change(&mut table);
        self.table.store(Arc::new(table));
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Tells of every time that what requests look up was replaced, for those who wait for a model.
    #[must_use]
    pub fn changes(&self) -> Receiver<u64> {
        self.changes.subscribe()
    }

    /// The version that `text` names, of the default model when `None`; of a name alone the one that
    /// answers most requests.
    ///
    /// # Errors
    /// [`ResolveError`] says what there is instead.
    pub fn resolve(&self, text: Option<&str>) -> Result<Arc<LiveModel>, ResolveError> {
        let named = Named::read(text.unwrap_or(&self.default));
        let table = self.table.load();
        self.stable(&table, named).map(Arc::clone)
    }

    /// The versions that have a part in a request for what `text` names, as the model's route and
    /// `draw` say.
    ///
    /// # Errors
    /// [`ResolveError`] says what there is instead.
    pub fn route(&self, text: Option<&str>, draw: Draw<'_>) -> Result<Routed, ResolveError> {
        let named = Named::read(text.unwrap_or(&self.default));
        let table = self.table.load();
        let stable = self.stable(&table, named)?;
        match named {
            Named::Model(name) => match table.models.get(name) {
                Some(model) => Ok(model.route(name, stable, draw)),
                None => Ok(alone(stable)),
            },
            Named::Version(..) | Named::Alias(..) => Ok(alone(stable)),
        }
    }

    fn stable<'a>(
        &self,
        table: &'a Table,
        named: Named<'_>,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        match named {
            Named::Model(name) => self.model(table, name),
            Named::Version(name, version) => self.version(table, name, version),
            Named::Alias(name, alias) => self.alias(table, name, alias),
        }
    }

    fn alias<'a>(
        &self,
        table: &'a Table,
        name: &str,
        alias: &str,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        let aliases = &find(table, name)?.aliases;
        let Some(entry) = aliases.get(alias) else {
            return Err(ResolveError::UnknownAlias {
                name: name.to_owned(),
                alias: alias.to_owned(),
                available: aliases.keys().cloned().collect(),
            });
        };
        let found = self.version(table, name, &entry.version);
        found.map_err(|error| match error {
            ResolveError::UnknownVersion { name, .. } if entry.is_loading => {
                ResolveError::Loading { name }
            }
            other => other,
        })
    }

    fn model<'a>(&self, table: &'a Table, name: &str) -> Result<&'a Arc<LiveModel>, ResolveError> {
        let model = find(table, name)?;
        let named = || name.to_owned();
        match &model.state {
            ModelState::Ready(live) => Ok(live),
            ModelState::Loading => Err(ResolveError::Loading { name: named() }),
            ModelState::Unloaded => {
                for version in &model.asleep {
                    self.asked.ask(name, version);
                }
                Err(ResolveError::Asleep { name: named() })
            }
            ModelState::Failed { reason } => Err(ResolveError::Failed {
                name: named(),
                reason: reason.clone(),
            }),
        }
    }

    fn version<'a>(
        &self,
        table: &'a Table,
        name: &str,
        version: &str,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        let model = find(table, name)?;
        if let Some(live) = model.version(version) {
            return Ok(live);
        }
        if model.asleep.contains(version) {
            self.asked.ask(name, version);
            return Err(ResolveError::Asleep {
                name: name.to_owned(),
            });
        }
        let live = model.live.iter();
        Err(ResolveError::UnknownVersion {
            name: name.to_owned(),
            version: version.to_owned(),
            available: live.map(|live| live.version().to_owned()).collect(),
        })
    }

    /// Every model and where it stands, in order of name.
    #[must_use]
    pub fn states(&self) -> Vec<(String, ModelState)> {
        let table = self.table.load();
        let models = table.models.iter();
        models
            .map(|(name, model)| (name.clone(), model.state.clone()))
            .collect()
    }
}

/// Why a model that nothing has does not serve.
const NOWHERE: &str = "no configured source has this model";

fn find<'a>(table: &'a Table, name: &str) -> Result<&'a Model, ResolveError> {
    table.models.get(name).ok_or_else(|| match &table.unread {
        Some(reason) => ResolveError::Unread {
            name: name.to_owned(),
            reason: reason.clone(),
        },
        None => ResolveError::Unknown {
            name: name.to_owned(),
            available: table.models.keys().cloned().collect(),
        },
    })
}

fn alone(model: &Arc<LiveModel>) -> Routed {
    Routed {
        model: Arc::clone(model),
        shadow: None,
    }
}

impl Asked {
    /// Remembers that a version was asked for. There are no more of them than versions unloaded.
    fn ask(&self, name: &str, version: &str) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.insert((name.to_owned(), version.to_owned())) {
            self.notify.notify_one();
        }
    }

    fn take(&self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.versions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;

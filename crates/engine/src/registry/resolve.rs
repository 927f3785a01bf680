//! Finding the version that answers a request.

use std::sync::Arc;

use thiserror::Error;

use crate::registry::name::ModelSelector;
use crate::registry::route::Draw;
use crate::registry::table::{ModelEntry, RoutingTable};
use crate::registry::{LiveModel, ModelState, Registry, Routed};

/// The error returned when the model that a request names cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// No model has this name.
    #[error("there is no model {name:?}")]
    Unknown {
        /// The name of the model.
        name: String,
        /// The names of the existing models.
        available: Vec<String>,
    },
    /// The model has no such version, or the version is not loaded.
    #[error("model {name} has no loaded version {version:?}")]
    UnknownVersion {
        /// The name of the model.
        name: String,
        /// The requested version.
        version: String,
        /// The versions that are loaded.
        available: Vec<String>,
    },
    /// The model has no such alias.
    #[error("model {name} has no alias {alias:?}")]
    UnknownAlias {
        /// The name of the model.
        name: String,
        /// The requested alias.
        alias: String,
        /// The aliases of the model.
        available: Vec<String>,
    },
    /// The model is being loaded.
    #[error("model {name} is being loaded")]
    Loading {
        /// The name of the model.
        name: String,
    },
    /// The model was evicted from memory, and is loaded again for this request.
    #[error("model {name} was evicted from memory and is being loaded again")]
    Reloading {
        /// The name of the model.
        name: String,
    },
    /// No source that could be read has the model, but a source could not be read.
    #[error("model {name} is not in the sources that could be read; {reason}")]
    Unread {
        /// The name of the model.
        name: String,
        /// The sources that could not be read, and the reasons.
        reason: String,
    },
    /// The model failed to load.
    #[error("model {name} failed to load: {reason}")]
    Failed {
        /// The name of the model.
        name: String,
        /// The reason of the failure.
        reason: String,
    },
}

impl Registry {
    /// Returns the version that `text` names, or that of the default model if `text` is `None`. A name
    /// without a version means the stable version of the model.
    ///
    /// # Errors
    /// [`ResolveError`] if no such version is ready.
    pub fn resolve(&self, text: Option<&str>) -> Result<Arc<LiveModel>, ResolveError> {
        let selector = ModelSelector::parse(text.unwrap_or(&self.default));
        let table = self.table.load();
        self.find_version(&table, selector).map(Arc::clone)
    }

    /// Returns the versions that take part in a request for the model `text`, according to the route of
    /// the model and to `draw`.
    ///
    /// # Errors
    /// [`ResolveError`] if no such version is ready.
    pub fn route(&self, text: Option<&str>, draw: Draw<'_>) -> Result<Routed, ResolveError> {
        let selector = ModelSelector::parse(text.unwrap_or(&self.default));
        let table = self.table.load();
        let found = self.find_version(&table, selector)?;
        if let ModelSelector::Model(name) = selector
            && let Some(model) = table.models.get(name)
        {
            return Ok(model.route(name, found, draw));
        }
        Ok(Routed {
            model: Arc::clone(found),
            shadow: None,
        })
    }

    pub(super) fn find_version<'a>(
        &self,
        table: &'a RoutingTable,
        selector: ModelSelector<'_>,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        match selector {
            ModelSelector::Model(name) => self.stable_version(table, name),
            ModelSelector::Version(name, version) => self.named_version(table, name, version),
            ModelSelector::Alias(name, alias) => self.aliased_version(table, name, alias),
        }
    }

    fn stable_version<'a>(
        &self,
        table: &'a RoutingTable,
        name: &str,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        let model = find_model(table, name)?;
        match &model.state {
            ModelState::Ready(live) => Ok(live),
            ModelState::Loading => Err(ResolveError::Loading {
                name: name.to_owned(),
            }),
            ModelState::Unloaded => {
                for version in &model.evicted {
                    self.reload_requests.add(name, version);
                }
                Err(ResolveError::Reloading {
                    name: name.to_owned(),
                })
            }
            ModelState::Failed { reason } => Err(ResolveError::Failed {
                name: name.to_owned(),
                reason: reason.clone(),
            }),
        }
    }

    fn named_version<'a>(
        &self,
        table: &'a RoutingTable,
        name: &str,
        version: &str,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        let model = find_model(table, name)?;
        if let Some(live) = model.version(version) {
            return Ok(live);
        }
        if model.evicted.contains(version) {
            self.reload_requests.add(name, version);
            return Err(ResolveError::Reloading {
                name: name.to_owned(),
            });
        }
        Err(ResolveError::UnknownVersion {
            name: name.to_owned(),
            version: version.to_owned(),
            available: model
                .live
                .iter()
                .map(|live| live.version().to_owned())
                .collect(),
        })
    }

    fn aliased_version<'a>(
        &self,
        table: &'a RoutingTable,
        name: &str,
        alias: &str,
    ) -> Result<&'a Arc<LiveModel>, ResolveError> {
        let aliases = &find_model(table, name)?.aliases;
        let Some(entry) = aliases.get(alias) else {
            return Err(ResolveError::UnknownAlias {
                name: name.to_owned(),
                alias: alias.to_owned(),
                available: aliases.keys().cloned().collect(),
            });
        };
        self.named_version(table, name, &entry.version)
            .map_err(|error| match error {
                ResolveError::UnknownVersion { name, .. } if entry.is_loading => {
                    ResolveError::Loading { name }
                }
                other => other,
            })
    }
}

fn find_model<'a>(table: &'a RoutingTable, name: &str) -> Result<&'a ModelEntry, ResolveError> {
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

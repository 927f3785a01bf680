//! Which model versions are live.
//!
//! A version becomes ready only after its digests, its graph against its manifest, and its golden
//! forecasts have been checked. One that fails any of these is listed with the reason and never
//! replaces a version that serves.

mod load;

pub use load::{Load, LoadError, OpenError, Opener, Reader, Sessions};

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use thiserror::Error;

use crate::engine::{Engine, Saturation, SubmitError, Terms};
use crate::model::Digest;

/// A model version that serves.
#[derive(Debug)]
pub struct LiveModel {
    /// Digest of its bundle.
    pub digest: Digest,
    /// The source it came from.
    pub source: String,
    /// From its files to ready.
    pub load_duration: Duration,
    /// What runs it.
    pub engine: Engine,
}

/// Where a model stands.
#[derive(Clone, Debug)]
pub enum ModelState {
    /// It is being verified, opened and warmed.
    Loading,
    /// It serves.
    Ready(Arc<LiveModel>),
    /// It cannot serve.
    Failed {
        /// Why.
        reason: String,
    },
}

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
    /// It is not ready yet.
    #[error("model {name} is being loaded")]
    Loading {
        /// The name.
        name: String,
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

/// The models, by name.
#[derive(Debug)]
pub struct Registry {
    models: RwLock<BTreeMap<String, ModelState>>,
    default: String,
    saturation: Saturation,
}

impl Registry {
    /// A registry without models, which answers with `default` when a request names none.
    #[must_use]
    pub fn new(default: String) -> Self {
        let models = BTreeMap::from([(default.clone(), ModelState::Loading)]);
        Self {
            models: RwLock::new(models),
            default,
            saturation: Saturation::default(),
        }
    }

    /// This registry, whose engines say in `saturation` when they have more to do than they can.
    #[must_use]
    pub fn with_saturation(self, saturation: Saturation) -> Self {
        Self { saturation, ..self }
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

    /// Sets where `name` stands. A failure never replaces a version that serves.
    pub fn set(&self, name: &str, state: ModelState) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        let serves = matches!(models.get(name), Some(ModelState::Ready(_)));
        if !serves || matches!(state, ModelState::Ready(_)) {
            models.insert(name.to_owned(), state);
        }
    }

    /// Ends the start: what no source had has failed.
    pub fn settle(&self) {
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        for state in models
            .values_mut()
            .filter(|state| matches!(state, ModelState::Loading))
        {
            *state = ModelState::Failed {
                reason: "no configured source has this model".to_owned(),
            };
        }
    }

    /// The live version of `name`, or of the default model.
    ///
    /// # Errors
    /// [`ResolveError`] says what there is instead.
    pub fn resolve(&self, name: Option<&str>) -> Result<Arc<LiveModel>, ResolveError> {
        let name = name.unwrap_or(&self.default);
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let named = || name.to_owned();
        match models.get(name) {
            Some(ModelState::Ready(live)) => Ok(Arc::clone(live)),
            Some(ModelState::Loading) => Err(ResolveError::Loading { name: named() }),
            Some(ModelState::Failed { reason }) => Err(ResolveError::Failed {
                name: named(),
                reason: reason.clone(),
            }),
            None => Err(ResolveError::Unknown {
                name: named(),
                available: models.keys().cloned().collect(),
            }),
        }
    }

    /// Refuses a request on `terms` before it is read, when no live model would admit it. `is_large`
    /// says that it will fill more than a batch.
    ///
    /// # Errors
    /// [`SubmitError`] of the last such model.
    pub fn admits(&self, terms: Terms, is_large: bool) -> Result<(), SubmitError> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        let mut refusal = Ok(());
        for state in models.values() {
            if let ModelState::Ready(live) = state {
                refusal = live.engine.admits(terms, is_large);
                if refusal.is_ok() {
                    break;
                }
            }
        }
        refusal
    }

    /// Every model and where it stands, in order of name.
    #[must_use]
    pub fn states(&self) -> Vec<(String, ModelState)> {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        models
            .iter()
            .map(|(name, state)| (name.clone(), state.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests;

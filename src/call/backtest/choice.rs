//! The models that take part in a backtest.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use almanac_engine::registry::{LiveModel, ModelState, Registry, ResolveError};
use almanac_forecast::Horizon;

/// The models that take part, and those that are skipped.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The models that take part, each once.
    pub models: Vec<Arc<LiveModel>>,
    /// The models that the call did not name and that cannot take part.
    pub skipped: Vec<SkippedModel>,
}

/// A model that is skipped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("model {name} is skipped: {reason}")]
pub struct SkippedModel {
    /// The name of the model.
    pub name: String,
    /// The reason.
    pub reason: String,
}

/// The error returned when a named model cannot take part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// A model is not ready.
    #[error("{error}")]
    Model {
        /// The index of the model in the call; `None` when the call names none.
        index: Option<usize>,
        /// The reason.
        error: ResolveError,
    },
    /// The horizon is too long for a model.
    #[error("horizon {steps} exceeds the limit of {longest} of model {name}")]
    Horizon {
        /// The name of the model.
        name: String,
        /// The requested number of steps.
        steps: usize,
        /// The maximum number of steps of the model.
        longest: usize,
    },
}

/// Returns the models with `names`, or all that are ready.
///
/// # Errors
/// [`ChoiceError`] of the first name that cannot take part, or of the default model when none can.
pub fn choose(
    registry: &Registry,
    names: Option<&[String]>,
    horizon: Horizon,
) -> Result<Choice, ChoiceError> {
    let mut choice = Choice::default();
    match names {
        Some(names) => {
            let mut taken = BTreeSet::new();
            for (index, name) in names.iter().enumerate() {
                let model = registry.resolve(Some(name));
                let model = model.map_err(|error| ChoiceError::Model {
                    index: Some(index),
                    error,
                })?;
                reaches(&model, name, horizon)?;
                choice.models.extend(taken.insert(name).then_some(model));
            }
        }
        None => {
            for (name, state) in registry.states() {
                let reason = match state {
                    ModelState::Ready(model) => match reaches(&model, &name, horizon) {
                        Ok(()) => {
                            choice.models.push(model);
                            continue;
                        }
                        Err(error) => error.to_string(),
                    },
                    ModelState::Loading => "it is still loading".to_owned(),
                    ModelState::Unloaded => "it was evicted from memory".to_owned(),
                    ModelState::Failed { reason } => format!("it failed to load: {reason}"),
                };
                choice.skipped.push(SkippedModel { name, reason });
            }
            if choice.models.is_empty() {
                let default = registry.resolve(None);
                let index = None;
                let default = default.map_err(|error| ChoiceError::Model { index, error })?;
                reaches(&default, registry.default_name(), horizon)?;
            }
        }
    }
    Ok(choice)
}

fn reaches(model: &LiveModel, name: &str, horizon: Horizon) -> Result<(), ChoiceError> {
    let longest = model.engine.manifest().horizon.longest;
    if horizon.steps() <= longest {
        return Ok(());
    }
    Err(ChoiceError::Horizon {
        name: name.to_owned(),
        steps: horizon.steps(),
        longest,
    })
}

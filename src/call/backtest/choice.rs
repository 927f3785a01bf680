//! Which models take part.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use almanac_engine::registry::{LiveModel, ModelState, Registry, ResolveError};
use almanac_forecast::Horizon;

/// The models that take part, and those that could not.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Those that do, each once.
    pub models: Vec<Arc<LiveModel>>,
    /// Those that nobody named and that cannot.
    pub left_out: Vec<LeftOut>,
}

/// A model that cannot take part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("model {name} is left out: {reason}")]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Why the models that were named cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// One of them is not ready.
    #[error("{error}")]
    Model {
        /// Which, from 0; `None` when none was named.
        index: Option<usize>,
        /// Why.
        error: ResolveError,
    },
    /// One of them does not reach that far.
    #[error("a horizon of {steps} steps is over the {longest} that model {name} serves")]
    Horizon {
        /// The model.
        name: String,
        /// The steps asked for.
        steps: usize,
        /// The most that it serves.
        longest: usize,
    },
}

/// The models with `names`, or all that are ready.
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
                    ModelState::Loading => "it is being loaded".to_owned(),
                    ModelState::Unloaded => "it was not used for long and is not loaded".to_owned(),
                    ModelState::Failed { reason } => format!("it failed to load: {reason}"),
                };
                choice.left_out.push(LeftOut { name, reason });
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

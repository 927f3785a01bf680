//! The check that a model can answer a request.

mod covariate;

use almanac_forecast::{CovariateKind, ForecastRequest};
use thiserror::Error;

use crate::Manifest;
use crate::manifest::{Missing, Scaling};

pub use covariate::CovariateFitError;

/// The error returned when a model cannot answer a request that is otherwise valid.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Unfit {
    /// The horizon exceeds that of the model.
    #[error("horizon {steps} exceeds the limit of {longest} of model {model}; request fewer steps")]
    Horizon {
        /// The requested number of steps.
        steps: usize,
        /// The maximum number of steps.
        longest: usize,
        /// The name of the model.
        model: String,
    },
    /// The series is too short for the model.
    #[error(
        "the series has {length} values, but model {model} requires at least {least}; send a longer history"
    )]
    TooShort {
        /// The number of values.
        length: usize,
        /// The minimum number of values.
        least: usize,
        /// The name of the model.
        model: String,
    },
    /// All values that the model reads are missing.
    #[error(
        "the last {length} values are missing, and model {model} reads no others; send at least one of them"
    )]
    NothingObserved {
        /// The number of values that the model reads.
        length: usize,
        /// The name of the model.
        model: String,
    },
    /// A value is missing, which the model does not support.
    #[error("value {index} is missing, but model {model} does not support missing values; fill it")]
    Missing {
        /// The index of the first missing value, from 0.
        index: usize,
        /// The name of the model.
        model: String,
    },
    /// A value has no logarithm, which the model requires.
    #[error(
        "value {index} is {value}, but model {model} takes the logarithm of values plus 1; send values above -1"
    )]
    NoLogarithm {
        /// The index of the first such value, from 0.
        index: usize,
        /// The value.
        value: f64,
        /// The name of the model.
        model: String,
    },
    /// A covariate that the model requires is missing or unsuitable.
    #[error("{kind} covariate {name:?}, required by model {model}, {unfit}")]
    Covariate {
        /// The kind that the model requires.
        kind: CovariateKind,
        /// The name of the covariate.
        name: String,
        /// The problem.
        unfit: CovariateFitError,
        /// The name of the model.
        model: String,
    },
}

impl Manifest {
    /// Checks that the model can answer `request`.
    ///
    /// # Errors
    /// [`Unfit`] has the requested value and the limit of the model.
    pub fn fits(&self, request: &ForecastRequest) -> Result<(), Unfit> {
        let model = || self.name.clone();
        let steps = request.horizon().steps();
        if steps > self.horizon.longest {
            return Err(Unfit::Horizon {
                steps,
                longest: self.horizon.longest,
                model: model(),
            });
        }
        let mut values = request.series().values();
        if self.context.strip_leading {
            let first = values.iter().position(|value| !value.is_nan());
            values = &values[first.unwrap_or(0)..];
        }
        let length = values.len();
        let least = self.context.min_context_length();
        if length < least {
            return Err(Unfit::TooShort {
                length,
                least,
                model: model(),
            });
        }
        let context = &values[length.saturating_sub(self.context.max_context_length())..];
        if context.iter().all(|value| value.is_nan()) {
            return Err(Unfit::NothingObserved {
                length: context.len(),
                model: model(),
            });
        }
        self.check_values(context, request.series().values().len())?;
        match self.unfit_covariate(request, context.len()) {
            None => Ok(()),
            Some((role, unfit)) => Err(Unfit::Covariate {
                kind: role.kind,
                name: role.name.clone(),
                unfit,
                model: model(),
            }),
        }
    }

    /// Checks that the model supports each value of `context`, which is the end of a series of `length` values.
    fn check_values(&self, context: &[f64], length: usize) -> Result<(), Unfit> {
        let start = length - context.len();
        let model = || self.name.clone();
        if self.context.missing == Missing::Reject
            && let Some(position) = context.iter().position(|value| value.is_nan())
        {
            return Err(Unfit::Missing {
                index: start + position,
                model: model(),
            });
        }
        if self.context.scaling == Scaling::Log1p
            && let Some(position) = context.iter().position(|value| *value <= -1.0)
        {
            return Err(Unfit::NoLogarithm {
                index: start + position,
                value: context[position],
                model: model(),
            });
        }
        Ok(())
    }
}

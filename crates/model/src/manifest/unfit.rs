//! Which requests a model can answer.

mod covariate;

use thiserror::Error;

pub use covariate::CovariateUnfit;

use crate::Manifest;
use crate::manifest::{Missing, Scaling};
use almanac_forecast::{CovariateKind, ForecastRequest};

/// Why a model cannot answer a request that is otherwise valid.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Unfit {
    /// The horizon is beyond what the model serves.
    #[error("a horizon of {steps} steps is over the {longest} that model {model} serves")]
    Horizon {
        /// The steps asked for.
        steps: usize,
        /// The most that it serves.
        longest: usize,
        /// The model.
        model: String,
    },
    /// The series is shorter than the model needs.
    #[error("the series has {length} values, and model {model} needs at least {least}")]
    TooShort {
        /// The values sent.
        length: usize,
        /// The fewest that it needs.
        least: usize,
        /// The model.
        model: String,
    },
    /// The part of the series that the model sees is all missing.
    #[error("the last {length} values, which are all that model {model} sees, are missing")]
    NothingObserved {
        /// The length of the context.
        length: usize,
        /// The model.
        model: String,
    },
    /// The model takes no missing values.
    #[error("value {index} is missing, and model {model} takes no missing values; fill it")]
    Missing {
        /// Place of the first one that the model would see, from 0.
        index: usize,
        /// The model.
        model: String,
    },
    /// The model takes logarithms, and a value has none.
    #[error(
        "value {index} is {value}, and model {model} takes the logarithm of values above -1 only"
    )]
    NoLogarithm {
        /// Place of the first one that the model would see, from 0.
        index: usize,
        /// The value.
        value: f64,
        /// The model.
        model: String,
    },
    /// A covariate that the model needs is not there, or not as it needs it.
    #[error("{kind} covariate {name:?}, of model {model}, {unfit}")]
    Covariate {
        /// The kind that the model needs.
        kind: CovariateKind,
        /// Its name.
        name: String,
        /// What is wrong.
        unfit: CovariateUnfit,
        /// The model.
        model: String,
    },
}

impl Manifest {
    /// Whether the model can answer `request`.
    ///
    /// # Errors
    /// [`Unfit`] says what the request asks for and what the model serves.
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
        let least = self.context.least();
        if length < least {
            return Err(Unfit::TooShort {
                length,
                least,
                model: model(),
            });
        }
        let context = &values[length.saturating_sub(self.context.reach())..];
        if context.iter().all(|value| value.is_nan()) {
            return Err(Unfit::NothingObserved {
                length: context.len(),
                model: model(),
            });
        }
        self.takes(context, request.series().values().len())?;
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

    /// Whether each value of `context`, the tail of a series of `length` values, is one for the model.
    fn takes(&self, context: &[f64], length: usize) -> Result<(), Unfit> {
        let place = |within: usize| length - context.len() + within;
        let model = || self.name.clone();
        if self.context.missing == Missing::Reject
            && let Some(within) = context.iter().position(|value| value.is_nan())
        {
            return Err(Unfit::Missing {
                index: place(within),
                model: model(),
            });
        }
        if self.context.scaling == Scaling::Log1p
            && let Some(within) = context.iter().position(|value| *value <= -1.0)
        {
            return Err(Unfit::NoLogarithm {
                index: place(within),
                value: context[within],
                model: model(),
            });
        }
        Ok(())
    }
}

//! The check that a model can use the covariates of a request.

use almanac_forecast::{CovariateKind, CovariateValues, ForecastRequest, StaticValue};
use thiserror::Error;

use crate::Manifest;
use crate::manifest::{CovariateRole, Feature, InputRole, Missing, Scaling};

/// The reason for which a model cannot use a covariate. Its text continues a sentence about the covariate.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CovariateFitError {
    /// The series has no covariate of that name.
    #[error("does not exist; send it")]
    Absent,
    /// The covariate is of another kind.
    #[error("was sent as a {given} covariate; change its kind")]
    Kind {
        /// The kind in the request.
        given: CovariateKind,
    },
    /// The covariate is not known for the steps ahead.
    #[error(
        "has no values for the steps ahead; send {needed} values, those of the steps ahead last"
    )]
    NotAhead {
        /// The number of values of the series and steps ahead.
        needed: usize,
    },
    /// The model reads more steps ahead than are known, and does not support missing values.
    #[error(
        "must be known for {seen} steps ahead, but is known only for {steps}; request a horizon of {seen}"
    )]
    BeyondHorizon {
        /// The number of steps ahead that the model reads.
        seen: usize,
        /// The horizon.
        steps: usize,
    },
    /// A roll-out reads a past covariate at steps ahead, and the model does not support missing values.
    #[error(
        "must be known for {seen} steps ahead, because the model continues from its own forecast; send it as a future covariate, or request fewer steps"
    )]
    PastOnly {
        /// The number of steps ahead that the model reads.
        seen: usize,
    },
    /// All values that the model reads are missing.
    #[error(
        "has no value in the last {length} steps, and the model reads no others; send at least one"
    )]
    NothingObserved {
        /// The number of steps that the model reads.
        length: usize,
    },
    /// A value is missing, which the model does not support.
    #[error("is missing at {index}, but the model does not support missing values; fill it")]
    Missing {
        /// The index of the value, from 0.
        index: usize,
    },
    /// A value has no logarithm, which the model requires.
    #[error(
        "is {value} at {index}, but the model takes the logarithm of values plus 1; send values above -1"
    )]
    NoLogarithm {
        /// The index of the value, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The category is unknown to the model, or a number was sent instead of one.
    #[error("is {given}; send one of {}", .known.join(", "))]
    Category {
        /// The category or number in the request.
        given: String,
        /// The categories of the model.
        known: Vec<String>,
    },
    /// A category was sent instead of a number.
    #[error("is {given:?}; send a number")]
    NotANumber {
        /// The category in the request.
        given: String,
    },
}

impl Manifest {
    /// Returns the first covariate that the model requires and cannot use as `request` has it, and the reason.
    ///
    /// `context_length` is the number of values of the series that the model reads.
    pub(super) fn unfit_covariate(
        &self,
        request: &ForecastRequest,
        context_length: usize,
    ) -> Option<(&CovariateRole, CovariateFitError)> {
        self.covariates.iter().find_map(|role| {
            let unfit = match request.covariates().get(&role.name) {
                None => Some(CovariateFitError::Absent),
                Some(CovariateValues::Static(value)) => role.check_static(value),
                Some(values) => self.check_temporal(role, values, request, context_length),
            };
            unfit.map(|unfit| (role, unfit))
        })
    }

    /// Returns the reason for which the model cannot use `values`, the past or future covariate of `role`.
    fn check_temporal(
        &self,
        role: &CovariateRole,
        values: &CovariateValues,
        request: &ForecastRequest,
        context_length: usize,
    ) -> Option<CovariateFitError> {
        let (given, steps) = (values.kind(), request.horizon().steps());
        let has_kind = match role.kind {
            CovariateKind::Static => false,
            // A covariate that is known ahead is also known for the past.
            CovariateKind::Past => true,
            CovariateKind::Future => given == CovariateKind::Future,
        };
        if !has_kind {
            return Some(CovariateFitError::Kind { given });
        }
        let (values, length) = (values.steps(), request.series().values().len());
        let (known, seen) = (values.len() - length, self.ahead(role, steps));
        if role.kind == CovariateKind::Future && known < steps {
            let needed = length + steps;
            return Some(CovariateFitError::NotAhead { needed });
        }
        if role.missing == Missing::Reject && seen > known {
            return Some(match role.kind {
                CovariateKind::Future => CovariateFitError::BeyondHorizon { seen, steps },
                CovariateKind::Past | CovariateKind::Static => CovariateFitError::PastOnly { seen },
            });
        }
        let start = length - context_length;
        let past = &values[start..length];
        let is_observed = |values: &[f64]| values.iter().any(|value| !value.is_nan());
        let is_scaled = role.scaling != Scaling::None;
        if (role.missing.fills() && !is_observed(&values[start..]))
            || (is_scaled && !is_observed(past))
        {
            return Some(CovariateFitError::NothingObserved {
                length: context_length,
            });
        }
        role.check_values(&values[start..])
            .map(|unfit| unfit.shifted_by(start))
    }

    /// Returns the number of steps after the series at which the graph reads the covariate `role` for a horizon of
    /// `steps`.
    ///
    /// These are whole runs if the covariate is in a tensor. In a roll-out, the steps of earlier runs count as history.
    #[must_use]
    pub fn ahead(&self, role: &CovariateRole, steps: usize) -> usize {
        let covered = self.horizon.covered(steps);
        let in_inputs = self
            .inputs
            .iter()
            .filter(|input| input.covariates().contains(&role.name))
            .map(|input: &InputRole| {
                if input.looks_ahead() {
                    covered
                } else {
                    covered - self.horizon.native
                }
            });
        let in_features = self.context.features.iter().map(|feature| match feature {
            Feature::Covariate { name, lag } if *name == role.name => steps.saturating_sub(*lag),
            _ => 0,
        });
        in_inputs.chain(in_features).max().unwrap_or(0)
    }
}

impl CovariateRole {
    /// Returns the first of `values` that the model does not support.
    fn check_values(&self, values: &[f64]) -> Option<CovariateFitError> {
        if self.missing == Missing::Reject
            && let Some(index) = values.iter().position(|value| value.is_nan())
        {
            return Some(CovariateFitError::Missing { index });
        }
        let index = match self.scaling {
            Scaling::Log1p => values.iter().position(|value| *value <= -1.0),
            _ => None,
        }?;
        Some(CovariateFitError::NoLogarithm {
            index,
            value: values[index],
        })
    }

    /// Returns the reason for which the model cannot use the static covariate `value`.
    fn check_static(&self, value: &StaticValue) -> Option<CovariateFitError> {
        if self.kind != CovariateKind::Static {
            return Some(CovariateFitError::Kind {
                given: CovariateKind::Static,
            });
        }
        match (&self.categories, value) {
            (None, StaticValue::Number(_)) => None,
            (None, StaticValue::Category(given)) => Some(CovariateFitError::NotANumber {
                given: truncated(given),
            }),
            (Some(_), StaticValue::Category(given)) if self.code(given).is_some() => None,
            (Some(known), given) => Some(CovariateFitError::Category {
                given: match given {
                    StaticValue::Number(number) => number.to_string(),
                    StaticValue::Category(text) => format!("{:?}", truncated(text)),
                },
                known: known.clone(),
            }),
        }
    }
}

impl CovariateFitError {
    /// Returns the index of the unsuitable value, if there is one.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Missing { index } | Self::NoLogarithm { index, .. } => Some(*index),
            Self::Absent
            | Self::Kind { .. }
            | Self::NotAhead { .. }
            | Self::BeyondHorizon { .. }
            | Self::PastOnly { .. }
            | Self::NothingObserved { .. }
            | Self::Category { .. }
            | Self::NotANumber { .. } => None,
        }
    }

    /// Adds `start` to the index of the value.
    fn shifted_by(self, start: usize) -> Self {
        match self {
            Self::Missing { index } => Self::Missing {
                index: start + index,
            },
            Self::NoLogarithm { index, value } => Self::NoLogarithm {
                index: start + index,
                value,
            },
            other => other,
        }
    }
}

/// Returns at most 80 characters of the text of a client.
fn truncated(text: &str) -> String {
    text.chars().take(80).collect()
}

//! Which covariates a model can be given.

use thiserror::Error;

use crate::Manifest;
use crate::manifest::{CovariateRole, Feature, InputRole, Missing, Scaling};
use almanac_forecast::{CovariateKind, CovariateValues, ForecastRequest, StaticValue};

/// What stands between a covariate and the model that needs it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CovariateUnfit {
    /// The series has none of that name.
    #[error("is needed, and the series has none of that name; send it")]
    Absent,
    /// It is of another kind.
    #[error("is needed, and it was sent as a {given} one")]
    Kind {
        /// The kind it was sent as.
        given: CovariateKind,
    },
    /// It is not known for the steps ahead.
    #[error(
        "ends with the series; send {needed} values, those of the steps ahead behind the others"
    )]
    NotAhead {
        /// Values of the series and steps ahead.
        needed: usize,
    },
    /// The model looks at more steps ahead, and takes none that are not known.
    #[error(
        "must be known for {seen} steps ahead and not only for {steps}; ask for a horizon of {seen}"
    )]
    BeyondHorizon {
        /// Steps ahead that the model looks at.
        seen: usize,
        /// The horizon.
        steps: usize,
    },
    /// The model goes on from its own forecast, and takes no value that is not known.
    #[error(
        "must be known for {seen} steps ahead, where the model goes on from its own forecast; send it as a future one, or ask for fewer steps"
    )]
    PastOnly {
        /// Steps ahead that the model looks at.
        seen: usize,
    },
    /// Nothing that the model sees of it is observed.
    #[error("has no value within the last {length} steps, which are all that the model sees")]
    NothingObserved {
        /// The length of the context.
        length: usize,
    },
    /// A missing value that the model does not take.
    #[error("is missing at {index}, and the model takes no missing values; fill it")]
    Missing {
        /// Its position, from 0.
        index: usize,
    },
    /// A value without a logarithm.
    #[error("is {value} at {index}, and the model takes the logarithm of values above -1 only")]
    NoLogarithm {
        /// Its position, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A category that the model does not know, or a number for one.
    #[error("is {given}; send one of {}", .known.join(", "))]
    Category {
        /// What was sent.
        given: String,
        /// The categories.
        known: Vec<String>,
    },
    /// A category for a number.
    #[error("is {given:?}; send a number")]
    NotANumber {
        /// What was sent.
        given: String,
    },
}

impl Manifest {
    /// The first covariate of `request` that the model cannot be given, and why. `context` is how many
    /// values of the series it sees.
    pub(super) fn unfit_covariate(
        &self,
        request: &ForecastRequest,
        context: usize,
    ) -> Option<(&CovariateRole, CovariateUnfit)> {
        self.covariates.iter().find_map(|role| {
            let unfit = match request.covariates().get(&role.name) {
                None => Some(CovariateUnfit::Absent),
                Some(CovariateValues::Static(value)) => role.refuses(value),
                Some(values) => self.refuses(role, values, (request, context)),
            };
            unfit.map(|unfit| (role, unfit))
        })
    }

    fn refuses(
        &self,
        role: &CovariateRole,
        values: &CovariateValues,
        (request, context): (&ForecastRequest, usize),
    ) -> Option<CovariateUnfit> {
        let (given, steps) = (values.kind(), request.horizon().steps());
        let fits = match role.kind {
            CovariateKind::Static => false,
            // What is known ahead is known of the past.
            CovariateKind::Past => true,
            CovariateKind::Future => given == CovariateKind::Future,
        };
        if !fits {
            return Some(CovariateUnfit::Kind { given });
        }
        let (values, length) = (values.steps(), request.series().values().len());
        let (known, seen) = (values.len() - length, self.ahead(role, steps));
        if role.kind == CovariateKind::Future && known < steps {
            let needed = length + steps;
            return Some(CovariateUnfit::NotAhead { needed });
        }
        if role.missing == Missing::Reject && seen > known {
            return Some(match role.kind {
                CovariateKind::Future => CovariateUnfit::BeyondHorizon { seen, steps },
                CovariateKind::Past | CovariateKind::Static => CovariateUnfit::PastOnly { seen },
            });
        }
        let start = length - context;
        let past = &values[start..length];
        let observed = |values: &[f64]| values.iter().any(|value| !value.is_nan());
        let is_scaled = role.scaling != Scaling::None;
        if (role.missing.fills() && !observed(&values[start..])) || (is_scaled && !observed(past)) {
            return Some(CovariateUnfit::NothingObserved { length: context });
        }
        role.refuses_one(&values[start..])
            .map(|unfit| unfit.moved_by(start))
    }

    /// How many steps ahead of the series the graph looks at the covariate `role` for a horizon of
    /// `steps`: whole runs where it is a tensor. What a roll-out has passed belongs to its history.
    #[must_use]
    pub fn ahead(&self, role: &CovariateRole, steps: usize) -> usize {
        let takes = |input: &&InputRole| input.covariates().contains(&role.name);
        let covered = self.horizon.covered(steps);
        let of_inputs = self.inputs.iter().filter(takes).map(|input| {
            if input.looks_ahead() {
                covered
            } else {
                covered - self.horizon.native
            }
        });
        let of_features = self.context.features.iter().map(|feature| match feature {
            Feature::Covariate { name, lag } if *name == role.name => steps.saturating_sub(*lag),
            _ => 0,
        });
        of_inputs.chain(of_features).max().unwrap_or(0)
    }
}

impl CovariateRole {
    /// Why one of `values` cannot be given.
    fn refuses_one(&self, values: &[f64]) -> Option<CovariateUnfit> {
        if self.missing == Missing::Reject
            && let Some(index) = values.iter().position(|value| value.is_nan())
        {
            return Some(CovariateUnfit::Missing { index });
        }
        let index = match self.scaling {
            Scaling::Log1p => values.iter().position(|value| *value <= -1.0),
            _ => None,
        }?;
        Some(CovariateUnfit::NoLogarithm {
            index,
            value: values[index],
        })
    }

    fn refuses(&self, value: &StaticValue) -> Option<CovariateUnfit> {
        if self.kind != CovariateKind::Static {
            return Some(CovariateUnfit::Kind {
                given: CovariateKind::Static,
            });
        }
        match (&self.categories, value) {
            (None, StaticValue::Number(_)) => None,
            (None, StaticValue::Category(given)) => Some(CovariateUnfit::NotANumber {
                given: shown(given),
            }),
            (Some(_), StaticValue::Category(given)) if self.code(given).is_some() => None,
            (Some(known), given) => Some(CovariateUnfit::Category {
                given: match given {
                    StaticValue::Number(number) => number.to_string(),
                    StaticValue::Category(text) => format!("{:?}", shown(text)),
                },
                known: known.clone(),
            }),
        }
    }
}

impl CovariateUnfit {
    /// The value that is unfit, when it is one.
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

    fn moved_by(self, start: usize) -> Self {
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

/// A text of a client, bounded.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

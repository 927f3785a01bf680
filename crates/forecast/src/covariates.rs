//! What is known beside the values of a series, by name.
//!
//! A past covariate has one value for each value of the series. A future covariate has these and, behind
//! them, one for each step ahead. A static covariate has one number or category.

use std::fmt;

use thiserror::Error;

/// One covariate, as a client names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariate {
    /// Its name, which stands once in a series.
    pub name: String,
    /// What is known.
    pub values: CovariateValues,
}

/// What is known of a covariate; `NaN` is a missing value.
#[derive(Clone, Debug, PartialEq)]
pub enum CovariateValues {
    /// One for each value of the series.
    Past(Vec<f64>),
    /// One for each value of the series, then one for each step ahead; or none of the latter, where the
    /// end of the series is forecast and nothing beyond it.
    Future(Vec<f64>),
    /// One for the series.
    Static(StaticValue),
}

/// What holds for a series as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum StaticValue {
    /// A number.
    Number(f64),
    /// A category, by its name.
    Category(String),
}

/// Over which steps a covariate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CovariateKind {
    /// Those of the series.
    Past,
    /// Those of the series and those ahead.
    Future,
    /// It does not change.
    Static,
}

/// The covariates of a series, valid for its length and its horizon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Covariates(Vec<Covariate>);

/// Why covariates are not those of a series.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CovariateError {
    /// More of them than the limit.
    #[error("the series has {count} covariates, over the limit of {limit}")]
    TooMany {
        /// How many were sent.
        count: usize,
        /// The most accepted.
        limit: usize,
    },
    /// One of them is wrong.
    #[error("{kind} covariate {name:?} {flaw}")]
    Flawed {
        /// Which kind it was sent as.
        kind: CovariateKind,
        /// Its name.
        name: String,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// What is wrong with a covariate.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Flaw {
    /// It has no name.
    #[error("has no name")]
    NoName,
    /// Another has its name.
    #[error("is given twice; send it once, as one of past, future and static")]
    Twice,
    /// A past covariate of another length than the series.
    #[error("has {length} values; send {expected}, one for each value of the series")]
    PastLength {
        /// How many were sent.
        length: usize,
        /// How many values the series has.
        expected: usize,
    },
    /// A future covariate of another length than series and horizon.
    #[error(
        "has {length} values; send {expected}, one for each value of the series and, behind them, one for each step ahead"
    )]
    FutureLength {
        /// How many were sent.
        length: usize,
        /// Values of the series and steps ahead.
        expected: usize,
    },
    /// A step ahead without a value.
    #[error("is missing at {index}, which is a step ahead; send a number for each of them")]
    MissingAhead {
        /// Its position, from 0.
        index: usize,
    },
    /// A value that is not finite.
    #[error("is {value} at {index}, and values must be finite")]
    Infinite {
        /// Its position, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
}

impl CovariateError {
    /// The value that is wrong, when it is one.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Flawed {
                flaw: Flaw::MissingAhead { index } | Flaw::Infinite { index, .. },
                ..
            } => Some(*index),
            Self::TooMany { .. } | Self::Flawed { .. } => None,
        }
    }
}

impl CovariateValues {
    /// Over which steps they are known.
    #[must_use]
    pub const fn kind(&self) -> CovariateKind {
        match self {
            Self::Past(_) => CovariateKind::Past,
            Self::Future(_) => CovariateKind::Future,
            Self::Static(_) => CovariateKind::Static,
        }
    }

    /// The values of the steps, oldest first; none of a static covariate.
    #[must_use]
    pub fn steps(&self) -> &[f64] {
        match self {
            Self::Past(values) | Self::Future(values) => values,
            Self::Static(_) => &[],
        }
    }

    /// What is wrong with them beside a series of `length` values and `horizon` steps ahead.
    fn flaw(&self, length: usize, horizon: usize) -> Option<Flaw> {
        let values = self.steps();
        let given = values.len();
        match self {
            Self::Past(_) if given != length => {
                return Some(Flaw::PastLength {
                    length: given,
                    expected: length,
                });
            }
            Self::Future(_) if given != length && given != length + horizon => {
                return Some(Flaw::FutureLength {
                    length: given,
                    expected: length + horizon,
                });
            }
            Self::Static(StaticValue::Number(value)) if !value.is_finite() => {
                return Some(Flaw::Infinite {
                    index: 0,
                    value: *value,
                });
            }
            Self::Past(_) | Self::Future(_) | Self::Static(_) => {}
        }
        if let Some(index) = values.iter().position(|value| value.is_infinite()) {
            return Some(Flaw::Infinite {
                index,
                value: values[index],
            });
        }
        let ahead = values.get(length..).unwrap_or_default();
        let missing = ahead.iter().position(|value| value.is_nan())?;
        Some(Flaw::MissingAhead {
            index: length + missing,
        })
    }

    /// These with the values of the series at `positions`, missing in between.
    fn spread(self, positions: &[usize]) -> Self {
        let spread = |values: Vec<f64>| {
            let (past, ahead) = values.split_at(positions.len().min(values.len()));
            let mut spread = spread(past, positions);
            spread.extend_from_slice(ahead);
            spread
        };
        match self {
            Self::Past(values) => Self::Past(spread(values)),
            Self::Future(values) => Self::Future(spread(values)),
            Self::Static(value) => Self::Static(value),
        }
    }

    /// What was known when the series had its first `length` values, and `horizon` steps ahead of that.
    fn until(&self, length: usize, horizon: usize) -> Self {
        let head = |values: &[f64], most: usize| values[..most.min(values.len())].to_vec();
        match self {
            Self::Past(values) => Self::Past(head(values, length)),
            Self::Future(values) => Self::Future(head(values, length + horizon)),
            Self::Static(value) => Self::Static(value.clone()),
        }
    }
}

impl Covariates {
    /// The covariates `list` of a series of `length` values, forecast `horizon` steps ahead; at most
    /// `limit` of them.
    ///
    /// # Errors
    /// [`CovariateError`] of the first one that is wrong.
    pub fn new(
        list: Vec<Covariate>,
        (length, horizon): (usize, usize),
        limit: usize,
    ) -> Result<Self, CovariateError> {
        let count = list.len();
        if count > limit {
            return Err(CovariateError::TooMany { count, limit });
        }
        for (place, covariate) in list.iter().enumerate() {
            let again = list[..place]
                .iter()
                .any(|other| other.name == covariate.name);
            let flaw = if covariate.name.is_empty() {
                Some(Flaw::NoName)
            } else if again {
                Some(Flaw::Twice)
            } else {
                covariate.values.flaw(length, horizon)
            };
            if let Some(flaw) = flaw {
                return Err(CovariateError::Flawed {
                    kind: covariate.values.kind(),
                    name: covariate.name.clone(),
                    flaw,
                });
            }
        }
        Ok(Self(list))
    }

    /// The one with `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CovariateValues> {
        let mut named = self.0.iter().filter(|covariate| covariate.name == name);
        named.next().map(|covariate| &covariate.values)
    }

    /// All of them, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = &Covariate> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, where the values of the series lie at `positions` and others were filled in between.
    pub(super) fn spread(self, positions: &[usize]) -> Self {
        let spread = |covariate: Covariate| Covariate {
            values: covariate.values.spread(positions),
            ..covariate
        };
        Self(self.0.into_iter().map(spread).collect())
    }

    /// What was known of them when the series had its first `length` values.
    pub(super) fn until(&self, length: usize, horizon: usize) -> Self {
        let cut = |covariate: &Covariate| Covariate {
            name: covariate.name.clone(),
            values: covariate.values.until(length, horizon),
        };
        Self(self.0.iter().map(cut).collect())
    }
}

impl fmt::Display for CovariateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Past => "past",
            Self::Future => "future",
            Self::Static => "static",
        })
    }
}

/// `values` at their `positions`, missing in between.
pub(super) fn spread(values: &[f64], positions: &[usize]) -> Vec<f64> {
    let length = positions.last().map_or(0, |last| last + 1);
    let mut spread = vec![f64::NAN; length];
    for (value, position) in values.iter().zip(positions) {
        spread[*position] = *value;
    }
    spread
}

#[cfg(test)]
mod tests;

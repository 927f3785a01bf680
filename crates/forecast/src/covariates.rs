//! Covariates: named data about a series in addition to its values.
//!
//! A past covariate has one value for each value of the series. A future covariate has these, followed by
//! one for each step ahead. A static covariate has one number or category.

use std::fmt;

use thiserror::Error;

/// A covariate of a series.
///
/// ```
/// use almanac_forecast::{Covariate, CovariateKind, CovariateValues};
///
/// // Three values of the series, and two steps ahead.
/// let price = Covariate {
///     name: "price".to_owned(),
///     values: CovariateValues::Future(vec![9.9, 9.9, 8.9, 8.9, 9.9]),
/// };
/// assert_eq!(price.values.kind(), CovariateKind::Future);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Covariate {
    /// The name, unique among the covariates of a series.
    pub name: String,
    /// The values.
    pub values: CovariateValues,
}

/// The values of a covariate, `NaN` for a missing one.
#[derive(Clone, Debug, PartialEq)]
pub enum CovariateValues {
    /// One value for each value of the series.
    Past(Vec<f64>),
    /// One value for each value of the series, then one for each step ahead. The latter may be absent
    /// as a whole, if no step beyond the end of the series is forecast.
    Future(Vec<f64>),
    /// One value for the whole series.
    Static(StaticValue),
}

/// The value of a static covariate.
#[derive(Clone, Debug, PartialEq)]
pub enum StaticValue {
    /// A number.
    Number(f64),
    /// The name of a category.
    Category(String),
}

/// The steps for which a covariate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CovariateKind {
    /// Known for the steps of the series.
    Past,
    /// Known for the steps of the series and for the steps ahead.
    Future,
    /// Constant over all steps.
    Static,
}

/// The covariates of a series, valid for its length and its horizon.
///
/// ```
/// use almanac_forecast::{Covariate, CovariateError, CovariateValues, Covariates};
///
/// let load = Covariate {
///     name: "load".to_owned(),
///     values: CovariateValues::Past(vec![1.0, 2.0, 3.0]),
/// };
/// // A series of 3 values, forecast 2 steps ahead.
/// let covariates = Covariates::new(vec![load.clone()], 3, 2, 10)?;
/// assert!(covariates.get("load").is_some());
/// assert!(Covariates::new(vec![load], 4, 2, 10).is_err());
/// # Ok::<(), CovariateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Covariates(Vec<Covariate>);

/// The error returned when covariates do not fit a series.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CovariateError {
    /// There are more covariates than the limit.
    #[error(
        "the series has {count} covariates, which exceeds the limit of {limit}; send fewer covariates"
    )]
    TooMany {
        /// The number of covariates.
        count: usize,
        /// The maximum number of covariates.
        limit: usize,
    },
    /// A covariate is invalid.
    #[error("{kind} covariate {name:?} {flaw}")]
    Invalid {
        /// The kind of the covariate.
        kind: CovariateKind,
        /// The name of the covariate.
        name: String,
        /// The reason.
        flaw: InvalidReason,
    },
}

/// The reason why a covariate is invalid, as the rest of a sentence about it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum InvalidReason {
    /// The name is empty.
    #[error("has an empty name; send a name")]
    NoName,
    /// Another covariate has the same name.
    #[error("is given more than once; send it once, as past, future or static")]
    Duplicate,
    /// A past covariate differs in length from the series.
    #[error("has {length} values; send {expected}, one for each value of the series")]
    PastLength {
        /// The number of values of the covariate.
        length: usize,
        /// The number of values of the series.
        expected: usize,
    },
    /// A future covariate differs in length from the series and its horizon.
    #[error(
        "has {length} values; send {expected}, one for each value of the series, followed by one for each step ahead"
    )]
    FutureLength {
        /// The number of values of the covariate.
        length: usize,
        /// The number of values of the series and of steps ahead.
        expected: usize,
    },
    /// A future covariate has a missing value at a step ahead.
    #[error("is missing at {index}, which is a step ahead; send a number for every step ahead")]
    MissingFuture {
        /// The position of the value, from 0.
        index: usize,
    },
    /// A value is not finite.
    #[error("is {value} at {index}; send finite numbers")]
    Infinite {
        /// The position of the value, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
}

impl CovariateError {
    /// Returns the position of the invalid value, or `None` if the error is not about one value.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Invalid {
                flaw: InvalidReason::MissingFuture { index } | InvalidReason::Infinite { index, .. },
                ..
            } => Some(*index),
            Self::TooMany { .. } | Self::Invalid { .. } => None,
        }
    }
}

impl CovariateValues {
    /// Returns the kind of the covariate.
    #[must_use]
    pub const fn kind(&self) -> CovariateKind {
        match self {
            Self::Past(_) => CovariateKind::Past,
            Self::Future(_) => CovariateKind::Future,
            Self::Static(_) => CovariateKind::Static,
        }
    }

    /// Returns the values of the steps, oldest first. A static covariate has none.
    #[must_use]
    pub fn steps(&self) -> &[f64] {
        match self {
            Self::Past(values) | Self::Future(values) => values,
            Self::Static(_) => &[],
        }
    }

    /// Returns the reason why these values do not fit a series of `length` values that is forecast
    /// `horizon` steps ahead.
    fn flaw(&self, length: usize, horizon: usize) -> Option<InvalidReason> {
        let values = self.steps();
        let actual = values.len();
        match self {
            Self::Past(_) if actual != length => {
                return Some(InvalidReason::PastLength {
                    length: actual,
                    expected: length,
                });
            }
            Self::Future(_) if actual != length && actual != length + horizon => {
                return Some(InvalidReason::FutureLength {
                    length: actual,
                    expected: length + horizon,
                });
            }
            Self::Static(StaticValue::Number(value)) if !value.is_finite() => {
                return Some(InvalidReason::Infinite {
                    index: 0,
                    value: *value,
                });
            }
            Self::Past(_) | Self::Future(_) | Self::Static(_) => {}
        }
        if let Some(index) = values.iter().position(|value| value.is_infinite()) {
            return Some(InvalidReason::Infinite {
                index,
                value: values[index],
            });
        }
        let future = values.get(length..).unwrap_or_default();
        let missing = future.iter().position(|value| value.is_nan())?;
        Some(InvalidReason::MissingFuture {
            index: length + missing,
        })
    }

    /// Moves the values of past steps to `positions`, with missing values in between.
    fn spread(self, positions: &[usize]) -> Self {
        let spread = |values: Vec<f64>| {
            let (past, future) = values.split_at(positions.len().min(values.len()));
            let mut spread = spread(past, positions);
            spread.extend_from_slice(future);
            spread
        };
        match self {
            Self::Past(values) => Self::Past(spread(values)),
            Self::Future(values) => Self::Future(spread(values)),
            Self::Static(value) => Self::Static(value),
        }
    }

    /// Returns the values that were known when the series had `length` values, those of `horizon` steps
    /// ahead included.
    fn truncated(&self, length: usize, horizon: usize) -> Self {
        let first = |values: &[f64], count: usize| values[..count.min(values.len())].to_vec();
        match self {
            Self::Past(values) => Self::Past(first(values, length)),
            Self::Future(values) => Self::Future(first(values, length + horizon)),
            Self::Static(value) => Self::Static(value.clone()),
        }
    }
}

impl Covariates {
    /// Creates the covariates of a series of `length` values that is forecast `horizon` steps ahead, at
    /// most `limit` of them.
    ///
    /// # Errors
    /// Returns a [`CovariateError`] for the first invalid covariate, or if there are too many.
    pub fn new(
        covariates: Vec<Covariate>,
        length: usize,
        horizon: usize,
        limit: usize,
    ) -> Result<Self, CovariateError> {
        let count = covariates.len();
        if count > limit {
            return Err(CovariateError::TooMany { count, limit });
        }
        for (position, covariate) in covariates.iter().enumerate() {
            let is_duplicate = covariates[..position]
                .iter()
                .any(|other| other.name == covariate.name);
            let flaw = if covariate.name.is_empty() {
                Some(InvalidReason::NoName)
            } else if is_duplicate {
                Some(InvalidReason::Duplicate)
            } else {
                covariate.values.flaw(length, horizon)
            };
            if let Some(flaw) = flaw {
                return Err(CovariateError::Invalid {
                    kind: covariate.values.kind(),
                    name: covariate.name.clone(),
                    flaw,
                });
            }
        }
        Ok(Self(covariates))
    }

    /// Returns the values of the covariate with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&CovariateValues> {
        self.0
            .iter()
            .find(|covariate| covariate.name == name)
            .map(|covariate| &covariate.values)
    }

    /// Returns the covariates in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = &Covariate> {
        self.0.iter()
    }

    /// Returns the number of covariates.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are no covariates.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves the values of past steps to `positions`, as gaps in the series were filled.
    pub(super) fn spread(self, positions: &[usize]) -> Self {
        let spread = |covariate: Covariate| Covariate {
            values: covariate.values.spread(positions),
            ..covariate
        };
        Self(self.0.into_iter().map(spread).collect())
    }

    /// Returns the covariates that were known when the series had `length` values.
    pub(super) fn truncated(&self, length: usize, horizon: usize) -> Self {
        let truncate = |covariate: &Covariate| Covariate {
            name: covariate.name.clone(),
            values: covariate.values.truncated(length, horizon),
        };
        Self(self.0.iter().map(truncate).collect())
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

/// Returns a list with each value at its position, and missing values in between.
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

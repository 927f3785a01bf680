//! A series of values, and the errors of values that do not form one.

use thiserror::Error;

use crate::Calendar;

/// A univariate series, oldest value first, with at least one observed value.
///
/// A missing value is `NaN`; every other value is finite. A series without a calendar has numbered steps:
/// the client sent neither a start nor timestamps.
///
/// ```
/// use almanac_forecast::{Series, SeriesError};
///
/// let series = Series::new(vec![1.0, f64::NAN, 3.0], None, 1_000)?;
/// assert_eq!(series.values().len(), 3);
/// assert_eq!(series.tail(1), [3.0]);
/// assert_eq!(Series::new(vec![], None, 1_000).err(), Some(SeriesError::Empty));
/// # Ok::<(), SeriesError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Series {
    values: Vec<f64>,
    calendar: Option<Calendar>,
}

/// The error returned when a list of values is not a valid series.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SeriesError {
    /// The list has no value.
    #[error("the series is empty; send at least 1 observed value")]
    Empty,
    /// Every value is missing.
    #[error("all {length} values are missing; send at least 1 observed value")]
    AllMissing {
        /// The number of values.
        length: usize,
    },
    /// A value is infinite. Missing values are `NaN`, never infinite.
    #[error("value {index} is {value}; send a finite number, or mark the value as missing")]
    Infinite {
        /// The position of the first infinite value, from 0.
        index: usize,
        /// The infinite value.
        value: f64,
    },
    /// The series has more values than the limit.
    #[error(
        "the series has {length} values, which exceeds the limit of {limit}; send the most recent values"
    )]
    TooLong {
        /// The number of values, those that fill gaps included.
        length: usize,
        /// The maximum number of values.
        limit: usize,
    },
}

impl Series {
    /// Creates a series of at most `limit` values, `NaN` for a missing one.
    ///
    /// # Errors
    /// Returns a [`SeriesError`] if `values` is empty, too long, all missing, or holds an infinity.
    pub fn new(
        values: Vec<f64>,
        calendar: Option<Calendar>,
        limit: usize,
    ) -> Result<Self, SeriesError> {
        let length = values.len();
        if length == 0 {
            return Err(SeriesError::Empty);
        }
        if length > limit {
            return Err(SeriesError::TooLong { length, limit });
        }
        if let Some(index) = values.iter().position(|value| value.is_infinite()) {
            return Err(SeriesError::Infinite {
                index,
                value: values[index],
            });
        }
        if values.iter().all(|value| value.is_nan()) {
            return Err(SeriesError::AllMissing { length });
        }
        Ok(Self { values, calendar })
    }

    /// Returns the values, oldest first, `NaN` where missing.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the time axis, or `None` if the client sent none.
    #[must_use]
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()
    }

    /// Returns the last `length` values, or all values if there are fewer.
    #[must_use]
    pub fn tail(&self, length: usize) -> &[f64] {
        &self.values[self.values.len().saturating_sub(length)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_error(values: &[f64], expected: &str) {
        let error = Series::new(values.to_vec(), None, 4).expect_err("the series is invalid");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn rejects_invalid_values() {
        check_error(&[], "the series is empty; send at least 1 observed value");
        check_error(
            &[f64::NAN, f64::NAN],
            "all 2 values are missing; send at least 1 observed value",
        );
        check_error(
            &[1.0, f64::NEG_INFINITY],
            "value 1 is -inf; send a finite number, or mark the value as missing",
        );
        check_error(
            &[1.0; 5],
            "the series has 5 values, which exceeds the limit of 4; send the most recent values",
        );
    }

    #[test]
    fn tail_returns_the_most_recent_values() {
        let series = Series::new(vec![1.0, 2.0, 3.0], None, 4).unwrap();
        assert_eq!(series.tail(2), [2.0, 3.0]);
        assert_eq!(series.tail(9), [1.0, 2.0, 3.0]);
    }
}

//! What the client sent: values in order, and where they lie in time.

use thiserror::Error;

use crate::Calendar;

/// A univariate series, oldest value first, with at least one observed value.
///
/// A missing value is `NaN`; every other value is finite. The calendar is absent when the client
/// gave neither a start nor timestamps: steps are then numbers.
#[derive(Clone, Debug)]
pub struct Series {
    values: Vec<f64>,
    calendar: Option<Calendar>,
}

/// Why a list of values is not a series.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SeriesError {
    /// There is no value.
    #[error("the series is empty, and a forecast needs at least 1 observed value")]
    Empty,
    /// Every value is missing.
    #[error("all {length} values are missing, and a forecast needs at least 1 observed value")]
    AllMissing {
        /// How many values were sent.
        length: usize,
    },
    /// A value is not finite. Missing values are `NaN`, never infinite.
    #[error("value {index} is {value}, and values must be finite; send null for a missing one")]
    Infinite {
        /// Position of the first such value, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// More values than the limit.
    #[error("the series has {length} values, over the limit of {limit}; send its tail")]
    TooLong {
        /// How many values were sent, or would be after filling gaps.
        length: usize,
        /// The largest number of values accepted.
        limit: usize,
    },
}

impl Series {
    /// A series of `values`, `NaN` for a missing one, of at most `limit` of them.
    ///
    /// # Errors
    /// [`SeriesError`] when it is empty, too long, all missing, or holds an infinity.
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

    /// The values, oldest first, `NaN` where missing.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The time axis, when the client gave one.
    #[must_use]
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()
    }

    /// The last `length` values, or all of them when there are fewer.
    #[must_use]
    pub fn tail(&self, length: usize) -> &[f64] {
        &self.values[self.values.len().saturating_sub(length)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], expected: &str) {
        let error = Series::new(values.to_vec(), None, 4).expect_err("must be refused");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn refuses_what_no_forecast_can_start_from() {
        check(
            &[],
            "the series is empty, and a forecast needs at least 1 observed value",
        );
        check(
            &[f64::NAN, f64::NAN],
            "all 2 values are missing, and a forecast needs at least 1 observed value",
        );
        check(
            &[1.0, f64::NEG_INFINITY],
            "value 1 is -inf, and values must be finite; send null for a missing one",
        );
        check(
            &[1.0; 5],
            "the series has 5 values, over the limit of 4; send its tail",
        );
    }

    #[test]
    fn the_tail_is_the_most_recent_part() {
        let series = Series::new(vec![1.0, 2.0, 3.0], None, 4).unwrap();
        assert_eq!(series.tail(2), [2.0, 3.0]);
        assert_eq!(series.tail(9), [1.0, 2.0, 3.0]);
    }
}

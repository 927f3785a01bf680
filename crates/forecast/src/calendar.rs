//! The time axis of a series: the stamp of each step, and the steps of a list of stamps.
//!
//! Everything here is arithmetic on the stamps of the client. No clock is read, and every step is computed
//! in constant time: a step a thousand years ahead costs as much as the next one.

mod align;
mod error;
mod format;
mod infer;
mod phase;
mod position;
mod stamp;
mod stamp_error;
#[cfg(test)]
mod tests;
mod zone;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;

pub use self::error::CalendarError;
use self::format::StampFormat;
use self::phase::CalendarPhase;
use self::position::StampPosition;
pub use self::stamp::Stamp;
pub use self::stamp_error::StampError;
use crate::frequency::{Frequency, Unit};

/// The infinite time axis of a series: `start`, then one stamp per step of the frequency.
///
/// - Steps of a day and longer keep the wall time of the start, in its zone. A wall time that the
///   zone skips moves forward by the length of the gap; a repeated wall time is the first of the two.
///   Hours and finer units are elapsed time. A fixed offset stays fixed. Stamps increase strictly, except
///   over a whole day that a zone skips (Samoa, December 30 2011), where two steps share the next day.
/// - Months keep the day of the month of the start, clipped to the length of shorter months; each step
///   is computed from the start, so that January 31 is followed by February 29 and March 31. A start on
///   the last day of its month means month ends, except with the start-anchored `MS`, `QS` and
///   `YS`.
/// - A start off the frequency's anchor keeps its own phase: `W-SUN` from a Monday steps through
///   Mondays, `MS` from the 15th through the 15th of each month.
///   [`is_off_anchor`](Self::is_off_anchor) reports this. Business days are the exception: Saturday is
///   followed by Monday.
/// - A date with a sub-daily frequency becomes midnight: `2024-01-01` in hours is followed by
///   `2024-01-01T01:00:00`.
/// - An integer index increases by the frequency's multiple and ignores the unit: `MS` by 1, `15min` by
///   15.
///
/// # Examples
///
/// ```
/// use almanac_forecast::{Calendar, Stamp};
///
/// let calendar = Calendar::new(Stamp::parse("2024-01-31")?, "ME".parse()?)?;
/// assert_eq!(calendar.stamp(1)?.to_string(), "2024-02-29");
/// assert_eq!(calendar.stamp(12)?.to_string(), "2025-01-31");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Calendar {
    start: Stamp,
    frequency: Frequency,
    axis: Axis,
    /// The format of the stamps of this axis: that of the start, extended as the frequency requires.
    format: StampFormat,
    /// The offset of the steps after the start, if the offsets of the aligned stamps differ.
    later_offset: Option<Offset>,
    off_anchor: bool,
}

/// The meaning of one unit of the frequency on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    /// One integer.
    Index,
    /// A number of nanoseconds of elapsed time.
    Elapsed(i128),
    /// A move over local dates that keeps the time of day.
    Civil(CalendarPhase),
}

impl Calendar {
    /// The maximum number of stamps in one call of [`stamps`](Self::stamps).
    pub const MAX_STAMPS: usize = 1_000_000;

    /// Creates an axis that begins at `start`.
    ///
    /// # Errors
    ///
    /// Returns [`CalendarError::NeedsUnit`] if the start is a date and the frequency a bare number.
    pub fn new(start: Stamp, frequency: Frequency) -> Result<Self, CalendarError> {
        let Some(date) = start.position().wall().map(DateTime::date) else {
            let format = start.format();
            let (axis, later_offset, off_anchor) = (Axis::Index, None, false);
            return Ok(Self {
                start,
                frequency,
                axis,
                format,
                later_offset,
                off_anchor,
            });
        };
        let axis = match frequency.unit() {
            Unit::Step => {
                return Err(CalendarError::NeedsUnit {
                    frequency,
                    start: Box::new(start),
                });
            }
            Unit::Clock(unit) => Axis::Elapsed(unit.nanoseconds().cast_signed()),
            unit => Axis::Civil(CalendarPhase::new(unit, date)),
        };
        let format = start.format().fitted_to(frequency, start.position());
        let off_anchor = !phase::is_anchored(frequency.unit(), date, format.is_whole_month());
        Ok(Self {
            start,
            frequency,
            axis,
            format,
            later_offset: None,
            off_anchor,
        })
    }

    /// Returns the stamp `step` steps after the start, or before it if `step` is negative.
    ///
    /// # Errors
    ///
    /// Returns [`CalendarError::OutOfRange`] outside the years -9999 to 9999, or the range of `i64` for an
    /// index.
    pub fn stamp(&self, step: i64) -> Result<Stamp, CalendarError> {
        match self.position_at(step) {
            Some(position) => Ok(Stamp::new(position, self.format)),
            None => Err(self.out_of_range(step)),
        }
    }

    /// Returns the stamps of `count` steps, the first of them `from` steps after the start.
    ///
    /// # Errors
    ///
    /// Returns [`CalendarError::OutOfRange`] like [`stamp`](Self::stamp), and
    /// [`CalendarError::TooManyStamps`] if `count` exceeds [`MAX_STAMPS`](Self::MAX_STAMPS).
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::{Calendar, Stamp};
    ///
    /// let calendar = Calendar::new(Stamp::parse("2024-01-05")?, "B".parse()?)?;
    /// let stamps: Vec<String> = calendar.stamps(0, 3)?.iter().map(Stamp::to_string).collect();
    /// assert_eq!(stamps, ["2024-01-05", "2024-01-08", "2024-01-09"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stamps(&self, from: i64, count: usize) -> Result<Vec<Stamp>, CalendarError> {
        if count > Self::MAX_STAMPS {
            return Err(CalendarError::TooManyStamps {
                count,
                most: Self::MAX_STAMPS,
            });
        }
        // All steps exist if the last one does, which is checked before memory is allocated.
        let end = i64::try_from(count)
            .ok()
            .and_then(|count| from.checked_add(count));
        let Some(end) = end else {
            return Err(self.out_of_range(i64::MAX));
        };
        if count > 0 {
            self.stamp(end - 1)?;
        }
        (from..end).map(|step| self.stamp(step)).collect()
    }

    /// Returns the step between stamps.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Returns the frequency whose usual season length applies to the series, or `None` if it is a bare
    /// number.
    #[must_use]
    pub fn seasonal_frequency(&self) -> Option<Frequency> {
        (self.frequency.unit() != Unit::Step).then_some(self.frequency)
    }

    /// Returns the first stamp, as it was written.
    #[must_use]
    pub fn start(&self) -> &Stamp {
        &self.start
    }

    /// Returns true if the start is not on the frequency's anchor, so that the axis keeps the phase of the
    /// start.
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::{Calendar, Stamp};
    ///
    /// let calendar = Calendar::new(Stamp::parse("2024-01-15")?, "MS".parse()?)?;
    /// assert!(calendar.is_off_anchor());
    /// assert_eq!(calendar.stamp(1)?.to_string(), "2024-02-15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_off_anchor(&self) -> bool {
        self.off_anchor
    }

    fn out_of_range(&self, step: i64) -> CalendarError {
        CalendarError::OutOfRange {
            start: Box::new(self.start.clone()),
            frequency: self.frequency,
            step,
        }
    }

    /// Returns the position of a step, or `None` if it is outside the range of dates.
    fn position_at(&self, step: i64) -> Option<StampPosition> {
        let start = self.start.position();
        if step == 0 {
            return Some(match (start, self.axis) {
                (StampPosition::Date(date), Axis::Elapsed(_)) => {
                    StampPosition::DateTime(date.to_datetime(Time::midnight()))
                }
                _ => start.clone(),
            });
        }
        // At most 2^63 times 10^15, far below the maximum of an i128, 2^127.
        let units = i128::from(step) * i128::from(self.frequency.multiple());
        match self.axis {
            Axis::Index => start.plus_index(units),
            Axis::Elapsed(nanoseconds) => {
                let position = start.plus_nanoseconds(units.checked_mul(nanoseconds)?)?;
                Some(position.with_offset(self.later_offset))
            }
            Axis::Civil(phase) => {
                let wall = start.wall()?;
                let date = phase.date(wall.date(), units)?;
                start.with_date(date, self.later_offset)
            }
        }
    }
}

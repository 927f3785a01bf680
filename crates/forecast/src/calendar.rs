//! The time axis of a series: where each step lies, and which steps a list of stamps covers.
//!
//! Everything here is arithmetic on what the client sent. No clock is read and nothing is iterated:
//! a step a thousand years out costs as much as the next one.

mod align;
mod error;
mod format;
mod infer;
mod phase;
mod position;
mod stamp;
#[cfg(test)]
mod tests;
mod zone;

use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;

pub use self::error::{CalendarError, StampError};
use self::format::Format;
use self::phase::Phase;
use self::position::Position;
pub use self::stamp::Stamp;
use crate::frequency::{Frequency, Unit};

/// The time axis of a series: `start`, then one stamp per step of the frequency, without end.
///
/// - Steps of a day and longer keep the wall time of the start, in its zone. A wall time that the
///   zone skips moves forward by the length of the gap; of one that it repeats, the first is meant.
///   Hours and finer units are elapsed time. A fixed offset stays fixed. Stamps rise strictly, except
///   over a whole day that a zone skips (Samoa, December 30 2011), where two steps share the next.
/// - Months keep the day of the month of the start, and clip it where a month is shorter; each step
///   is computed from the start, so that January 31 goes on to February 29 and March 31. A start on
///   the last day of its month means month ends, except with the start-anchored `MS`, `QS` and
///   `YS`.
/// - A start off the frequency's anchor keeps its own phase: `W-SUN` from a Monday steps through
///   Mondays, `MS` from the 15th through the 15th of each month. [`off_anchor`](Self::off_anchor)
///   tells. Business days are the exception: after a Saturday comes Monday.
/// - A date with a sub-daily frequency becomes midnight: `2024-01-01` in hours goes on to
///   `2024-01-01T01:00:00`.
/// - An integer index goes up by the frequency's multiple, whatever the unit: `MS` by 1, `15min` by
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
    /// How the stamps of this axis are written: as the start, with what the frequency needs on top.
    format: Format,
    /// The offset of the steps after the start, where the aligned stamps changed theirs on the way.
    later_offset: Option<Offset>,
    off_anchor: bool,
}

/// What one unit of the frequency means on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    /// One integer.
    Index,
    /// So many nanoseconds of elapsed time.
    Elapsed(i128),
    /// A move over local dates that leaves the time of day alone.
    Civil(Phase),
}

impl Calendar {
    /// The most stamps that [`stamps`](Self::stamps) makes in one call.
    pub const MOST_STAMPS: usize = 1_000_000;

    /// An axis that begins at `start`.
    ///
    /// # Errors
    ///
    /// [`CalendarError::NeedsUnit`] where the start is a date and the frequency a bare number.
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
            unit => Axis::Civil(Phase::of(unit, date)),
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

    /// The stamp `step` steps after the start, or before it where `step` is negative.
    ///
    /// # Errors
    ///
    /// [`CalendarError::OutOfRange`] outside the years -9999 to 9999, or the range of `i64` for an
    /// index.
    pub fn stamp(&self, step: i64) -> Result<Stamp, CalendarError> {
        match self.position_at(step) {
            Some(position) => Ok(Stamp::new(position, self.format)),
            None => Err(self.out_of_range(step)),
        }
    }

    /// The stamps of `count` steps, the first of them `from` steps after the start.
    ///
    /// # Errors
    ///
    /// [`CalendarError::OutOfRange`] as for [`stamp`](Self::stamp), and
    /// [`CalendarError::TooManyStamps`] above [`MOST_STAMPS`](Self::MOST_STAMPS).
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
        if count > Self::MOST_STAMPS {
            return Err(CalendarError::TooManyStamps {
                count,
                most: Self::MOST_STAMPS,
            });
        }
        // The last step decides at once whether all of them exist, before any memory is taken.
        let steps = i64::try_from(count)
            .ok()
            .and_then(|count| from.checked_add(count));
        let Some(end) = steps else {
            return Err(self.out_of_range(i64::MAX));
        };
        if count > 0 {
            self.stamp(end - 1)?;
        }
        (from..end).map(|step| self.stamp(step)).collect()
    }

    /// The step between stamps.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// The frequency whose usual season the series may have, or `None` for an integer index that
    /// was stepped by its own differences.
    #[must_use]
    pub fn usual_frequency(&self) -> Option<Frequency> {
        (self.frequency.unit() != Unit::Step).then_some(self.frequency)
    }

    /// The first stamp, as it was written.
    #[must_use]
    pub fn start(&self) -> &Stamp {
        &self.start
    }

    /// Whether the start lies off the frequency's anchor, so that the axis keeps the start's own
    /// phase.
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::{Calendar, Stamp};
    ///
    /// let calendar = Calendar::new(Stamp::parse("2024-01-15")?, "MS".parse()?)?;
    /// assert!(calendar.off_anchor());
    /// assert_eq!(calendar.stamp(1)?.to_string(), "2024-02-15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn off_anchor(&self) -> bool {
        self.off_anchor
    }

    fn out_of_range(&self, step: i64) -> CalendarError {
        CalendarError::OutOfRange {
            start: Box::new(self.start.clone()),
            frequency: self.frequency,
            step,
        }
    }

    /// The place of a step, or `None` where it leaves the range of dates.
    fn position_at(&self, step: i64) -> Option<Position> {
        let start = self.start.position();
        if step == 0 {
            return Some(match (start, self.axis) {
                (Position::Date(date), Axis::Elapsed(_)) => {
                    Position::DateTime(date.to_datetime(Time::midnight()))
                }
                _ => start.clone(),
            });
        }
        // At most 2^63 times 10^15, far below the 2^127 an i128 holds.
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

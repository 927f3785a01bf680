//! Frequencies, the distance between the values of a series: `15min`, `D`, `W-SUN`, `MS`.
//!
//! This module parses and formats frequencies and defines the usual season length of each. It does not
//! place stamps on a time axis; [`Calendar`](crate::Calendar) does.

mod alias;
mod english;
mod error;
mod iso;
mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod unit;

use std::fmt;

pub use self::error::FrequencyError;
pub(crate) use self::unit::{ClockUnit, Edge, Half, Month, Unit};

/// The step between the values of a series: a whole multiple of a calendar unit, which may have an
/// anchor.
///
/// A frequency is parsed from pandas aliases old and new (`M`, `ME`, `QS-OCT`, `15min`), ISO 8601
/// durations (`P1M`, `PT15M`), polars durations (`1mo`, `1w`), plain English (`monthly`, `every 15
/// minutes`) and, for an integer index, a bare number (`1`). It is formatted as the pandas
/// alias in use since pandas 2.2; months and years without an anchor, which have no pandas alias, are
/// formatted as ISO 8601 durations.
///
/// Case matters only where it distinguishes two meanings: `ms` is milliseconds and `MS` month starts;
/// `W`, `Q` and `Y` carry the anchor pandas gives them (`W-SUN`, `QE-DEC`, `YE-DEC`), while `w`,
/// `q` and `y` are polars durations, which have none.
///
/// # Examples
///
/// ```
/// use almanac_forecast::Frequency;
///
/// let monthly: Frequency = "MS".parse()?;
/// assert_eq!(monthly.season_length(), 12);
/// assert_eq!("Q".parse::<Frequency>()?.to_string(), "QE-DEC");
/// assert_eq!("every 15 minutes".parse::<Frequency>()?.to_string(), "15min");
/// assert_eq!("monthly".parse::<Frequency>()?.to_string(), "P1M");
/// # Ok::<(), almanac_forecast::FrequencyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frequency {
    multiple: u64,
    unit: Unit,
}

impl Frequency {
    /// The supported spellings by family, each with its meaning. A number may precede each of them.
    pub const KNOWN: &'static [(&'static str, &'static str)] = &[
        (
            "ns|us|ms",
            "nanoseconds (N), microseconds (U), milliseconds (L)",
        ),
        ("s", "seconds (S, PT1S)"),
        ("min", "minutes (T, PT1M)"),
        ("h", "hours (H, PT1H)"),
        ("D", "days (d, P1D)"),
        ("B", "Monday to Friday (C, business days)"),
        (
            "W[-MON..-SUN]",
            "weeks, on Sundays unless a day is named; without an anchor: w, 7D, P1W, weekly",
        ),
        (
            "SMS|SME",
            "twice a month: the 1st and the 15th, or the 15th and the last day (SMS-<day>, \
             SME-<day>)",
        ),
        (
            "MS|ME",
            "months, on the first or the last day (M is ME); without an anchor: mo, P1M, monthly",
        ),
        (
            "BMS|BME",
            "months, on the first or the last weekday (BM is BME)",
        ),
        (
            "QS|QE[-JAN..-DEC]",
            "quarters (Q is QE-DEC, QS is QS-JAN; BQS and BQE for weekdays); without an anchor: \
             q, P3M",
        ),
        (
            "YS|YE[-JAN..-DEC]",
            "years (Y and A are YE-DEC, AS is YS-JAN; BYS and BYE for weekdays); without an \
             anchor: y, P1Y",
        ),
        ("P1D|PT1H", "ISO 8601 durations"),
        ("daily|every 15 minutes", "English"),
        ("1", "steps of an integer index (1i)"),
    ];

    /// The maximum multiple of a unit.
    ///
    /// In nanoseconds this is eleven days, so every realistic step can be written in every unit.
    pub const MAX_MULTIPLE: u64 = 1_000_000_000_000_000;

    /// Creates a frequency of `multiple` units. Returns `None` if the multiple is zero or exceeds
    /// [`Frequency::MAX_MULTIPLE`].
    pub(crate) fn new(multiple: u64, unit: Unit) -> Option<Self> {
        (1..=Self::MAX_MULTIPLE)
            .contains(&multiple)
            .then_some(Self { multiple, unit })
    }

    /// Returns the number of units in one step, from 1 to [`Frequency::MAX_MULTIPLE`].
    pub(crate) fn multiple(self) -> u64 {
        self.multiple
    }

    /// Returns the unit of the frequency.
    pub(crate) fn unit(self) -> Unit {
        self.unit
    }

    /// Returns the number of steps in the usual season of this frequency, or 1 if it has none.
    ///
    /// The cycle is divided by the multiple if it divides evenly (`15min` 96, `2h` 12, `3MS` 4);
    /// otherwise the season length is 1. It depends on the length of the step, not on its spelling: `60s`
    /// is `min`, `24h` is `D` and `7D` is a week.
    ///
    /// | step | cycle | steps | as in |
    /// |---|---|---|---|
    /// | under a second | none | 1 | no convention exists |
    /// | seconds | hour | 3600 | `GluonTS` |
    /// | minutes, hours | day | 1440, 24 | `GluonTS`, M4 |
    /// | days | week | 7 | fev |
    /// | business days | week | 5 | `GluonTS` |
    /// | weeks | year | 52 | fev, R's `forecast` |
    /// | half months, months, quarters | year | 24, 12, 4 | `GluonTS`, M3, M4 |
    /// | years, integer index | none | 1 | all |
    ///
    /// For days and weeks `GluonTS` and M4 use 1. Almanac uses 7 and 52, because most daily series of
    /// human activity have a weekly pattern that a forecaster cannot use if the season length is 1, while
    /// a season length of 7 costs little if there is no weekly pattern. For seconds the choices are the
    /// minute (60) and the hour (3600); few processes follow the minute, and 3600 is the current default
    /// of `GluonTS` and `AutoGluon`.
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::Frequency;
    ///
    /// let season = |text: &str| text.parse().map(Frequency::season_length);
    /// assert_eq!(season("D")?, 7);
    /// assert_eq!(season("30min")?, 48);
    /// assert_eq!(season("2D")?, 1);
    /// # Ok::<(), almanac_forecast::FrequencyError>(())
    /// ```
    #[must_use]
    pub fn season_length(self) -> usize {
        match self.unit {
            Unit::Step | Unit::Year(..) => 1,
            Unit::Clock(unit) => clock_season(u128::from(self.multiple) * unit.nanoseconds()),
            Unit::Day if self.multiple.is_multiple_of(7) => steps_per(52, self.multiple / 7),
            Unit::Day => steps_per(7, self.multiple),
            Unit::BusinessDay => steps_per(5, self.multiple),
            Unit::Week(_) => steps_per(52, self.multiple),
            Unit::SemiMonth(..) => steps_per(24, self.multiple),
            Unit::Month(_) => steps_per(12, self.multiple),
            Unit::Quarter(..) => steps_per(4, self.multiple),
        }
    }

    /// Returns true if this frequency counts hours or a finer unit, so that its stamps need a time of day.
    ///
    /// `24h` is sub-daily in this sense: it steps by elapsed time, while `D` steps from one local day to
    /// the next.
    #[must_use]
    pub fn is_sub_daily(self) -> bool {
        matches!(self.unit, Unit::Clock(_))
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Step => return write!(formatter, "{}", self.multiple),
            Unit::Month(None) if self.multiple.is_multiple_of(12) => {
                return write!(formatter, "P{}Y", self.multiple / 12);
            }
            Unit::Month(None) => return write!(formatter, "P{}M", self.multiple),
            _ if self.multiple == 1 => {}
            _ => write!(formatter, "{}", self.multiple)?,
        }
        match self.unit {
            // Both returned above.
            Unit::Step | Unit::Month(None) => Ok(()),
            Unit::Clock(unit) => formatter.write_str(unit.alias()),
            Unit::Day => formatter.write_str("D"),
            Unit::BusinessDay => formatter.write_str("B"),
            Unit::Week(weekday) => write!(formatter, "W-{}", unit::weekday_name(weekday)),
            Unit::SemiMonth(Half::Start, day) => write!(formatter, "SMS-{day}"),
            Unit::SemiMonth(Half::End, day) => write!(formatter, "SME-{day}"),
            Unit::Month(Some(edge)) => write!(formatter, "{}M{}", edge.prefix(), edge.suffix()),
            Unit::Quarter(edge, month) => {
                write!(formatter, "{}Q{}-{month}", edge.prefix(), edge.suffix())
            }
            Unit::Year(edge, month) => {
                write!(formatter, "{}Y{}-{month}", edge.prefix(), edge.suffix())
            }
        }
    }
}

/// Returns the season length of a step in nanoseconds: an hour of seconds, a day of minutes or hours, and
/// the season of days for a step of whole days.
fn clock_season(step: u128) -> usize {
    let (second, minute) = (
        ClockUnit::Second.nanoseconds(),
        ClockUnit::Minute.nanoseconds(),
    );
    let (hour, day) = (
        ClockUnit::Hour.nanoseconds(),
        24 * ClockUnit::Hour.nanoseconds(),
    );
    if step < second {
        1
    } else if step < minute {
        steps_per(hour, step)
    } else if step < day {
        steps_per(day, step)
    } else if step.is_multiple_of(7 * day) {
        steps_per(52, step / (7 * day))
    } else {
        steps_per(7 * day, step)
    }
}

/// Returns the number of steps in a cycle if it is a whole number, otherwise 1.
fn steps_per<N: Into<u128>>(cycle: u128, step: N) -> usize {
    let step = step.into();
    if cycle.is_multiple_of(step) {
        usize::try_from(cycle / step).unwrap_or(1)
    } else {
        1
    }
}

//! The frequency that a list of stamps follows.
//!
//! The differences between neighbours name a few candidates; the first one that all stamps lie on
//! wins. Gaps are tolerated: a candidate comes from the smallest difference, not from all of them.

use jiff::civil::{Date, DateTime};

use super::align::check_order;
use super::phase::{Phase, business_day_number, day_number, month_number};
use super::position::Position;
use super::{Calendar, CalendarError, Stamp, phase};
use crate::frequency::{ClockUnit, Edge, Frequency, Half, Month, Unit};

/// Two stamps always lie on some axis; the third one can disagree. pandas asks for as many.
const FEWEST_STAMPS: usize = 3;

/// Of so many steps between neighbours, one must be without a gap. With fewer, the smallest
/// difference is an accident of scattered stamps rather than their step.
const MOST_GAPS: usize = 4;

impl Calendar {
    /// The frequency that stamps follow, which takes at least three of them.
    ///
    /// Tried in this order, each with gaps allowed:
    ///
    /// 1. Months, quarters and years, where the stamps share the first, the last, the first or last
    ///    weekday, or another day of the month: `MS`, `QE-DEC`, `BME`, `P1M`.
    /// 2. Days and weeks, where all differences are equal: `D`, `3D`, `W-MON`.
    /// 3. Half months: `SMS-15`, `SME-15`.
    /// 4. Business days, where no stamp falls on a weekend and at least one weekend is spanned.
    /// 5. Days and weeks from the smallest difference.
    /// 6. Hours and finer units from the smallest difference in elapsed time.
    ///
    /// An integer index is stepped by the smallest difference.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] where there are fewer than three stamps, where they are not of one kind,
    /// not in order or repeated, and [`CalendarError::CannotInfer`] or [`CalendarError::TooSparse`]
    /// where no frequency fits.
    ///
    /// # Examples
    ///
    /// ```
    /// use almanac_forecast::{Calendar, Stamp};
    ///
    /// let written = ["2024-01-05", "2024-01-08", "2024-01-09", "2024-01-11"];
    /// let stamps = written.iter().map(|text| text.parse()).collect::<Result<Vec<Stamp>, _>>()?;
    /// assert_eq!(Calendar::infer(&stamps)?.to_string(), "B");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn infer(stamps: &[Stamp]) -> Result<Frequency, CalendarError> {
        check_order(stamps)?;
        Self::infer_and_place(stamps, usize::MAX).map(|(calendar, _)| calendar.frequency())
    }

    /// Finds the frequency of stamps that are in order, and their positions on its axis.
    pub(super) fn infer_and_place(
        stamps: &[Stamp],
        most_steps: usize,
    ) -> Result<(Self, Vec<usize>), CalendarError> {
        if stamps.len() < FEWEST_STAMPS {
            return Err(CalendarError::NotEnoughStamps {
                given: stamps.len(),
                needed: FEWEST_STAMPS,
            });
        }
        let mut failure: Option<(usize, CalendarError)> = None;
        for nearest in candidates(stamps) {
            let (index, error) = match Self::place(stamps, nearest, most_steps) {
                Ok((calendar, positions)) if is_dense(&positions) => {
                    return Ok((calendar, positions));
                }
                Ok(_) | Err(CalendarError::TooManySteps { .. }) => {
                    (stamps.len(), CalendarError::TooSparse { nearest })
                }
                Err(
                    CalendarError::OffGrid { index, stamp, .. }
                    | CalendarError::Duplicate { index, stamp, .. },
                ) => (
                    index,
                    CalendarError::CannotInfer {
                        nearest,
                        index,
                        stamp,
                    },
                ),
                Err(error) => (0, error),
            };
            // The candidate that went furthest is the one to tell of.
            if failure
                .as_ref()
                .is_none_or(|(furthest, _)| index > *furthest)
            {
                failure = Some((index, error));
            }
        }
        let given = stamps.len();
        Err(failure.map_or(
            CalendarError::NotEnoughStamps {
                given,
                needed: given + 1,
            },
            |(_, error)| error,
        ))
    }
}

/// Whether enough of the stamps follow each other without a gap.
fn is_dense(positions: &[usize]) -> bool {
    let single_steps = positions
        .windows(2)
        .filter(|pair| pair[1] - pair[0] == 1)
        .count();
    single_steps * MOST_GAPS >= positions.len() - 1
}

/// The frequencies to try, most telling first. There is at least one.
fn candidates(stamps: &[Stamp]) -> Vec<Frequency> {
    let indexes: Vec<i128> = stamps
        .iter()
        .filter_map(|stamp| match stamp.position() {
            Position::Index(index) => Some(i128::from(*index)),
            _ => None,
        })
        .collect();
    if indexes.len() == stamps.len() {
        let step = smallest_difference(&indexes).min(Frequency::MOST_MULTIPLE.into());
        return frequency(step, Unit::Step).into_iter().collect();
    }
    let walls = stamps.iter().filter_map(|stamp| stamp.position().wall());
    let dates: Vec<Date> = walls.map(DateTime::date).collect();
    let nanoseconds: Vec<i128> = stamps
        .iter()
        .filter_map(|stamp| stamp.position().nanoseconds())
        .collect();

    let mut found = Vec::new();
    if dates.is_sorted_by(|left, right| left < right) {
        let days: Vec<i128> = dates.iter().map(|date| day_number(*date)).collect();
        let smallest = smallest_difference(&days);
        let is_constant = days.windows(2).all(|pair| pair[1] - pair[0] == smallest);
        found.extend(monthly(&dates));
        found.extend(is_constant.then(|| daily(smallest, dates[0])).flatten());
        found.extend(half_monthly(&dates));
        found.extend(business_daily(&dates));
        found.extend(daily(smallest, dates[0]));
    }
    found.extend(elapsed(smallest_difference(&nanoseconds)));
    found
}

/// Months, quarters or years, where every stamp shows the same day of its month.
fn monthly(dates: &[Date]) -> Option<Frequency> {
    let months: Vec<i128> = dates.iter().map(|date| month_number(*date)).collect();
    let step = smallest_difference(&months);
    if step == 0 {
        return None;
    }
    let first = dates[0];
    let all_on = |edge: Edge| dates.iter().all(|date| phase::is_on_edge(edge, *date));
    let edge = [Edge::Start, Edge::End]
        .into_iter()
        .find(|edge| all_on(*edge));
    let shares_day = || {
        let day = phase::shared_day(dates.iter().copied());
        day.is_some_and(|day| dates.iter().all(|date| phase::clipped(*date, day) == *date))
    };
    let edge = match edge {
        Some(edge) => edge,
        None if shares_day() => return frequency(step, Unit::Month(None)),
        None => [Edge::BusinessStart, Edge::BusinessEnd]
            .into_iter()
            .find(|edge| all_on(*edge))?,
    };
    if step % 12 == 0 {
        return frequency(step / 12, Unit::Year(edge, Month::new(first.month())?));
    }
    if step % 3 == 0 {
        return frequency(
            step / 3,
            Unit::Quarter(edge, quarter_month(edge, first.month())?),
        );
    }
    frequency(step, Unit::Month(Some(edge)))
}

/// The month that names a quarter: the first of the year's for starts, the last for ends.
fn quarter_month(edge: Edge, month: i8) -> Option<Month> {
    let first = (month - 1) % 3 + 1;
    match edge {
        Edge::Start | Edge::BusinessStart => Month::new(first),
        Edge::End | Edge::BusinessEnd => Month::new(first + 9),
    }
}

fn half_monthly(dates: &[Date]) -> Option<Frequency> {
    let pattern = Phase::HalfMonths(1, 1).seen_in(dates.iter().copied())?;
    let Phase::HalfMonths(first, second) = pattern else {
        return None;
    };
    let numbers: Vec<i128> = dates
        .iter()
        .map(|date| pattern.units_to(dates[0], *date))
        .collect();
    let unit = match (first, second) {
        (1, 2..=27) => Unit::SemiMonth(Half::Start, second),
        (1..=27, phase::LAST_DAY) => Unit::SemiMonth(Half::End, first),
        _ => Unit::SemiMonth(Half::Start, 15),
    };
    frequency(smallest_difference(&numbers), unit)
}

fn business_daily(dates: &[Date]) -> Option<Frequency> {
    let all_weekdays = dates
        .iter()
        .all(|date| date.weekday().to_monday_zero_offset() < 5);
    let week = |date: &Date| day_number(*date).div_euclid(7);
    let spans_weekend = week(dates.first()?) < week(dates.last()?);
    let numbers: Vec<i128> = dates
        .iter()
        .map(|date| business_day_number(*date))
        .collect();
    let step = smallest_difference(&numbers);
    // Five business days are a week, and better called one.
    if all_weekdays && spans_weekend && step % 5 != 0 {
        frequency(step, Unit::BusinessDay)
    } else {
        None
    }
}

/// So many days, as weeks where they are.
fn daily(days: i128, first: Date) -> Option<Frequency> {
    if days % 7 == 0 {
        frequency(days / 7, Unit::Week(first.weekday()))
    } else {
        frequency(days, Unit::Day)
    }
}

/// So much elapsed time, in the largest unit that it is a multiple of.
fn elapsed(nanoseconds: i128) -> Option<Frequency> {
    let nanoseconds = u128::try_from(nanoseconds).ok()?;
    let unit = ClockUnit::LONGEST_FIRST
        .into_iter()
        .find(|unit| nanoseconds.is_multiple_of(unit.nanoseconds()))?;
    let multiple = u64::try_from(nanoseconds / unit.nanoseconds()).ok()?;
    Frequency::new(multiple.min(Frequency::MOST_MULTIPLE), Unit::Clock(unit))
}

fn frequency(multiple: i128, unit: Unit) -> Option<Frequency> {
    u64::try_from(multiple)
        .ok()
        .and_then(|multiple| Frequency::new(multiple, unit))
}

/// The smallest difference between neighbours, or 0 where there are none.
fn smallest_difference(numbers: &[i128]) -> i128 {
    numbers
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .min()
        .unwrap_or(0)
}

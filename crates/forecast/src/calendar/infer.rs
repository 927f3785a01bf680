//! Inference of the frequency of a list of stamps.
//!
//! The differences between neighbours suggest a few candidates, and the first candidate that fits all
//! stamps is chosen. Gaps are tolerated: a candidate comes from the smallest difference, not from all.

use jiff::civil::{Date, DateTime};

use super::align::check_order;
use super::phase::{CalendarPhase, LAST_DAY, business_day_number, day_number, month_number};
use super::position::StampPosition;
use super::{Calendar, CalendarError, Stamp, phase};
use crate::frequency::{ClockUnit, Edge, Frequency, Half, Month, Unit};

/// The minimum number of stamps. Two stamps fit some axis in any case, and only the third one can disagree;
/// pandas has the same minimum.
const MIN_STAMPS: usize = 3;

/// The number of neighbouring pairs of stamps of which at least one must be without a gap. If there are
/// fewer such pairs, the smallest difference is a coincidence of scattered stamps and not their step.
const MAX_PAIRS_PER_STEP: usize = 4;

impl Calendar {
    /// Infers the frequency of stamps, of which there must be at least three.
    ///
    /// Frequencies are tried in this order, each with gaps allowed:
    ///
    /// 1. Months, quarters and years, if the stamps share the first, the last, the first or last
    ///    weekday, or another day of the month: `MS`, `QE-DEC`, `BME`, `P1M`.
    /// 2. Days and weeks, if all differences are equal: `D`, `3D`, `W-MON`.
    /// 3. Half months: `SMS-15`, `SME-15`.
    /// 4. Business days, if no stamp is on a weekend and the stamps span at least one weekend.
    /// 5. Days and weeks from the smallest difference.
    /// 6. Hours and finer units from the smallest difference in elapsed time.
    ///
    /// The step of an integer index is the smallest difference.
    ///
    /// # Errors
    ///
    /// Returns a [`CalendarError`] if there are fewer than three stamps, or if they are not of one kind, not
    /// sorted or repeated, and [`CalendarError::CannotInfer`] or [`CalendarError::TooSparse`] if no frequency
    /// fits.
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

    /// Infers the frequency of sorted stamps, and their positions on its axis.
    pub(super) fn infer_and_place(
        stamps: &[Stamp],
        max_steps: usize,
    ) -> Result<(Self, Vec<usize>), CalendarError> {
        if stamps.len() < MIN_STAMPS {
            return Err(CalendarError::NotEnoughStamps {
                given: stamps.len(),
                needed: MIN_STAMPS,
            });
        }
        let mut failure: Option<(usize, CalendarError)> = None;
        for nearest in candidates(stamps) {
            let (index, error) = match Self::place(stamps, nearest, max_steps) {
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
            // The error of the candidate that fits the most stamps is reported.
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

/// Returns true if enough of the stamps follow each other without a gap.
fn is_dense(positions: &[usize]) -> bool {
    let single_steps = positions
        .windows(2)
        .filter(|pair| pair[1] - pair[0] == 1)
        .count();
    single_steps * MAX_PAIRS_PER_STEP >= positions.len() - 1
}

/// Returns the frequencies to try, most specific first. There is at least one.
fn candidates(stamps: &[Stamp]) -> Vec<Frequency> {
    let indexes: Vec<i128> = stamps
        .iter()
        .filter_map(|stamp| match stamp.position() {
            StampPosition::Index(index) => Some(i128::from(*index)),
            _ => None,
        })
        .collect();
    if indexes.len() == stamps.len() {
        let step = smallest_difference(&indexes).min(Frequency::MAX_MULTIPLE.into());
        return frequency(step, Unit::Step).into_iter().collect();
    }
    let dates: Vec<Date> = stamps
        .iter()
        .filter_map(|stamp| stamp.position().wall())
        .map(DateTime::date)
        .collect();
    let nanoseconds: Vec<i128> = stamps
        .iter()
        .filter_map(|stamp| stamp.position().nanoseconds())
        .collect();

    let mut candidates = Vec::new();
    if dates.is_sorted_by(|left, right| left < right) {
        let days: Vec<i128> = dates.iter().map(|date| day_number(*date)).collect();
        let smallest = smallest_difference(&days);
        let is_constant = days.windows(2).all(|pair| pair[1] - pair[0] == smallest);
        candidates.extend(monthly(&dates));
        candidates.extend(is_constant.then(|| daily(smallest, dates[0])).flatten());
        candidates.extend(half_monthly(&dates));
        candidates.extend(business_daily(&dates));
        candidates.extend(daily(smallest, dates[0]));
    }
    candidates.extend(elapsed(smallest_difference(&nanoseconds)));
    candidates
}

/// Returns a frequency of months, quarters or years, if every stamp has the same day of its month.
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

/// Returns the anchor month of a quarter: the first of the year for starts, the last for ends.
fn quarter_month(edge: Edge, month: i8) -> Option<Month> {
    let first = (month - 1) % 3 + 1;
    match edge {
        Edge::Start | Edge::BusinessStart => Month::new(first),
        Edge::End | Edge::BusinessEnd => Month::new(first + 9),
    }
}

/// Returns a frequency of half months, if every stamp is on one of two days of its month.
fn half_monthly(dates: &[Date]) -> Option<Frequency> {
    let phase = CalendarPhase::HalfMonths(1, 1).fitted_to(dates.iter().copied())?;
    let CalendarPhase::HalfMonths(first, second) = phase else {
        return None;
    };
    let numbers: Vec<i128> = dates
        .iter()
        .map(|date| phase.units_to(dates[0], *date))
        .collect();
    let unit = match (first, second) {
        (1, 2..=27) => Unit::SemiMonth(Half::Start, second),
        (1..=27, LAST_DAY) => Unit::SemiMonth(Half::End, first),
        _ => Unit::SemiMonth(Half::Start, 15),
    };
    frequency(smallest_difference(&numbers), unit)
}

/// Returns a frequency of business days, if the stamps are all on weekdays and span a weekend.
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
    // Five business days are a week, which is the better description.
    if all_weekdays && spans_weekend && step % 5 != 0 {
        frequency(step, Unit::BusinessDay)
    } else {
        None
    }
}

/// Returns a frequency of days, or of weeks if the days are whole weeks.
fn daily(days: i128, first: Date) -> Option<Frequency> {
    if days % 7 == 0 {
        frequency(days / 7, Unit::Week(first.weekday()))
    } else {
        frequency(days, Unit::Day)
    }
}

/// Returns a frequency of elapsed time, in the largest unit that it is a multiple of.
fn elapsed(nanoseconds: i128) -> Option<Frequency> {
    let nanoseconds = u128::try_from(nanoseconds).ok()?;
    let unit = ClockUnit::LONGEST_FIRST
        .into_iter()
        .find(|unit| nanoseconds.is_multiple_of(unit.nanoseconds()))?;
    let multiple = u64::try_from(nanoseconds / unit.nanoseconds()).ok()?;
    Frequency::new(multiple.min(Frequency::MAX_MULTIPLE), Unit::Clock(unit))
}

fn frequency(multiple: i128, unit: Unit) -> Option<Frequency> {
    u64::try_from(multiple)
        .ok()
        .and_then(|multiple| Frequency::new(multiple, unit))
}

/// Returns the smallest difference between neighbours, or 0 if there is none.
fn smallest_difference(numbers: &[i128]) -> i128 {
    numbers
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .min()
        .unwrap_or(0)
}

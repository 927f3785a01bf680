//! Steps of a day and longer over local dates, each computed from the start in constant time.

use jiff::Span;
use jiff::civil::{Date, Weekday, date};

use crate::frequency::{Edge, Half, Unit};

/// The last day of every month, since days after the end of a month are clipped.
pub(super) const LAST_DAY: i8 = 31;

/// The Monday from which days are counted.
const EPOCH: Date = date(1970, 1, 5);

/// The dates on which the units of a civil frequency lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CalendarPhase {
    /// A multiple of this number of days from the start.
    Days(i64),
    /// Monday to Friday.
    BusinessDays,
    /// Two days of each month, in order, both clipped to the length of the month.
    HalfMonths(i8, i8),
    /// One day of the month, every this number of months.
    Months(i64, MonthDay),
}

/// The day of a month on which the stamp lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MonthDay {
    /// A day of the month, clipped to the length of the month.
    Day(i8),
    /// The first day of the month from Monday to Friday.
    FirstWeekday,
    /// The last day of the month from Monday to Friday.
    LastWeekday,
}

impl CalendarPhase {
    /// Returns the phase of an axis that starts at a date. It is not used for units of elapsed time, which
    /// are treated as days.
    pub(super) fn new(unit: Unit, start: Date) -> Self {
        let months = |months, edge| Self::Months(months, MonthDay::of(edge, start));
        match unit {
            Unit::Step | Unit::Clock(_) | Unit::Day => Self::Days(1),
            Unit::Week(_) => Self::Days(7),
            Unit::BusinessDay => Self::BusinessDays,
            Unit::SemiMonth(half, day) => {
                let (first, second) = half_month_days(half, day);
                if [first, second]
                    .iter()
                    .any(|day| clipped(start, *day) == start)
                {
                    Self::HalfMonths(first, second)
                } else {
                    Self::half_months_around(day_or_last(start))
                }
            }
            Unit::Month(edge) => months(1, edge),
            Unit::Quarter(edge, _) => months(3, Some(edge)),
            Unit::Year(edge, _) => months(12, Some(edge)),
        }
    }

    /// Returns the phase of the same unit that fits the days of the month of `dates`, because the start
    /// alone may be ambiguous: a monthly series that starts on April 30 may continue on May 30 or on May
    /// 31.
    pub(super) fn fitted_to(self, dates: impl Iterator<Item = Date> + Clone) -> Option<Self> {
        match self {
            Self::Days(_) | Self::BusinessDays => None,
            Self::Months(months, _) => {
                Some(Self::Months(months, MonthDay::Day(shared_day(dates)?)))
            }
            Self::HalfMonths(..) => {
                let first = dates.clone().map(Date::day).min()?;
                let second = shared_day(dates.filter(|date| date.day() != first))?;
                Some(Self::HalfMonths(first, second))
            }
        }
    }

    /// Returns the date this number of units after the start, or `None` outside the range of dates.
    pub(super) fn date(self, start: Date, units: i128) -> Option<Date> {
        match self {
            Self::Days(days) => {
                from_day_number(day_number(start) + units.checked_mul(days.into())?)
            }
            Self::BusinessDays => {
                // A start on a weekend is between the Friday before it and the Monday after it.
                let is_weekend = start.weekday().to_monday_zero_offset() > 4;
                let units = if is_weekend && units < 0 {
                    units + 1
                } else {
                    units
                };
                let number = business_day_number(start) + units;
                from_day_number(number.div_euclid(5) * 7 + number.rem_euclid(5))
            }
            Self::HalfMonths(first, second) => {
                let number = half_month_number(start, second) + units;
                let month = month_from_number(number.div_euclid(2))?;
                Some(clipped(
                    month,
                    if number.rem_euclid(2) == 0 {
                        first
                    } else {
                        second
                    },
                ))
            }
            Self::Months(months, day) => {
                let number = month_number(start).checked_add(units.checked_mul(months.into())?)?;
                Some(day.in_month(month_from_number(number)?))
            }
        }
    }

    /// Returns the number of units from the start to a date if it is on a unit, otherwise to an adjacent
    /// unit.
    pub(super) fn units_to(self, start: Date, date: Date) -> i128 {
        match self {
            Self::Days(days) => (day_number(date) - day_number(start)).div_euclid(days.into()),
            Self::BusinessDays => business_day_number(date) - business_day_number(start),
            Self::HalfMonths(_, second) => {
                half_month_number(date, second) - half_month_number(start, second)
            }
            Self::Months(months, _) => {
                (month_number(date) - month_number(start)).div_euclid(months.into())
            }
        }
    }

    fn half_months_around(day: i8) -> Self {
        match day {
            LAST_DAY => Self::HalfMonths(15, LAST_DAY),
            16.. => Self::HalfMonths(day - 15, day),
            _ => Self::HalfMonths(day, day + 15),
        }
    }
}

impl MonthDay {
    /// Returns the day of the edge if the start is on it, otherwise the day of the month of the start.
    fn of(edge: Option<Edge>, start: Date) -> Self {
        match edge {
            Some(Edge::Start) => Self::Day(start.day()),
            Some(Edge::BusinessStart) if start == Self::FirstWeekday.in_month(start) => {
                Self::FirstWeekday
            }
            Some(Edge::BusinessStart) => Self::Day(start.day()),
            Some(Edge::BusinessEnd) if start == Self::LastWeekday.in_month(start) => {
                Self::LastWeekday
            }
            Some(Edge::End | Edge::BusinessEnd) | None => Self::Day(day_or_last(start)),
        }
    }

    /// Returns this day in the month of a date.
    fn in_month(self, month: Date) -> Date {
        match self {
            Self::Day(day) => clipped(month, day),
            Self::FirstWeekday => {
                let day = match month.first_of_month().weekday() {
                    Weekday::Saturday => 3,
                    Weekday::Sunday => 2,
                    _ => 1,
                };
                clipped(month, day)
            }
            Self::LastWeekday => {
                let back = (month.last_of_month().weekday().to_monday_zero_offset() - 4).max(0);
                clipped(month, month.days_in_month() - back)
            }
        }
    }
}

/// Returns true if a start is on the anchor of its unit. A stamp of a whole month is on all its days.
pub(super) fn is_anchored(unit: Unit, start: Date, is_whole_month: bool) -> bool {
    let on_edge = |edge| is_whole_month || is_on_edge(edge, start);
    match unit {
        Unit::Step | Unit::Clock(_) | Unit::Day | Unit::Month(None) => true,
        Unit::BusinessDay => start.weekday().to_monday_zero_offset() < 5,
        Unit::Week(weekday) => start.weekday() == weekday,
        Unit::SemiMonth(half, day) => {
            let (first, second) = half_month_days(half, day);
            [first, second]
                .iter()
                .any(|day| clipped(start, *day) == start)
        }
        Unit::Month(Some(edge)) => on_edge(edge),
        Unit::Quarter(edge, month) => (start.month() - month.number()) % 3 == 0 && on_edge(edge),
        Unit::Year(edge, month) => start.month() == month.number() && on_edge(edge),
    }
}

/// Returns true if a date is on this edge of its month.
pub(super) fn is_on_edge(edge: Edge, date: Date) -> bool {
    let day = match edge {
        Edge::Start => MonthDay::Day(1),
        Edge::End => MonthDay::Day(LAST_DAY),
        Edge::BusinessStart => MonthDay::FirstWeekday,
        Edge::BusinessEnd => MonthDay::LastWeekday,
    };
    day.in_month(date) == date
}

/// Returns the day of the month, or [`LAST_DAY`] on the last day of any month.
fn day_or_last(date: Date) -> i8 {
    if date == date.last_of_month() {
        LAST_DAY
    } else {
        date.day()
    }
}

/// Returns the only day of the month that all dates can share, clipped in shorter months.
pub(super) fn shared_day(mut dates: impl Iterator<Item = Date> + Clone) -> Option<i8> {
    let day = dates.clone().map(Date::day).max()?;
    let all_last = dates.all(|date| day_or_last(date) == LAST_DAY);
    Some(if all_last { LAST_DAY } else { day })
}

/// Returns the number of days since a Monday.
pub(super) fn day_number(date: Date) -> i128 {
    i128::from(date.duration_since(EPOCH).as_hours() / 24)
}

/// Returns the number of months since the beginning of year 0.
pub(super) fn month_number(date: Date) -> i128 {
    i128::from(date.year()) * 12 + i128::from(date.month()) - 1
}

/// Returns the number of weekdays since a Monday. Saturday and Sunday count as the Friday before them.
pub(super) fn business_day_number(date: Date) -> i128 {
    let days = day_number(date);
    days.div_euclid(7) * 5 + days.rem_euclid(7).min(4)
}

/// Returns the two days of a semi-monthly frequency.
fn half_month_days(half: Half, day: i8) -> (i8, i8) {
    match half {
        Half::Start => (1, day),
        Half::End => (day, LAST_DAY),
    }
}

/// Returns the number of half months since the beginning of year 0, if the second half begins on the day
/// `second`.
fn half_month_number(date: Date, second: i8) -> i128 {
    let is_second = date >= clipped(date, second);
    month_number(date) * 2 + i128::from(is_second)
}

fn from_day_number(number: i128) -> Option<Date> {
    let days = Span::new().try_days(i64::try_from(number).ok()?).ok()?;
    EPOCH.checked_add(days).ok()
}

/// Returns the first day of a month, the inverse of [`month_number`].
fn month_from_number(number: i128) -> Option<Date> {
    let year = i16::try_from(number.div_euclid(12)).ok()?;
    let month = i8::try_from(number.rem_euclid(12) + 1).ok()?;
    Date::new(year, month, 1).ok()
}

/// Returns a day in the month of a date, or the last day of a shorter month.
pub(super) fn clipped(month: Date, day: i8) -> Date {
    let last = month.last_of_month();
    // A day from 1 to the length of the month exists, so the fallback to the last day is never used.
    if day >= last.day() {
        last
    } else {
        Date::new(month.year(), month.month(), day).unwrap_or(last)
    }
}

//! Steps of a day and longer over local dates, each computed from the start in constant time.

use jiff::Span;
use jiff::civil::{Date, Weekday, date};

use crate::frequency::{Edge, Half, Unit};

/// Stands for the last day of every month, since longer days are clipped.
pub(super) const LAST_DAY: i8 = 31;

/// A Monday, from which days are counted.
const EPOCH: Date = date(1970, 1, 5);

/// Which dates the units of a civil frequency lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Every so many days from the start.
    Days(i64),
    /// Monday to Friday.
    BusinessDays,
    /// Two days of each month, in order, both clipped where the month is shorter.
    HalfMonths(i8, i8),
    /// One day of every so many months.
    Months(i64, MonthDay),
}

/// The day of a month that carries the stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MonthDay {
    /// A day of the month, clipped where the month is shorter.
    Day(i8),
    FirstWeekday,
    LastWeekday,
}

impl Phase {
    /// The phase of an axis that starts at a date. Units of elapsed time do not come here; they
    /// count as days.
    pub(super) fn of(unit: Unit, start: Date) -> Self {
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

    /// The phase of the same unit that keeps the days of the month seen in `dates`, for stamps
    /// whose start does not tell: a monthly series that starts on April 30 may go on to May 30 or
    /// to May 31.
    pub(super) fn seen_in(self, dates: impl Iterator<Item = Date> + Clone) -> Option<Self> {
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

    /// The date so many units from the start, or `None` outside the years that dates have.
    pub(super) fn date(self, start: Date, units: i128) -> Option<Date> {
        match self {
            Self::Days(days) => {
                from_day_number(day_number(start) + units.checked_mul(days.into())?)
            }
            Self::BusinessDays => {
                // A start on a weekend lies between the Friday before it and the Monday after it.
                let between = start.weekday().to_monday_zero_offset() > 4;
                let units = if between && units < 0 {
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

    /// The unit that a date lies on, if it lies on one; else one next to it.
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
    /// The day of a start that lies on the edge, else the day of the month that the start has.
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

    /// This day in the month of a date.
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

/// Whether a start lies on the anchor of its unit. A stamp that names a `whole_month` lies on all
/// its days.
pub(super) fn is_anchored(unit: Unit, start: Date, whole_month: bool) -> bool {
    let on_edge = |edge| whole_month || is_on_edge(edge, start);
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

/// Whether a date is the day of its month that an edge names.
pub(super) fn is_on_edge(edge: Edge, date: Date) -> bool {
    let day = match edge {
        Edge::Start => MonthDay::Day(1),
        Edge::End => MonthDay::Day(LAST_DAY),
        Edge::BusinessStart => MonthDay::FirstWeekday,
        Edge::BusinessEnd => MonthDay::LastWeekday,
    };
    day.in_month(date) == date
}

/// The day of the month, or [`LAST_DAY`] on the last day of any month.
fn day_or_last(date: Date) -> i8 {
    if date == date.last_of_month() {
        LAST_DAY
    } else {
        date.day()
    }
}

/// The day of the month that dates share if they share one, so that the shorter months clip it.
pub(super) fn shared_day(mut dates: impl Iterator<Item = Date> + Clone) -> Option<i8> {
    let day = dates.clone().map(Date::day).max()?;
    let all_last = dates.all(|date| day_or_last(date) == LAST_DAY);
    Some(if all_last { LAST_DAY } else { day })
}

/// Days since a Monday.
pub(super) fn day_number(date: Date) -> i128 {
    i128::from(date.duration_since(EPOCH).as_hours() / 24)
}

/// Months since the beginning of year 0.
pub(super) fn month_number(date: Date) -> i128 {
    i128::from(date.year()) * 12 + i128::from(date.month()) - 1
}

/// Weekdays since a Monday, where Saturday and Sunday count as the Friday before them.
pub(super) fn business_day_number(date: Date) -> i128 {
    let days = day_number(date);
    days.div_euclid(7) * 5 + days.rem_euclid(7).min(4)
}

fn half_month_days(half: Half, day: i8) -> (i8, i8) {
    match half {
        Half::Start => (1, day),
        Half::End => (day, LAST_DAY),
    }
}

/// Half months since the beginning of year 0, where the second half begins on a day of the month.
fn half_month_number(date: Date, second: i8) -> i128 {
    let is_second = date >= clipped(date, second);
    month_number(date) * 2 + i128::from(is_second)
}

fn from_day_number(number: i128) -> Option<Date> {
    let days = Span::new().try_days(i64::try_from(number).ok()?).ok()?;
    EPOCH.checked_add(days).ok()
}

/// The first day of a month counted as in [`month_number`].
fn month_from_number(number: i128) -> Option<Date> {
    let year = i16::try_from(number.div_euclid(12)).ok()?;
    let month = i8::try_from(number.rem_euclid(12) + 1).ok()?;
    Date::new(year, month, 1).ok()
}

/// A day in the month of a date, or the last day where the month is shorter.
pub(super) fn clipped(month: Date, day: i8) -> Date {
    let last = month.last_of_month();
    // A day from 1 to the length of the month exists, and without change the last day stands in for
    // it.
    if day >= last.day() {
        last
    } else {
        Date::new(month.year(), month.month(), day).unwrap_or(last)
    }
}

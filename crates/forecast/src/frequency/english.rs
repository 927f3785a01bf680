//! Parsing of frequencies in plain English: `monthly`, `15 minutes`, `business days`.

use super::unit::{ClockUnit, Edge, Half, Month, Unit};

/// The supported words, in singular and lower case, with single spaces, and the multiple and unit of each.
const WORDS: &[(&str, u64, Unit)] = &[
    ("step", 1, Unit::Step),
    ("nanosecond", 1, Unit::Clock(ClockUnit::Nanosecond)),
    ("microsecond", 1, Unit::Clock(ClockUnit::Microsecond)),
    ("millisecond", 1, Unit::Clock(ClockUnit::Millisecond)),
    ("secondly", 1, Unit::Clock(ClockUnit::Second)),
    ("second", 1, Unit::Clock(ClockUnit::Second)),
    ("sec", 1, Unit::Clock(ClockUnit::Second)),
    ("minutely", 1, Unit::Clock(ClockUnit::Minute)),
    ("minute", 1, Unit::Clock(ClockUnit::Minute)),
    ("min", 1, Unit::Clock(ClockUnit::Minute)),
    ("quarter hourly", 15, Unit::Clock(ClockUnit::Minute)),
    ("quarter hour", 15, Unit::Clock(ClockUnit::Minute)),
    ("half hourly", 30, Unit::Clock(ClockUnit::Minute)),
    ("half hour", 30, Unit::Clock(ClockUnit::Minute)),
    ("hourly", 1, Unit::Clock(ClockUnit::Hour)),
    ("hour", 1, Unit::Clock(ClockUnit::Hour)),
    ("hr", 1, Unit::Clock(ClockUnit::Hour)),
    ("daily", 1, Unit::Day),
    ("day", 1, Unit::Day),
    ("business daily", 1, Unit::BusinessDay),
    ("business day", 1, Unit::BusinessDay),
    ("working day", 1, Unit::BusinessDay),
    ("weekday", 1, Unit::BusinessDay),
    ("weekly", 7, Unit::Day),
    ("week", 7, Unit::Day),
    ("fortnightly", 14, Unit::Day),
    ("fortnight", 14, Unit::Day),
    ("semi monthly", 1, Unit::SemiMonth(Half::Start, 15)),
    ("semimonthly", 1, Unit::SemiMonth(Half::Start, 15)),
    ("twice a month", 1, Unit::SemiMonth(Half::Start, 15)),
    ("monthly", 1, Unit::Month(None)),
    ("month", 1, Unit::Month(None)),
    ("month start", 1, Unit::Month(Some(Edge::Start))),
    ("month end", 1, Unit::Month(Some(Edge::End))),
    ("quarterly", 3, Unit::Month(None)),
    ("quarter", 3, Unit::Month(None)),
    (
        "quarter start",
        1,
        Unit::Quarter(Edge::Start, Month::JANUARY),
    ),
    ("quarter end", 1, Unit::Quarter(Edge::End, Month::DECEMBER)),
    ("half yearly", 6, Unit::Month(None)),
    ("half year", 6, Unit::Month(None)),
    ("semi annual", 6, Unit::Month(None)),
    ("semi annually", 6, Unit::Month(None)),
    ("yearly", 12, Unit::Month(None)),
    ("year", 12, Unit::Month(None)),
    ("yr", 12, Unit::Month(None)),
    ("annual", 12, Unit::Month(None)),
    ("annually", 12, Unit::Month(None)),
    ("year start", 1, Unit::Year(Edge::Start, Month::JANUARY)),
    ("year end", 1, Unit::Year(Edge::End, Month::DECEMBER)),
];

/// Returns the multiple and unit that a word stands for. Case, hyphens, underscores and a plural s are
/// ignored.
pub(super) fn unit_of(name: &str) -> Option<(u64, Unit)> {
    let lower = name.to_ascii_lowercase().replace(['-', '_'], " ");
    let spaced = lower.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let singular = spaced.strip_suffix('s').unwrap_or(&spaced);
    WORDS
        .iter()
        .find(|(word, ..)| *word == spaced || *word == singular)
        .map(|(_, count, unit)| (*count, *unit))
}

/// Returns all words, for suggestions.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, ..)| *word)
}

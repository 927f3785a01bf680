//! Parsing of pandas aliases, old and new, and of the duration letters of polars.

use super::unit::{ClockUnit, Edge, Half, Month, Unit, weekday_from_name};

/// The day at which pandas splits a month by default.
const DEFAULT_SPLIT_DAY: i8 = 15;

/// The period of a month-based alias.
#[derive(Clone, Copy)]
enum Period {
    Month,
    Quarter,
    Year,
}

/// The aliases without an anchor, in upper case.
const FIXED: &[(&str, Unit)] = &[
    ("NS", Unit::Clock(ClockUnit::Nanosecond)),
    ("N", Unit::Clock(ClockUnit::Nanosecond)),
    ("US", Unit::Clock(ClockUnit::Microsecond)),
    ("U", Unit::Clock(ClockUnit::Microsecond)),
    ("L", Unit::Clock(ClockUnit::Millisecond)),
    ("S", Unit::Clock(ClockUnit::Second)),
    ("MIN", Unit::Clock(ClockUnit::Minute)),
    ("T", Unit::Clock(ClockUnit::Minute)),
    ("H", Unit::Clock(ClockUnit::Hour)),
    ("D", Unit::Day),
    ("B", Unit::BusinessDay),
    ("C", Unit::BusinessDay),
    ("I", Unit::Step),
    ("MO", Unit::Month(None)),
];

/// The aliases of months, quarters and years, in upper case.
const MONTHLY: &[(&str, Period, Edge)] = &[
    ("MS", Period::Month, Edge::Start),
    ("M", Period::Month, Edge::End),
    ("ME", Period::Month, Edge::End),
    ("BMS", Period::Month, Edge::BusinessStart),
    ("CBMS", Period::Month, Edge::BusinessStart),
    ("BM", Period::Month, Edge::BusinessEnd),
    ("BME", Period::Month, Edge::BusinessEnd),
    ("CBM", Period::Month, Edge::BusinessEnd),
    ("CBME", Period::Month, Edge::BusinessEnd),
    ("QS", Period::Quarter, Edge::Start),
    ("Q", Period::Quarter, Edge::End),
    ("QE", Period::Quarter, Edge::End),
    ("BQS", Period::Quarter, Edge::BusinessStart),
    ("BQ", Period::Quarter, Edge::BusinessEnd),
    ("BQE", Period::Quarter, Edge::BusinessEnd),
    ("YS", Period::Year, Edge::Start),
    ("AS", Period::Year, Edge::Start),
    ("Y", Period::Year, Edge::End),
    ("YE", Period::Year, Edge::End),
    ("A", Period::Year, Edge::End),
    ("BYS", Period::Year, Edge::BusinessStart),
    ("BAS", Period::Year, Edge::BusinessStart),
    ("BY", Period::Year, Edge::BusinessEnd),
    ("BYE", Period::Year, Edge::BusinessEnd),
    ("BA", Period::Year, Edge::BusinessEnd),
];

/// Returns the multiple and unit that an alias stands for.
///
/// The caller rejects `m`, `Ms` and `mS` as ambiguous.
pub(super) fn unit_of(name: &str) -> Option<(u64, Unit)> {
    match name {
        "ms" => return Some((1, Unit::Clock(ClockUnit::Millisecond))),
        "w" => return Some((7, Unit::Day)),
        "q" => return Some((3, Unit::Month(None))),
        "y" => return Some((12, Unit::Month(None))),
        _ => {}
    }
    let upper = name.to_ascii_uppercase();
    let unit = match upper.split_once('-') {
        Some((base, suffix)) => anchored(base, suffix),
        None => unanchored(&upper),
    };
    unit.map(|unit| (1, unit))
}

/// Returns all aliases, for suggestions.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    FIXED
        .iter()
        .map(|(name, _)| *name)
        .chain(MONTHLY.iter().map(|(name, ..)| *name))
        .chain(["W", "W-MON", "W-SUN", "SMS", "SME"])
}

fn unanchored(base: &str) -> Option<Unit> {
    if let Some((_, unit)) = FIXED.iter().find(|(name, _)| *name == base) {
        return Some(*unit);
    }
    match base {
        "W" => return weekday_from_name("SUN").map(Unit::Week),
        "SMS" => return Some(Unit::SemiMonth(Half::Start, DEFAULT_SPLIT_DAY)),
        "SM" | "SME" => return Some(Unit::SemiMonth(Half::End, DEFAULT_SPLIT_DAY)),
        _ => {}
    }
    let (_, period, edge) = MONTHLY.iter().find(|(name, ..)| *name == base)?;
    Some(match period {
        Period::Month => Unit::Month(Some(*edge)),
        Period::Quarter => Unit::Quarter(*edge, edge.default_month()),
        Period::Year => Unit::Year(*edge, edge.default_month()),
    })
}

fn anchored(base: &str, suffix: &str) -> Option<Unit> {
    // The bounds are those of pandas: a day that exists in every month and differs from the other day.
    match base {
        "W" => return weekday_from_name(suffix).map(Unit::Week),
        "SMS" => return split_day(suffix, 2).map(|day| Unit::SemiMonth(Half::Start, day)),
        "SM" | "SME" => return split_day(suffix, 1).map(|day| Unit::SemiMonth(Half::End, day)),
        _ => {}
    }
    let (_, period, edge) = MONTHLY.iter().find(|(name, ..)| *name == base)?;
    let month = Month::from_name(suffix)?;
    match period {
        Period::Month => None,
        Period::Quarter => Some(Unit::Quarter(*edge, month)),
        Period::Year => Some(Unit::Year(*edge, month)),
    }
}

fn split_day(text: &str, min_day: i8) -> Option<i8> {
    text.parse().ok().filter(|day| (min_day..=27).contains(day))
}

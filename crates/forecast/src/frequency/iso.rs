//! ISO 8601 durations: `P1D`, `PT15M`, `P1Y6M`.

use super::unit::{ClockUnit, Unit};

/// Why a text that begins like a duration is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsoError {
    /// A designator is unknown, out of order or without its number.
    Malformed,
    /// Calendar and clock units, or months and days, in one duration: no single unit fits.
    MixedUnits,
    /// A number does not fit, is fractional, or all are zero.
    Number,
}

/// A count of months, days or nanoseconds gathered from a duration's components.
#[derive(Default)]
struct Totals {
    months: u64,
    days: u64,
    seconds: u64,
    smallest: Option<ClockUnit>,
}

/// Whether a text is meant as an ISO 8601 duration: no other spelling begins with a P.
pub(super) fn is_duration(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case(&'p'))
        && letters
            .next()
            .is_some_and(|second| second.is_ascii_digit() || second.eq_ignore_ascii_case(&'t'))
}

/// The count and unit of a duration. Components that share a unit are added: `P1Y6M` is 18 months.
pub(super) fn parse(text: &str) -> Result<(u64, Unit), IsoError> {
    let upper = text.to_ascii_uppercase();
    let body = upper.strip_prefix('P').ok_or(IsoError::Malformed)?;
    let (date, time) = match body.split_once('T') {
        Some((_, "")) => return Err(IsoError::Malformed),
        Some((date, time)) => (date, time),
        None => (body, ""),
    };
    let mut totals = Totals::default();
    add_components(date, "YMWD", &mut totals)?;
    add_components(time, "HMS", &mut totals)?;
    match totals {
        Totals {
            months: 0,
            days: 0,
            seconds: 0,
            ..
        } => Err(IsoError::Number),
        Totals {
            months,
            days: 0,
            seconds: 0,
            ..
        } => Ok((months, Unit::Month(None))),
        Totals {
            months: 0,
            days,
            seconds: 0,
            ..
        } => Ok((days, Unit::Day)),
        Totals {
            months: 0,
            days: 0,
            seconds,
            smallest: Some(unit),
        } => Ok((seconds / seconds_in(unit), Unit::Clock(unit))),
        Totals { .. } => Err(IsoError::MixedUnits),
    }
}

/// Adds the numbers before each of the `designators`, which must appear in that order, each at most
/// once.
fn add_components(
    mut text: &str,
    mut designators: &str,
    totals: &mut Totals,
) -> Result<(), IsoError> {
    let is_time = designators.starts_with('H');
    while !text.is_empty() {
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .ok_or(IsoError::Malformed)?;
        let (number, rest) = text.split_at(digits);
        if rest.starts_with(['.', ',']) {
            return Err(IsoError::Number);
        }
        if number.is_empty() {
            return Err(IsoError::Malformed);
        }
        let designator = rest.chars().next().ok_or(IsoError::Malformed)?;
        let place = designators.find(designator).ok_or(IsoError::Malformed)?;
        // The designator is one of the ASCII letters of the list, so it is one byte long.
        (text, designators) = (&rest[1..], &designators[place + 1..]);

        let number: u64 = number.parse().map_err(|_| IsoError::Number)?;
        let (total, factor) = match (is_time, designator) {
            (false, 'Y') => (&mut totals.months, 12),
            (false, 'M') => (&mut totals.months, 1),
            (false, 'W') => (&mut totals.days, 7),
            (false, _) => (&mut totals.days, 1),
            (true, letter) => {
                let unit = match letter {
                    'H' => ClockUnit::Hour,
                    'M' => ClockUnit::Minute,
                    _ => ClockUnit::Second,
                };
                totals.smallest = Some(unit);
                (&mut totals.seconds, seconds_in(unit))
            }
        };
        *total = number
            .checked_mul(factor)
            .and_then(|amount| total.checked_add(amount))
            .ok_or(IsoError::Number)?;
    }
    Ok(())
}

fn seconds_in(unit: ClockUnit) -> u64 {
    match unit {
        ClockUnit::Hour => 3600,
        ClockUnit::Minute => 60,
        // Durations name no unit below the second.
        ClockUnit::Second
        | ClockUnit::Millisecond
        | ClockUnit::Microsecond
        | ClockUnit::Nanosecond => 1,
    }
}

//! Parsing of ISO 8601 durations: `P1D`, `PT15M`, `P1Y6M`.

use super::unit::{ClockUnit, Unit};

/// The error returned when a text that begins like a duration is not a supported one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IsoError {
    /// A designator is unknown, out of order or without a number.
    Malformed,
    /// The duration combines calendar and clock units, or months and days, so it has no single unit.
    MixedUnits,
    /// A number is too large or fractional, or all numbers are zero.
    Number,
}

/// The totals of the components of a duration.
#[derive(Default)]
struct DurationTotals {
    months: u64,
    days: u64,
    seconds: u64,
    /// The smallest clock unit of the duration.
    smallest: Option<ClockUnit>,
}

/// Returns true if a text is written like an ISO 8601 duration: no other spelling begins with a P that is
/// followed by a digit or a T.
pub(super) fn is_duration(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case(&'p'))
        && letters
            .next()
            .is_some_and(|second| second.is_ascii_digit() || second.eq_ignore_ascii_case(&'t'))
}

/// Parses the count and unit of a duration. Components that share a unit are added: `P1Y6M` is 18 months.
pub(super) fn parse(text: &str) -> Result<(u64, Unit), IsoError> {
    let upper = text.to_ascii_uppercase();
    let body = upper.strip_prefix('P').ok_or(IsoError::Malformed)?;
    let (date, time) = match body.split_once('T') {
        Some((_, "")) => return Err(IsoError::Malformed),
        Some((date, time)) => (date, time),
        None => (body, ""),
    };
    let mut totals = DurationTotals::default();
    add_components(date, "YMWD", &mut totals)?;
    add_components(time, "HMS", &mut totals)?;
    match totals {
        DurationTotals {
            months: 0,
            days: 0,
            seconds: 0,
            ..
        } => Err(IsoError::Number),
        DurationTotals {
            months,
            days: 0,
            seconds: 0,
            ..
        } => Ok((months, Unit::Month(None))),
        DurationTotals {
            months: 0,
            days,
            seconds: 0,
            ..
        } => Ok((days, Unit::Day)),
        DurationTotals {
            months: 0,
            days: 0,
            seconds,
            smallest: Some(unit),
        } => Ok((seconds / seconds_in(unit), Unit::Clock(unit))),
        DurationTotals { .. } => Err(IsoError::MixedUnits),
    }
}

/// Adds the components of `text` to `totals`. Their designators must appear in the order of `designators`,
/// each at most once.
fn add_components(
    mut text: &str,
    mut designators: &str,
    totals: &mut DurationTotals,
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
        let position = designators.find(designator).ok_or(IsoError::Malformed)?;
        // The designator is an ASCII letter of the list, so it is one byte long.
        (text, designators) = (&rest[1..], &designators[position + 1..]);

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
        // Durations have no unit smaller than the second.
        ClockUnit::Second
        | ClockUnit::Millisecond
        | ClockUnit::Microsecond
        | ClockUnit::Nanosecond => 1,
    }
}

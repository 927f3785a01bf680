//! Parsing of a frequency in any of the supported spellings.

use std::str::FromStr;

use super::iso::IsoError;
use super::{Frequency, FrequencyError, Unit, alias, english, iso};

/// The maximum length of a frequency in bytes. Longer texts are rejected before they are parsed.
const MAX_TEXT_LENGTH: usize = 64;

impl FromStr for Frequency {
    type Err = FrequencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.len() > MAX_TEXT_LENGTH {
            return Err(FrequencyError::unknown(text, ""));
        }
        if iso::is_duration(text) {
            return from_duration(text);
        }
        let (number, name) = split_number(without_every(text));
        let count = match number {
            "" if name.is_empty() => return Err(FrequencyError::unknown(text, "")),
            "" => 1,
            number => number
                .parse()
                .map_err(|_| FrequencyError::multiple_out_of_range(text))?,
        };
        let (units, unit) = if name.is_empty() {
            (1, Unit::Step)
        } else {
            reject_ambiguous(text, number, name)?;
            alias::unit_of(name)
                .or_else(|| english::unit_of(name))
                .ok_or_else(|| FrequencyError::unknown(text, name))?
        };
        with_multiple(text, count, units, unit)
    }
}

fn from_duration(text: &str) -> Result<Frequency, FrequencyError> {
    match iso::parse(text) {
        Ok((count, unit)) => with_multiple(text, count, 1, unit),
        Err(IsoError::Malformed) => Err(FrequencyError::unknown(text, "")),
        Err(IsoError::Number) => Err(FrequencyError::multiple_out_of_range(text)),
        Err(IsoError::MixedUnits) => Err(FrequencyError::Unsupported {
            text: text.to_owned(),
            reason: "months, days and hours have no common length",
            instead: "a duration of years and months, of weeks and days, or of hours, minutes and \
            seconds",
        }),
    }
}

fn with_multiple(
    text: &str,
    count: u64,
    units: u64,
    unit: Unit,
) -> Result<Frequency, FrequencyError> {
    count
        .checked_mul(units)
        .and_then(|multiple| Frequency::new(multiple, unit))
        .ok_or_else(|| FrequencyError::multiple_out_of_range(text))
}

/// Removes the "every" of "every 15 minutes".
fn without_every(text: &str) -> &str {
    match text.split_once(char::is_whitespace) {
        Some((first, rest)) if first.eq_ignore_ascii_case("every") => rest.trim_start(),
        _ => text,
    }
}

/// Splits a text into the leading number, sign and fraction included, and the name after it.
fn split_number(text: &str) -> (&str, &str) {
    let is_numeric = |letter: char| letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.');
    let end = text
        .find(|letter| !is_numeric(letter))
        .unwrap_or(text.len());
    let (number, name) = text.split_at(end);
    (number, name.trim_start())
}

/// Rejects the names that have different meanings in different libraries, and those whose steps depend on
/// opening hours.
fn reject_ambiguous(text: &str, number: &str, name: &str) -> Result<(), FrequencyError> {
    match name {
        "m" => Err(FrequencyError::Ambiguous {
            text: text.to_owned(),
            readings: "minutes (polars) or months (pandas)",
            instead: format!("`{number}min` for minutes, `{number}MS` or `{number}ME` for months"),
        }),
        "Ms" | "mS" => Err(FrequencyError::Ambiguous {
            text: text.to_owned(),
            readings: "milliseconds or month starts",
            instead: format!("`{number}ms` for milliseconds, `{number}MS` for month starts"),
        }),
        _ if ["bh", "cbh"]
            .iter()
            .any(|hours| name.eq_ignore_ascii_case(hours)) =>
        {
            Err(FrequencyError::Unsupported {
                text: text.to_owned(),
                reason: "business hours differ between places",
                instead: "`h` with the closed hours as missing values, or no frequency at all",
            })
        }
        _ => Ok(()),
    }
}

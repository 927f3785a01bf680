mod alignment;
mod inference;
mod properties;
mod stamps;
mod steps;

use super::{Calendar, CalendarError, Stamp};
use crate::frequency::Frequency;

fn stamp(text: &str) -> Stamp {
    Stamp::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Parses a list of stamps that are separated by commas.
fn stamps(texts: &str) -> Vec<Stamp> {
    texts.split_terminator(", ").map(stamp).collect()
}

fn calendar(start: &str, frequency: &str) -> Calendar {
    let frequency: Frequency = frequency.parse().unwrap_or_else(|error| panic!("{error}"));
    Calendar::new(stamp(start), frequency).unwrap_or_else(|error| panic!("{error}"))
}

/// Asserts the first stamps of an axis, the start included.
#[track_caller]
fn check_steps(start: &str, frequency: &str, expected: &str) {
    let stamps = calendar(start, frequency)
        .stamps(0, expected.split(", ").count())
        .unwrap();
    let formatted: Vec<String> = stamps.iter().map(Stamp::to_string).collect();
    assert_eq!(formatted.join(", "), expected, "{frequency} from {start}");
}

/// Asserts one stamp of an axis.
#[track_caller]
fn check_step(start: &str, frequency: &str, step: i64, expected: &str) {
    let stamp = calendar(start, frequency).stamp(step).unwrap();
    assert_eq!(
        stamp.to_string(),
        expected,
        "step {step} of {frequency} from {start}"
    );
}

/// Asserts the inferred frequency and the positions on its axis.
#[track_caller]
fn check_inferred(texts: &str, frequency: &str, positions: &[usize]) {
    match Calendar::align(&stamps(texts), None, 1_000) {
        Ok((calendar, actual)) => {
            assert_eq!(calendar.frequency().to_string(), frequency);
            assert_eq!(actual, positions);
            assert!(!calendar.is_off_anchor());
        }
        Err(error) => panic!("{error}"),
    }
}

/// Asserts the positions for a given frequency, and whether the start is off its anchor.
#[track_caller]
fn check_aligned(texts: &str, frequency: &str, positions: &[usize], off_anchor: bool) {
    match Calendar::align(&stamps(texts), Some(frequency.parse().unwrap()), 1_000) {
        Ok((calendar, actual)) => {
            assert_eq!(
                (actual.as_slice(), calendar.is_off_anchor()),
                (positions, off_anchor)
            );
        }
        Err(error) => panic!("{error}"),
    }
}

/// Asserts the error of stamps that do not form an axis.
#[track_caller]
fn check_misaligned(texts: &str, frequency: Option<&str>, expected: &str) -> CalendarError {
    let frequency = frequency.map(|text| text.parse().unwrap());
    let error = Calendar::align(&stamps(texts), frequency, 1_000)
        .expect_err("the stamps do not form an axis");
    assert_eq!(error.to_string(), expected);
    error
}

//! Ticks at round numbers along an axis, and their labels.

/// A position on an axis and its label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// The suffixes of the powers of a thousand.
const SUFFIXES: [&str; 5] = ["", "k", "M", "B", "T"];

/// The powers of ten that are written without an exponent, with or without a suffix.
const WITHOUT_EXPONENT: std::ops::Range<i32> = -4..15;

/// The maximum number of decimals of a number with a suffix; with more, the plain number is
/// clearer.
const MAX_DECIMALS: i32 = 3;

/// Returns a round step that divides `span` into about `count` parts, and its power of ten.
///
/// The step is 1, 2 or 5 times a power of ten. The next larger step is used only if the smaller one
/// gives over a fifth more parts.
pub(super) fn round_step(span: f64, count: usize) -> (f64, i32) {
    let raw = span / count.max(1) as f64;
    let power = exponent_of(raw);
    let unit = 10_f64.powi(power);
    let parts = raw / unit;
    if parts <= 1.2 {
        (unit, power)
    } else if parts <= 2.4 {
        (2.0 * unit, power)
    } else if parts <= 6.0 {
        (5.0 * unit, power)
    } else {
        (10.0 * unit, power + 1)
    }
}

/// Returns ticks at round numbers within `low..=high`, which are in units of ten to the `exponent`.
pub(super) fn value_ticks(low: f64, high: f64, exponent: i32, count: usize) -> Vec<Tick> {
    let (step, power) = round_step(high - low, count);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    let mut numbers = Vec::new();
    let mut number = first;
    // The number of ticks is bounded, in case rounding makes the step vanish.
    while number <= last && numbers.len() <= 4 * count {
        // Adding zero removes the sign of a negative zero.
        numbers.push(number * step + 0.0);
        number += 1.0;
    }
    let largest = numbers
        .iter()
        .fold(0.0, |largest: f64, number| largest.max(number.abs()));
    let notation = Notation::new(largest, power, exponent);
    numbers
        .into_iter()
        .map(|at| Tick {
            at,
            label: notation.write(at),
        })
        .collect()
}

/// The notation of all numbers of an axis.
struct Notation {
    /// The power of ten that a number is multiplied with before it is written.
    shift: i32,
    decimals: usize,
    suffix: String,
}

impl Notation {
    /// Creates the notation of numbers up to `largest` with a step of about ten to the `power`,
    /// both in units of ten to the `exponent`.
    fn new(largest: f64, power: i32, exponent: i32) -> Self {
        let magnitude = exponent_of(largest) + exponent;
        if !WITHOUT_EXPONENT.contains(&magnitude) {
            let shift = exponent - magnitude;
            let decimals = decimals_of(power + shift);
            return Self {
                shift,
                decimals,
                suffix: format!("e{magnitude}"),
            };
        }
        let thousands = magnitude.max(0) / 3;
        let suffix_shift = exponent - 3 * thousands;
        let (shift, suffix) = if -(power + suffix_shift) > MAX_DECIMALS {
            (exponent, "")
        } else {
            let position = usize::try_from(thousands).unwrap_or(0);
            (suffix_shift, SUFFIXES.get(position).copied().unwrap_or(""))
        };
        Self {
            shift,
            decimals: decimals_of(power + shift),
            suffix: suffix.to_owned(),
        }
    }

    fn write(&self, number: f64) -> String {
        if number == 0.0 {
            return "0".to_owned();
        }
        let shifted = number * 10_f64.powi(self.shift);
        let digits = format!("{:.*}{}", self.decimals, shifted, self.suffix);
        digits.replace('-', "−")
    }
}

/// Returns the exponent of the largest power of ten that is at most the magnitude of `number`, or 0
/// if there is none.
pub(super) fn exponent_of(number: f64) -> i32 {
    if number == 0.0 || !number.is_finite() {
        return 0;
    }
    let power = number.abs().log10().floor();
    (-400..400)
        .find(|candidate| f64::from(*candidate) >= power)
        .unwrap_or(0)
}

fn decimals_of(power: i32) -> usize {
    usize::try_from(-power).unwrap_or(0).min(15)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(low: f64, high: f64, exponent: i32, expected: &[&str]) {
        let labels: Vec<_> = value_ticks(low, high, exponent, 4)
            .into_iter()
            .map(|tick| tick.label)
            .collect();
        assert_eq!(labels, expected);
    }

    #[test]
    fn labels_are_round_and_short() {
        check(0.0, 6.3, 2, &["0", "200", "400", "600"]);
        check(0.0, 1.5, 3, &["0", "0.5k", "1.0k", "1.5k"]);
        check(-1.0, 1.0, 0, &["−1.0", "−0.5", "0", "0.5", "1.0"]);
        check(1.1, 2.2, 6, &["1.5M", "2.0M"]);
        check(1.0, 9.0, 30, &["2e30", "4e30", "6e30", "8e30"]);
        check(1.0, 2.0, -7, &["1.0e−7", "1.5e−7", "2.0e−7"]);
    }

    #[test]
    fn a_small_range_far_from_zero_has_all_digits() {
        check(
            1.000_000_1,
            1.000_000_4,
            6,
            &["1000000.2", "1000000.3", "1000000.4"],
        );
    }

    proptest! {
        #[test]
        fn ticks_are_few_and_within_the_range(
            low in -9.9..9.9_f64, span in 1e-6..19.0_f64, exponent in -300..300_i32,
        ) {
            let ticks = value_ticks(low, low + span, exponent, 5);
            prop_assert!((1..=11).contains(&ticks.len()), "{ticks:?}");
            for tick in &ticks {
                prop_assert!(tick.at >= low - 1e-9 && tick.at <= low + span + 1e-9);
                prop_assert!(tick.label.len() < 24, "{}", tick.label);
            }
        }
    }
}

//! The text of a value in CSV and JSON.

use std::fmt;

use serde::{Serialize, Serializer};

/// A value that is written with the digits of its precision.
///
/// Models compute in `f32`, and series are scaled by powers of two, so the `f64` of a forecast has
/// the precision of an `f32` within the range of that type. It is written as the shortest decimal
/// of that `f32`: `432.1`, not `432.1000061035156`. This applies to zero and the normal numbers of
/// `f32`; values outside of that range, where an `f32` would overflow or lose digits, are written
/// as `f64`.
///
/// ```
/// use almanac_frame::DisplayValue;
///
/// assert_eq!(DisplayValue::from(f64::from(432.1_f32)).to_string(), "432.1");
/// assert_eq!(DisplayValue::from(1e300).to_string(), "1e+300");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DisplayValue {
    /// A value that is written as an `f32`.
    Single(f32),
    /// A value that is written as an `f64`.
    Double(f64),
}

/// The size of the buffer of a number. The longest text that `serde_json` writes has 25 bytes.
const BUFFER_BYTES: usize = 32;

impl From<f64> for DisplayValue {
    fn from(value: f64) -> Self {
        let single = narrow(value);
        if single.is_normal() || value == 0.0 {
            Self::Single(single)
        } else {
            Self::Double(value)
        }
    }
}

impl Serialize for DisplayValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Single(value) => serializer.serialize_f32(value),
            Self::Double(value) => serializer.serialize_f64(value),
        }
    }
}

impl fmt::Display for DisplayValue {
    /// Writes the text of `serde_json`, so that a value has the same digits in CSV and JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; BUFFER_BYTES];
        let mut rest = &mut buffer[..];
        serde_json::to_writer(&mut rest, self).map_err(|_| fmt::Error)?;
        let written = BUFFER_BYTES - rest.len();
        f.write_str(std::str::from_utf8(&buffer[..written]).map_err(|_| fmt::Error)?)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "values that overflow or underflow are not used"
)]
const fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: f64, expected: &str) {
        assert_eq!(DisplayValue::from(value).to_string(), expected);
    }

    #[test]
    fn writes_the_shortest_decimal_of_the_value() {
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(112.0, "112.0");
        check(f64::from(0.1_f32), "0.1");
        check(0.1, "0.1");
        check(f64::from(16_777_216_f32), "16777216.0");
    }

    #[test]
    fn writes_values_outside_of_f32_as_f64() {
        check(1e300, "1e+300");
        check(-1e39, "-1e+39");
        check(1e-300, "1e-300");
        // Subnormal in `f32`, which would lose digits.
        check(1.234_567_8e-39, "1.2345678e-39");
        check(f64::from_bits(1), "5e-324");
        check(f64::MAX, "1.7976931348623157e+308");
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_every_f32(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_normal());
            let presented = DisplayValue::from(f64::from(value));
            prop_assert_eq!(presented, DisplayValue::Single(value));
            prop_assert_eq!(presented.to_string(), serde_json::to_string(&value).unwrap());
        }

        #[test]
        fn agrees_with_serde_json_and_round_trips(value in prop::num::f64::NORMAL) {
            let text = DisplayValue::from(value).to_string();
            prop_assert_eq!(&text, &serde_json::to_string(&DisplayValue::from(value)).unwrap());
            let read: f64 = text.parse().unwrap();
            prop_assert!((read - value).abs() <= value.abs() * f64::from(f32::EPSILON));
        }
    }
}

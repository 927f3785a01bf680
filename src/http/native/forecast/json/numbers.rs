//! Fast parsing of plain decimal numbers.
//!
//! Most of a body is numbers such as `112` or `-3.75`. Up to fifteen digits of one make an integer
//! that an `f64` holds exactly, as it does the power of ten to divide by, so a single division gives
//! the nearest `f64` (Clinger, "How to read floating point numbers accurately", 1990, section 3).
//! Any other number is left to the general reader.

/// Powers of ten that an `f64` holds exactly, for up to fifteen digits behind the point.
const POWERS_OF_TEN: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// The maximum number of digits that always make an exact integer.
const MAX_DIGITS: usize = 15;

/// Parses the elements of an array that are plain decimal numbers, from the first byte of an element,
/// and appends at most `max` of them to `values`. Returns the number of bytes up to the end of the last
/// one, so that the general reader can continue there.
pub(super) fn read_plain(text: &[u8], max: usize, values: &mut Vec<f64>) -> usize {
    let (mut end, mut start) = (0, 0);
    for _ in 0..max {
        let Some((value, length)) = plain(&text[start..]) else {
            break;
        };
        values.push(value);
        end = start + length;
        let comma = end + blank(&text[end..]);
        if text.get(comma) != Some(&b',') {
            break;
        }
        start = comma + 1;
        start += blank(&text[start..]);
    }
    end
}

/// Returns the number of bytes of white space at the beginning of `text`.
fn blank(text: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    text.iter().take_while(is_blank).count()
}

/// Parses the number at the beginning of `text`, and returns its length too; `None` if it is not plain.
fn plain(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(text.first() == Some(&b'-'));
    let (whole, digits) = integer(&text[sign..], 0);
    let has_leading_zero = digits > 1 && text[sign] == b'0';
    if digits == 0 || has_leading_zero {
        return None;
    }
    let mut length = sign + digits;
    let (mut mantissa, mut decimals) = (whole, 0);
    if text.get(length) == Some(&b'.') {
        (mantissa, decimals) = integer(&text[length + 1..], whole);
        if decimals == 0 {
            return None;
        }
        length += 1 + decimals;
    }
    let ends = matches!(
        text.get(length)?,
        b',' | b']' | b' ' | b'\n' | b'\r' | b'\t'
    );
    if !ends || digits + decimals > MAX_DIGITS {
        return None;
    }
    let value = mantissa as f64 / POWERS_OF_TEN[decimals];
    Some((if sign == 1 { -value } else { value }, length))
}

/// The digits that `text` begins with, appended to those of `value`, and how many they are. Looks at
/// no more than it takes to find that there are too many.
fn integer(text: &[u8], mut value: u64) -> (u64, usize) {
    let mut count = 0;
    for byte in text.iter().take(MAX_DIGITS + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[f64], end: usize) {
        let mut values = Vec::new();
        assert_eq!(read_plain(text.as_bytes(), 100, &mut values), end, "{text}");
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&values), bits(expected), "{text}");
    }

    #[test]
    fn reads_up_to_what_is_not_plain() {
        check("1,2.5,-3]", &[1.0, 2.5, -3.0], 8);
        check(" 1]", &[], 0);
        check("1 ,\n\t2 ]", &[1.0, 2.0], 6);
        check("0,-0,0.0]", &[0.0, -0.0, 0.0], 8);
        check("1,null,2]", &[1.0], 1);
        check("1,2e3]", &[1.0], 1);
        check("1,\"2\"]", &[1.0], 1);
        check("123456789012345,1]", &[123_456_789_012_345.0, 1.0], 17);
    }

    #[test]
    fn leaves_what_is_no_number_to_the_general_reader() {
        let wrong = [
            "", "-", "01]", "-01]", "1.]", ".5]", "1", "1.5", "+1]", "1x]", "--1]", "1.2.3]",
        ];
        for text in wrong {
            check(text, &[], 0);
        }
        for long in [
            "1234567890123456]",
            "1.234567890123456]",
            "0.0000000000000001]",
        ] {
            check(long, &[], 0);
        }
    }

    #[test]
    fn takes_no_more_than_it_may() {
        let mut values = Vec::new();
        assert_eq!(read_plain(b"1,2,3]", 2, &mut values), 3);
        assert_eq!(values, [1.0, 2.0]);
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library_to_the_bit(
            numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,14})?", 1..20),
        ) {
            let text = format!("{}]", numbers.join(" , "));
            let mut values = Vec::new();
            read_plain(text.as_bytes(), usize::MAX, &mut values);
            for (value, number) in values.iter().zip(&numbers) {
                prop_assert_eq!(value.to_bits(), number.parse::<f64>().unwrap().to_bits());
            }
            let digits = |number: &String| number.bytes().filter(u8::is_ascii_digit).count();
            let plain = numbers.iter().take_while(|number| digits(number) <= MAX_DIGITS).count();
            prop_assert_eq!(values.len(), plain);
        }
    }
}

//! One cell of a table: a number, or missing.

use thiserror::Error;

/// Why one series of a table cannot be read, when others can.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CellError {
    /// A cell is no number.
    #[error("line {line}, column {column}: {value:?} is not a number; leave a missing value empty")]
    NotANumber {
        /// Line of the file, from 1.
        line: u64,
        /// Header of the column.
        column: String,
        /// The cell, cut where it is long.
        value: String,
    },
    /// A cell is a number for people who write decimals with a comma, or thousands.
    #[error(
        "line {line}, column {column}: {value:?} has a comma; write decimals with a point and thousands without a mark"
    )]
    Comma {
        /// Line of the file, from 1.
        line: u64,
        /// Header of the column.
        column: String,
        /// The cell.
        value: String,
    },
    /// The series has more rows than values are accepted.
    #[error("the series has {rows} rows, over the limit of {limit} values; send its tail")]
    TooManyRows {
        /// Rows of the series.
        rows: usize,
        /// The largest number accepted.
        limit: usize,
    },
}

/// Why a text is not a value. Knows no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAValue {
    Text,
    Comma,
}

/// What stands for a missing value, in lower case: the words that pandas, R, SQL and Excel write.
const MISSING: [&str; 8] = ["", "na", "nan", "null", "none", "n/a", "<na>", "#n/a"];

/// No number is longer; a longer cell is cut in messages.
const LONGEST_SHOWN: usize = 40;

/// The value of a trimmed cell, `NaN` where missing. Infinities pass: the domain refuses them.
pub(super) fn parse(cell: &str) -> Result<f64, NotAValue> {
    if let Ok(value) = cell.parse() {
        return Ok(value);
    }
    if is_missing(cell) {
        return Ok(f64::NAN);
    }
    let without = cell.replace(',', "");
    let comma = without.len() < cell.len() && without.parse::<f64>().is_ok();
    Err(if comma {
        NotAValue::Comma
    } else {
        NotAValue::Text
    })
}

/// Whether a trimmed cell stands for a missing value.
pub(super) fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

impl NotAValue {
    /// The error of `cell` at its place.
    pub(super) fn at(self, line: u64, column: &str, cell: &str) -> CellError {
        let (column, value) = (column.to_owned(), shown(cell));
        match self {
            Self::Text => CellError::NotANumber {
                line,
                column,
                value,
            },
            Self::Comma => CellError::Comma {
                line,
                column,
                value,
            },
        }
    }
}

/// `cell`, cut where it is long.
pub(super) fn shown(cell: &str) -> String {
    match cell.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_what_stands_for_missing() {
        for (cell, expected) in [
            ("112", 112.0),
            ("-1.5e3", -1500.0),
            ("+.5", 0.5),
            ("inf", f64::INFINITY),
        ] {
            assert_eq!(parse(cell).unwrap().to_bits(), expected.to_bits(), "{cell}");
        }
        for cell in [
            "", "NA", "nan", "NaN", "null", "NULL", "None", "N/A", "<NA>", "#N/A",
        ] {
            assert!(parse(cell).unwrap().is_nan(), "{cell}");
        }
    }

    #[test]
    fn tells_a_comma_from_other_text() {
        for cell in ["1,5", "1,234", "1,234.5", "-0,5"] {
            assert_eq!(parse(cell), Err(NotAValue::Comma), "{cell}");
        }
        for cell in ["x", "12 %", "$3", "1_000", ",", "a,b", "#REF!"] {
            assert_eq!(parse(cell), Err(NotAValue::Text), "{cell}");
        }
    }

    #[test]
    fn cuts_a_long_cell_between_characters() {
        assert_eq!(shown(&"é".repeat(50)).chars().count(), LONGEST_SHOWN + 1);
        assert_eq!(shown("short"), "short");
    }
}

//! The value of a cell of a table: a number, or missing.

use thiserror::Error;

/// The error returned when a single series of a table cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CellError {
    /// A cell is not a number.
    #[error("line {line}, column {column}: {value:?} is not a number; leave a missing value empty")]
    NotANumber {
        /// The line of the file, from 1.
        line: u64,
        /// The header of the column.
        column: String,
        /// The cell, truncated if it is long.
        value: String,
    },
    /// A cell is a number with a decimal comma, or with commas between thousands.
    #[error(
        "line {line}, column {column}: {value:?} has a comma; use a decimal point and no thousands separators"
    )]
    Comma {
        /// The line of the file, from 1.
        line: u64,
        /// The header of the column.
        column: String,
        /// The cell.
        value: String,
    },
    /// The series has more rows than the limit.
    #[error("the series has {rows} rows, over the limit of {limit} values; send only its end")]
    TooManyRows {
        /// The number of rows of the series.
        rows: usize,
        /// The maximum number of values.
        limit: usize,
    },
}

/// The error returned when a text is not a value, without its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParseValueError {
    Text,
    Comma,
}

/// The texts that mean a missing value, in lower case: those that pandas, R, SQL and Excel write.
const MISSING: [&str; 8] = ["", "na", "nan", "null", "none", "n/a", "<na>", "#n/a"];

/// The maximum length of a cell in a message, in characters. No number is longer.
const MAX_SHOWN_CHARS: usize = 40;

/// Parses a trimmed cell; a missing value is `NaN`. Infinities are accepted here and rejected by
/// the domain.
pub(super) fn parse(cell: &str) -> Result<f64, ParseValueError> {
    if let Ok(value) = cell.parse() {
        return Ok(value);
    }
    if is_missing(cell) {
        return Ok(f64::NAN);
    }
    let without_commas = cell.replace(',', "");
    let has_comma = without_commas.len() < cell.len() && without_commas.parse::<f64>().is_ok();
    Err(if has_comma {
        ParseValueError::Comma
    } else {
        ParseValueError::Text
    })
}

/// Returns true if a trimmed cell means a missing value.
pub(super) fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

impl ParseValueError {
    /// Returns the error of `cell` at its position.
    pub(super) fn at(self, line: u64, column: &str, cell: &str) -> CellError {
        let (column, value) = (column.to_owned(), truncated(cell));
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

/// Returns `cell`, truncated if it is long.
pub(super) fn truncated(cell: &str) -> String {
    match cell.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_numbers_and_missing_values() {
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
    fn distinguishes_a_comma_from_other_text() {
        for cell in ["1,5", "1,234", "1,234.5", "-0,5"] {
            assert_eq!(parse(cell), Err(ParseValueError::Comma), "{cell}");
        }
        for cell in ["x", "12 %", "$3", "1_000", ",", "a,b", "#REF!"] {
            assert_eq!(parse(cell), Err(ParseValueError::Text), "{cell}");
        }
    }

    #[test]
    fn truncates_a_long_cell_between_characters() {
        assert_eq!(
            truncated(&"é".repeat(50)).chars().count(),
            MAX_SHOWN_CHARS + 1
        );
        assert_eq!(truncated("short"), "short");
    }
}

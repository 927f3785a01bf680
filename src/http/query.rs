//! Query parameters: each known, given once, and parsed.

use std::fmt::Display;
use std::str::FromStr;

use crate::http::problem::{Code, Problem};

/// Returns the problem of a parameter that is none of `names`.
pub(in crate::http) fn unknown(name: &str, names: &[&str]) -> Problem {
    let detail = format!("unknown query parameter {name:?}");
    Problem::new(Code::InvalidQuery, detail)
        .received(name)
        .expected(names.iter().copied())
}

/// Sets a parameter that may be given once.
///
/// # Errors
/// [`Code::InvalidQuery`] when it was given before.
pub(in crate::http) fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => {
            let detail = format!("query parameter {name} is given twice; send it once");
            Err(Problem::new(Code::InvalidQuery, detail).received(name))
        }
    }
}

/// Parses the value of a parameter.
///
/// # Errors
/// [`Code::InvalidQuery`] names the parameter, its value and the reason.
pub(in crate::http) fn one<T: FromStr<Err: Display>>(
    name: &str,
    value: &str,
) -> Result<T, Problem> {
    value.trim().parse().map_err(|error| {
        let detail = format!("query parameter {name} is {value:?}: {error}");
        Problem::new(Code::InvalidQuery, detail).received(value)
    })
}

/// Parses the value of a parameter that is a list of numbers, separated by commas.
///
/// # Errors
/// As [`one`].
pub(in crate::http) fn list(name: &str, value: &str) -> Result<Vec<f64>, Problem> {
    value
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| one(name, part))
        .collect()
}

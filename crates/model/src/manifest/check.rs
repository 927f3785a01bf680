//! The rules for values of a manifest that its schema cannot express.

mod context;
mod covariates;
mod inputs;
mod output;
mod states;

use std::fmt;
use std::ops::RangeInclusive;

use serde::Serialize;

use crate::manifest::{Manifest, ManifestDocument, ManifestError};

/// The maximum of a length or a count. It is far beyond every known model, and small enough for sums and products of
/// two of them.
const MAX: usize = 1_000_000;

impl ManifestDocument {
    /// Checks all values.
    pub(super) fn check(mut self) -> Result<Manifest, ManifestError> {
        for (key, value) in [("name", &self.name), ("version", &self.version)] {
            ensure(is_identifier(value), key, value, IDENTIFIER)?;
        }
        if let Some(size) = self.batch_size {
            ensure_between("batch_size", size, 1..=MAX)?;
        }
        self.check_context()?;
        self.check_features()?;
        self.check_horizon()?;
        self.check_inputs()?;
        self.check_covariates()?;
        self.check_states()?;
        self.check_output()?;
        let levels = output::levels(&mut self.output)?;
        self.check_rollout(&levels)?;
        Ok(Manifest {
            name: self.name,
            version: self.version,
            description: self.description,
            licence: self.licence,
            batch_size: self.batch_size,
            optimized: self.optimized,
            files: self.files,
            context: self.context,
            season_length: self.season_length,
            horizon: self.horizon,
            covariates: self.covariates,
            inputs: self.inputs,
            states: self.states,
            output: self.output,
            postprocess: self.postprocess,
            levels,
        })
    }
}

const IDENTIFIER: &str =
    r#"use 1 to 64 letters, digits, ".", "_" or "-", and do not start with ".""#;

/// Returns true if `text` can be a name or version. These are part of paths and of metric labels, so their alphabet is
/// narrow.
fn is_identifier(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed) && !text.starts_with('.')
}

fn ensure_between(
    key: &str,
    value: usize,
    range: RangeInclusive<usize>,
) -> Result<(), ManifestError> {
    let (start, end) = (range.start(), range.end());
    let rule = format_args!("use a number from {start} to {end}");
    ensure(range.contains(&value), key, &value, rule)
}

/// Returns an error that names `key`, `value` and the `rule`, unless the rule `holds`.
fn ensure(
    holds: bool,
    key: impl fmt::Display,
    value: &impl Serialize,
    rule: impl fmt::Display,
) -> Result<(), ManifestError> {
    if holds {
        Ok(())
    } else {
        Err(ManifestError::Value {
            key: key.to_string(),
            value: to_toml(value),
            rule: rule.to_string(),
        })
    }
}

/// Returns `value` as it is written in the file.
fn to_toml(value: &impl Serialize) -> String {
    // TOML has no value for an absent key.
    toml::Value::try_from(value).map_or_else(|_| "missing".to_owned(), |value| value.to_string())
}

//! The errors of the configuration.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::Path;

use thiserror::Error;

use crate::config::Config;

/// The error returned when there is no valid configuration. Its text is one line.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The path of the file.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file is not TOML, or a key or a value in it is invalid.
    #[error("{path}: {reason}")]
    File {
        /// The path of the file.
        path: String,
        /// The line and the reason.
        reason: String,
    },
    /// A variable begins with `ALMANAC_` and is not a setting.
    #[error("{name} is not a setting{}", suggestion(.nearest.as_ref()))]
    UnknownVariable {
        /// The name of the variable.
        name: String,
        /// The variable of a setting with the most similar name.
        nearest: Option<String>,
    },
    /// A setting, or a variable of the platform, has a value that is not allowed.
    #[error("{setting} is {value}; {rule}{}", names(.setting))]
    Value {
        /// The key of the setting, or the variable.
        setting: &'static str,
        /// The value.
        value: String,
        /// The values that are allowed, or the fix.
        rule: Cow<'static, str>,
    },
}

impl ConfigError {
    /// Creates the error of a value that is not allowed.
    pub(super) fn value(
        setting: &'static str,
        value: impl Display,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Value {
            setting,
            value: value.to_string(),
            rule: rule.into(),
        }
    }

    /// Reads a file that the configuration names.
    pub(super) fn read(path: &Path) -> Result<String, Self> {
        std::fs::read_to_string(path).map_err(|source| Self::Unreadable {
            path: path.display().to_string(),
            source,
        })
    }
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Returns the flag and the variable of the setting with this key, as the value may come from any
/// of them.
fn names(key: &str) -> String {
    let settings = Config::settings();
    let setting = settings.iter().find(|setting| setting.key == key);
    setting.map_or_else(String::new, |setting| {
        format!(" (--{}, {})", setting.flag(), setting.variable())
    })
}

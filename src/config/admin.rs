//! The settings of the admin API.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Arg;
use serde::Deserialize;

use crate::config::ConfigError;
use crate::config::settings::{SettingValue, settings};

settings! {
    /// The admin API, which changes the models that are served.
    pub struct AdminSettings(AdminLayer) in "admin" under "Admin" {
        /// Address and port of the admin API; without it the admin API is off
        listen: Option<SocketAddr> = "none", Serve("--admin-listen <ADDRESS>");
        /// Access key of the admin API; unlike a flag, a file is not in the list of processes
        key: Option<Secret> = "none", Serve("--admin-key <KEY>");
        /// File that contains the access key of the admin API
        key_file: Option<PathBuf> = "none", Serve("--admin-key-file <FILE>");
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

/// The minimum number of characters of an access key.
const MIN_KEY_LENGTH: usize = 16;

impl Secret {
    /// Returns the text.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl SettingValue for Secret {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn accept(arg: Arg) -> Arg {
        arg.value_parser(clap::value_parser!(Self))
            .hide_env_values(true)
    }
}

impl AdminSettings {
    /// Rejects an admin API that other machines can reach without a key.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.key.is_some() && self.key_file.is_some() {
            let rule = "set it or admin.key, not both";
            return Err(ConfigError::value("admin.key_file", "set", rule));
        }
        if let Some(key) = &self.key {
            let length = key.get().len();
            if length < MIN_KEY_LENGTH {
                return Err(ConfigError::value(
                    "admin.key",
                    format_args!("{length} characters long"),
                    format!("it must have at least {MIN_KEY_LENGTH} characters"),
                ));
            }
        }
        let has_key = self.key.is_some() || self.key_file.is_some();
        match self.listen {
            Some(listen) if !has_key && !listen.ip().is_loopback() => Err(ConfigError::value(
                "admin.listen",
                listen,
                "other machines can reach it, so set admin.key or admin.key_file",
            )),
            _ => Ok(()),
        }
    }

    /// Returns the access key, which is read from its file if it has one.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, or its key is too short.
    pub fn read_key(&self) -> Result<Option<Secret>, ConfigError> {
        let Some(path) = &self.key_file else {
            return Ok(self.key.clone());
        };
        let text = ConfigError::read(path)?;
        let key = text.trim();
        if key.len() < MIN_KEY_LENGTH {
            let length = key.len();
            return Err(ConfigError::File {
                path: path.display().to_string(),
                reason: format!(
                    "the access key has {length} characters; it must have at least {MIN_KEY_LENGTH}"
                ),
            });
        }
        Ok(Some(Secret(key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listen: &str, key: Option<&str>) -> Result<(), String> {
        let admin = AdminSettings {
            listen: Some(listen.parse().unwrap()),
            key: key.map(|key| key.parse().unwrap()),
            key_file: None,
        };
        admin.check().map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_may_be_omitted_on_loopback_only() {
        assert_eq!(check("127.0.0.1:8081", None), Ok(()));
        assert_eq!(check("[::1]:8081", None), Ok(()));
        assert_eq!(check("0.0.0.0:8081", Some("0123456789abcdef")), Ok(()));
        assert_eq!(
            check("0.0.0.0:8081", None).unwrap_err(),
            "admin.listen is 0.0.0.0:8081; other machines can reach it, so set admin.key or \
             admin.key_file (--admin-listen, ALMANAC_ADMIN_LISTEN)"
        );
        let short = check("127.0.0.1:8081", Some("short")).unwrap_err();
        assert!(
            !short.contains("\"short\"") && short.contains("16"),
            "{short}"
        );
    }

    #[test]
    fn a_key_is_read_from_its_file_without_the_line_end_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let admin = AdminSettings {
            key_file: Some(path.clone()),
            ..AdminSettings::default()
        };
        assert!(admin.read_key().is_err());
        std::fs::write(&path, "short\n").unwrap();
        assert!(admin.read_key().is_err());
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let key = admin.read_key().unwrap().unwrap();
        assert_eq!(
            (key.get(), format!("{key:?}")),
            ("0123456789abcdef", "Secret".to_owned())
        );
    }
}

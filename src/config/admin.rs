//! Who may change which models are served while the server runs.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::config::ConfigError;

/// Who may change which models are served.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Address and port of the admin API; none, and it is off.
    pub listen: Option<SocketAddr>,
    /// The access key.
    pub key: Option<Secret>,
    /// A file that holds the access key.
    pub key_file: Option<PathBuf>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

/// Fewest characters of an access key.
const SHORTEST_KEY: usize = 16;

impl Secret {
    /// The text.
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
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl Admin {
    /// Refuses an API that anybody could reach.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |setting, value, rule| {
            Err(ConfigError::Value {
                setting,
                value,
                rule,
            })
        };
        if self.key.is_some() && self.key_file.is_some() {
            return refused(
                "admin.key_file",
                "set".to_owned(),
                "set it or admin.key, not both",
            );
        }
        let length = self.key.as_ref().map(|key| key.get().len());
        if let Some(length) = length.filter(|length| *length < SHORTEST_KEY) {
            let told = format!("{length} characters long");
            return refused("admin.key", told, "it must have at least 16 characters");
        }
        match self.listen {
            Some(listen)
                if !listen.ip().is_loopback() && self.key.is_none() && self.key_file.is_none() =>
            {
                let rule = "beyond this machine it needs admin.key or admin.key_file";
                refused("admin.listen", listen.to_string(), rule)
            }
            _ => Ok(()),
        }
    }

    /// The access key, read from its file where it has one.
    ///
    /// # Errors
    /// [`ConfigError`] when the file cannot be read, or its key is too short.
    pub fn read_key(&self) -> Result<Option<Secret>, ConfigError> {
        let Some(path) = &self.key_file else {
            return Ok(self.key.clone());
        };
        let shown = || path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: shown(),
            source,
        })?;
        let key = text.trim();
        if key.len() < SHORTEST_KEY {
            return Err(ConfigError::File {
                path: shown(),
                reason: format!(
                    "an access key of {} characters; it must have at least 16",
                    key.len()
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
        let admin = Admin {
            listen: Some(listen.parse().unwrap()),
            key: key.map(|key| key.parse().unwrap()),
            key_file: None,
        };
        admin.check().map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_may_be_left_out_on_this_machine_only() {
        assert_eq!(check("127.0.0.1:8081", None), Ok(()));
        assert_eq!(check("[::1]:8081", None), Ok(()));
        assert_eq!(check("0.0.0.0:8081", Some("0123456789abcdef")), Ok(()));
        assert_eq!(
            check("0.0.0.0:8081", None).unwrap_err(),
            "admin.listen is 0.0.0.0:8081; beyond this machine it needs admin.key or admin.key_file"
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
        let admin = Admin {
            key_file: Some(path.clone()),
            ..Admin::default()
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

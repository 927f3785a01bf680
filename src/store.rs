//! Where bundles come from: compiled into the program, or a directory.
//!
//! A source gives raw files; [`Bundle::verify`](crate::model::Bundle::verify) decides whether they
//! are a bundle.

pub mod directory;
pub mod embedded;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::model::BundleFiles;

/// A place that holds bundles, as configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The bundles compiled into this program: `embedded:`.
    Embedded,
    /// A directory of `NAME/VERSION/` folders: a path, or `file:` and a path.
    Directory(PathBuf),
}

/// The files of one model version, not yet verified.
#[derive(Clone, Debug)]
pub struct Found {
    /// Name of the model, as its folder is called.
    pub name: String,
    /// Version of the model, as its folder is called.
    pub version: String,
    /// Its files, or why they cannot be read.
    pub files: Result<BundleFiles, String>,
}

/// Why a source cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The text names no kind of source.
    #[error("{text:?} is not a model source; write embedded: or the path of a directory")]
    UnknownSource {
        /// The text.
        text: String,
    },
    /// A directory cannot be listed.
    #[error("cannot list {path}: {reason}")]
    List {
        /// The directory.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
}

impl Source {
    /// The newest version of every model in this source.
    ///
    /// # Errors
    /// [`StoreError::List`] when the source itself cannot be read. One unreadable model is told in
    /// its [`Found::files`].
    pub fn newest(&self) -> Result<Vec<Found>, StoreError> {
        match self {
            Self::Embedded => Ok(embedded::bundles()),
            Self::Directory(path) => directory::newest(path),
        }
    }
}

impl FromStr for Source {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let path = text.strip_prefix("file:").unwrap_or(text);
        let scheme = path
            .split_once(':')
            .is_some_and(|(scheme, _)| !scheme.contains('/'));
        match text {
            "embedded:" => Ok(Self::Embedded),
            _ if path.is_empty() || scheme => Err(StoreError::UnknownSource {
                text: text.to_owned(),
            }),
            _ => Ok(Self::Directory(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded:"),
            Self::Directory(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_sources_it_has_and_refuses_the_others() {
        assert_eq!("embedded:".parse::<Source>().unwrap(), Source::Embedded);
        assert_eq!(
            "./m".parse::<Source>().unwrap(),
            Source::Directory("./m".into())
        );
        assert_eq!(
            "file:/m".parse::<Source>().unwrap(),
            Source::Directory("/m".into())
        );
        for text in ["", "file:", "s3://bucket/models"] {
            assert!(text.parse::<Source>().is_err(), "{text:?}");
        }
    }
}

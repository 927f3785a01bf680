//! Where bundles come from: compiled into the program, or a directory.
//!
//! A store gives raw files; [`Bundle::verify`](crate::model::Bundle::verify) decides whether they
//! are a bundle.

pub mod directory;
pub mod embedded;
mod version;

pub use version::by_version;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use async_trait::async_trait;
use thiserror::Error;

use crate::model::BundleFiles;
use crate::store::directory::Directory;
use crate::store::embedded::Embedded;

/// A place that holds bundles, as configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The bundles compiled into this program: `embedded:`.
    Embedded,
    /// A directory of `NAME/VERSION/` folders: a path, or `file:` and a path.
    Directory(PathBuf),
}

/// A source that can be asked.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Every version of every model that it holds now, in no order.
    ///
    /// # Errors
    /// [`StoreError`] when the source as a whole cannot be read. A version whose files are wrong is
    /// listed; fetching or verifying it tells.
    async fn list(&self) -> Result<Vec<Listing>, StoreError>;

    /// The files of one version, as they are now, not verified.
    ///
    /// # Errors
    /// [`StoreError`] of the first file that cannot be read.
    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError>;
}

/// A model version that a store holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Differs whenever the files may have changed: tags, times and sizes, or a digest. Compared and
    /// never shown.
    pub revision: String,
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
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// There is no such version.
    #[error("there is no {name}/{version}")]
    NoSuchVersion {
        /// Name of the model.
        name: String,
        /// Version of the model.
        version: String,
    },
}

impl Source {
    /// The store that this source is.
    #[must_use]
    pub fn open(&self) -> Box<dyn Store> {
        match self {
            Self::Embedded => Box::new(Embedded),
            Self::Directory(path) => Box::new(Directory::new(path.clone())),
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

//! The errors of loading a model version.

use std::time::Duration;

use almanac_model::GoldenError;
use almanac_store::StoreError;
use thiserror::Error;

use crate::registry::load::OpenError;

/// The error returned when a model version cannot be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The files cannot be read.
    #[error("cannot read the bundle: {0}")]
    Unreadable(#[from] StoreError),
    /// The files are not a valid bundle.
    #[error("{0}")]
    Bundle(#[source] OpenError),
    /// The manifest names another model or version than the folder.
    #[error("manifest.toml names {manifest}, but the folder is {folder}")]
    Misplaced {
        /// The name and the version in the manifest.
        manifest: String,
        /// The name and the version of the folder.
        folder: String,
    },
    /// The graph cannot be opened.
    #[error("{0}")]
    Open(#[source] OpenError),
    /// Opening or running the graph panicked.
    #[error("the model panicked while it was opened or checked")]
    Panicked,
    /// The forecasts of the graph differ from the golden forecasts of the bundle.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// Fetching the files took too long.
    #[error("fetching the files took longer than {0:?}")]
    Slow(Duration),
}

impl LoadError {
    /// Returns true if another attempt to load the same files may succeed.
    #[must_use]
    pub(in crate::registry) const fn is_transient(&self) -> bool {
        match self {
            // A bundle does not get smaller, or signed, without a change that the next poll finds.
            Self::Unreadable(error) => !matches!(
                error,
                StoreError::TooLarge { .. } | StoreError::TooMany { .. } | StoreError::Unsigned(_)
            ),
            Self::Slow(_) | Self::Thread(_) => true,
            Self::Bundle(_)
            | Self::Misplaced { .. }
            | Self::Open(_)
            | Self::Panicked
            | Self::Golden(_) => false,
        }
    }
}

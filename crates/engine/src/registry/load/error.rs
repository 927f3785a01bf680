//! Why a model version does not serve.

use std::time::Duration;

use thiserror::Error;

use crate::registry::load::OpenError;
use almanac_model::GoldenError;
use almanac_store::StoreError;

/// Why a model version does not serve.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Its files cannot be read.
    #[error("cannot read the bundle: {0}")]
    Unreadable(#[from] StoreError),
    /// Its files are not a bundle.
    #[error("{0}")]
    Bundle(#[source] OpenError),
    /// The manifest names another model than the folder does.
    #[error("manifest.toml is of {manifest}, and the folder is {folder}")]
    Misplaced {
        /// Name and version in the manifest.
        manifest: String,
        /// Name and version of the folder.
        folder: String,
    },
    /// Its graph cannot be opened.
    #[error("{0}")]
    Open(#[source] OpenError),
    /// Opening or running its graph panicked.
    #[error("the model panicked while it was opened and checked")]
    Panicked,
    /// Its graph gives other forecasts than the bundle says.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// Its files took too long to fetch.
    #[error("its files were not there within {0:?}")]
    Slow(Duration),
}

impl LoadError {
    /// Whether another attempt at the same files may succeed.
    #[must_use]
    pub(in crate::registry) const fn may_pass(&self) -> bool {
        match self {
            // Neither gets smaller, nor signed, without a change that the next look sees.
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

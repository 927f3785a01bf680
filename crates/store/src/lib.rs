//! Sources of model bundles: the program itself, directories, S3, MLflow, and web servers.
//!
//! A [`Source`] is parsed from the configuration and opened as a [`Store`], which lists and fetches
//! versions. A store returns raw files; [`Bundle::verify`](almanac_model::Bundle::verify) decides
//! whether they are a bundle. Downloads are limited in size and time, and are stored in a cache
//! that replaces a source while it is unreachable.

mod cache;
pub mod directory;
pub mod embedded;
mod error;
mod files;
mod graph;
mod http;
mod metrics;
mod mlflow;
mod options;
mod place;
mod remote;
mod s3;
mod signed;
mod source;
#[cfg(test)]
mod testing;
mod version;
mod web;
mod writer;

pub use error::StoreError;
pub use metrics::StoreMetrics;
pub use options::{
    CacheOptions, MlflowOptions, NoProgress, S3Options, StoreOptions, TransferProgress,
};
pub use place::Place;
pub use remote::is_plain;
pub use source::{MlflowLocation, S3Location, Source, VersionSelector, WebLocation};
pub use version::compare_versions;
pub use writer::{BundleWriter, WrittenVersion};

use std::fmt;

use almanac_model::BundleFiles;
use async_trait::async_trait;

use crate::cache::Cache;
use crate::directory::Directory;
use crate::embedded::Embedded;
use crate::graph::LocalGraph;
use crate::remote::{RemoteProtocol, RemoteStore};
use crate::signed::SignedStore;
use crate::writer::{DirectoryWriter, S3Writer};

/// An opened source of models.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns every version of every model in the store, in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the source as a whole cannot be read. A version with invalid files is
    /// listed; the error is returned when it is fetched or verified.
    async fn list(&self) -> Result<Vec<Listing>, StoreError>;

    /// Fetches the current files of one version, without verifying them.
    ///
    /// # Errors
    /// [`StoreError`] of the first file that cannot be read.
    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError>;

    /// Returns true if the name and version of a listing replace those of the manifest: a model
    /// registry renames models, and a folder must not.
    fn has_authoritative_names(&self) -> bool {
        false
    }

    /// Returns the name and version that the files of `listing` declare, which differ from those of
    /// `listing` if it was renamed.
    fn own(&self, listing: &Listing) -> Listing {
        listing.clone()
    }
}

/// A model version in a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// The name of the model.
    pub name: String,
    /// The version of the model.
    pub version: String,
    /// A text that changes whenever the files may have changed: tags, modification times and sizes,
    /// or a digest. It is compared and never shown.
    pub revision: String,
}

/// The file without which a folder is not a bundle. It is written last.
const MANIFEST: &str = "manifest.toml";

/// Wraps `store` so that it returns signed bundles only, if `options` have public keys.
#[must_use]
pub fn trusted(store: Box<dyn Store>, options: &StoreOptions) -> Box<dyn Store> {
    if options.public_keys.is_empty() {
        return store;
    }
    Box::new(SignedStore::new(store, options.public_keys.clone()))
}

impl Source {
    /// Opens this source as a store. Sends no request yet.
    ///
    /// # Errors
    /// [`StoreError::Setting`] if `options` forbid this source, or lack a setting that it needs.
    pub fn open(&self, options: &StoreOptions) -> Result<Box<dyn Store>, StoreError> {
        let store: Box<dyn Store> = match self {
            // Embedded bundles are as trustworthy as the program, so they need no signature.
            Self::Embedded => return Ok(Box::new(Embedded)),
            Self::Directory(path) => Box::new(Directory::new(path.clone(), options)),
            Self::Graph(path) => Box::new(LocalGraph::new(path.clone(), options)),
            Self::S3(location) if location.is_graph() => {
                self.remote(s3::S3Graph::new(location, options), options)
            }
            Self::S3(location) => self.remote(s3::S3Folders::new(location, options), options),
            Self::Mlflow(model) => self.remote(mlflow::MlflowModel::new(model, options)?, options),
            Self::Web(location) => self.remote(web::WebModel::new(location, options)?, options),
        };
        Ok(trusted(store, options))
    }

    /// Opens this source for writing. Sends no request yet.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] if this kind of source is read-only, [`StoreError::Setting`] if
    /// `options` forbid it.
    pub fn deposit(&self, options: &StoreOptions) -> Result<Box<dyn BundleWriter>, StoreError> {
        match self {
            Self::Directory(root) => Ok(Box::new(DirectoryWriter::new(root, options))),
            Self::S3(location) if !location.is_graph() => {
                Ok(Box::new(S3Writer::new(location, options)))
            }
            Self::Mlflow(model) => Ok(Box::new(mlflow::Registrar::new(model, options)?)),
            Self::Embedded | Self::Graph(_) | Self::S3(_) | Self::Web(_) => {
                let location = self.to_string();
                Err(StoreError::ReadOnly { location })
            }
        }
    }

    fn remote(
        &self,
        protocol: impl RemoteProtocol + 'static,
        options: &StoreOptions,
    ) -> Box<dyn Store> {
        let location = self.to_string();
        let cache = options
            .cache
            .clone()
            .map(|cache| Cache::new(cache, &location));
        Box::new(RemoteStore::new(location, protocol, cache, options))
    }
}

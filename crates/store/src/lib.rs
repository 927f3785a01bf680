//! Where bundles come from: compiled into the program, a directory, S3, MLflow, or a web server.
//!
//! A store gives raw files; [`Bundle::verify`](almanac_model::Bundle::verify) decides whether they
//! are a bundle. What a store downloads is bounded, and kept by a cache that can answer
//! for it when it is out of reach.

mod cache;
pub mod deposit;
pub mod directory;
pub mod embedded;
mod error;
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

pub use deposit::Deposit;
pub use error::StoreError;
pub use metrics::StoreMetrics;
pub use options::{CacheOptions, MlflowOptions, Progress, S3Options, StoreOptions, Unwatched};
pub use place::Place;
pub use remote::is_plain;
pub use source::{MlflowPlace, Pick, S3Place, Source, WebPlace};
pub use version::by_version;

use std::fmt;

use async_trait::async_trait;

use crate::cache::Cache;
use crate::directory::Directory;
use crate::embedded::Embedded;
use crate::graph::Graph;
use crate::remote::{Remote, RemoteStore};
use crate::signed::Signed;
use almanac_model::BundleFiles;

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

    /// Whether a version is called what its listing says, whatever its manifest says: a model
    /// registry renames, and a folder must not.
    fn names_models(&self) -> bool {
        false
    }

    /// What its own files call the version that is `listing`ed: something else where it was renamed.
    fn own(&self, listing: &Listing) -> Listing {
        listing.clone()
    }
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

/// The file without which a folder is not a bundle. It is written last.
const MANIFEST: &str = "manifest.toml";

/// `store`, which gives only what is signed where `options` have keys.
#[must_use]
pub fn trusted(store: Box<dyn Store>, options: &StoreOptions) -> Box<dyn Store> {
    if options.public_keys.is_empty() {
        return store;
    }
    Box::new(Signed::new(store, options.public_keys.clone()))
}

impl Source {
    /// The store that this source is. Asks nothing yet.
    ///
    /// # Errors
    /// [`StoreError::Setting`] when `options` forbid this source, or lack what it needs.
    pub fn open(&self, options: &StoreOptions) -> Result<Box<dyn Store>, StoreError> {
        let store: Box<dyn Store> = match self {
            // What is compiled in is trusted as the program is.
            Self::Embedded => return Ok(Box::new(Embedded)),
            Self::Directory(path) => Box::new(Directory::new(path.clone(), options)),
            Self::Graph(path) => Box::new(Graph::new(path.clone(), options)),
            Self::S3(place) if place.is_graph() => {
                self.remote(s3::S3Graph::new(place, options), options)
            }
            Self::S3(place) => self.remote(s3::S3Folders::new(place, options), options),
            Self::Mlflow(place) => self.remote(mlflow::Mlflow::new(place, options)?, options),
            Self::Web(place) => self.remote(web::Web::new(place, options)?, options),
        };
        Ok(trusted(store, options))
    }

    fn remote(&self, remote: impl Remote + 'static, options: &StoreOptions) -> Box<dyn Store> {
        let place = self.to_string();
        let cache = options.cache.clone();
        let cache = cache.map(|kept| Cache::new(kept, &place));
        Box::new(RemoteStore::new(place, remote, cache, options))
    }
}

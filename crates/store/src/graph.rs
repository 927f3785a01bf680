//! One local graph without a manifest.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use almanac_model::{BundleFiles, Digest};
use async_trait::async_trait;

use crate::files::{file_stamp, read_bounded};
use crate::{Listing, Store, StoreError, StoreOptions};

/// The name of the graph among the files of a bundle.
pub(super) const MODEL: &str = "model.onnx";

/// The store of one file that ends in `.onnx`: its stem is the name of the model, and its digest
/// the version.
#[derive(Debug)]
pub(super) struct LocalGraph {
    path: PathBuf,
    limit: u64,
    versions: GraphVersions,
}

/// Computes the versions of graphs from their digests, and caches the last one, so that a large
/// graph is not read at every poll.
#[derive(Debug)]
pub(super) struct GraphVersions {
    limit: u64,
    cached: Mutex<Option<StampedVersion>>,
}

/// The version of a graph, and the stamp of its file when it was read.
#[derive(Debug)]
struct StampedVersion {
    stamp: String,
    version: String,
}

impl LocalGraph {
    pub(super) const fn new(path: PathBuf, options: &StoreOptions) -> Self {
        Self {
            path,
            limit: options.max_bundle,
            versions: GraphVersions::new(options.max_bundle),
        }
    }
}

impl GraphVersions {
    pub(super) const fn new(limit: u64) -> Self {
        Self {
            limit,
            cached: Mutex::new(None),
        }
    }

    /// Returns the version of the graph at `path`, whose file has the stamp `stamp`.
    pub(super) fn version(&self, path: &Path, stamp: &str) -> Result<String, StoreError> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = cached.as_ref().filter(|cached| cached.stamp == stamp) {
            return Ok(cached.version.clone());
        }
        let version = version_of(Digest::of(&read_bounded(path, self.limit)?));
        *cached = Some(StampedVersion {
            stamp: stamp.to_owned(),
            version: version.clone(),
        });
        Ok(version)
    }
}

/// Returns an error if the graph at `path` has changed between `listing` and reading `files`.
pub(super) fn check_unchanged(
    path: &Path,
    files: &BundleFiles,
    listing: &Listing,
) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default();
    let bytes = files.get(&*name.to_string_lossy());
    if bytes.is_some_and(|bytes| version_of(Digest::of(bytes)) == listing.version) {
        return Ok(());
    }
    let location = path.display().to_string();
    Err(StoreError::Changed { location })
}

/// Returns the version of a graph without a manifest: the first 12 digits of its digest.
pub(super) fn version_of(digest: Digest) -> String {
    digest.to_string()["sha256:".len()..][..12].to_owned()
}

#[async_trait]
impl Store for LocalGraph {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let metadata = fs::metadata(&self.path).map_err(StoreError::reading(&self.path))?;
        let stem = self.path.file_stem().unwrap_or_default();
        let revision = file_stamp(&self.path, &metadata)?;
        Ok(vec![Listing {
            name: stem.to_string_lossy().into_owned(),
            version: self.versions.version(&self.path, &revision)?,
            revision,
        }])
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let bytes = read_bounded(&self.path, self.limit)?;
        if version_of(Digest::of(&bytes)) != listing.version {
            let location = self.path.display().to_string();
            return Err(StoreError::Changed { location });
        }
        Ok(BundleFiles::from([(MODEL.to_owned(), Cow::Owned(bytes))]))
    }

    fn has_authoritative_names(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_graph_has_the_name_of_its_file_and_a_version_from_its_digest() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("net.onnx");
        fs::write(&path, "abc").unwrap();
        let store = LocalGraph::new(path.clone(), &StoreOptions::default());
        let listings = store.list().await.unwrap();
        let (name, version) = (&*listings[0].name, &*listings[0].version);
        assert_eq!((name, version), ("net", "ba7816bf8f01"));
        let files = store.fetch(&listings[0]).await.unwrap();
        assert_eq!(files[MODEL].as_ref(), b"abc");
        assert_eq!(files.len(), 1);

        fs::write(&path, "abcd").unwrap();
        let error = store.fetch(&listings[0]).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");
        let options = StoreOptions {
            max_bundle: 3,
            ..StoreOptions::default()
        };
        let limited = LocalGraph::new(path, &options);
        let error = limited.list().await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    }
}

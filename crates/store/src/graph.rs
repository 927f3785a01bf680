//! One graph of this machine, without a manifest.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::directory::{read_bounded, stamp};
use crate::{Listing, Store, StoreError, StoreOptions};
use almanac_model::{BundleFiles, Digest};

/// The name of the graph among the files of a bundle.
pub(super) const MODEL: &str = "model.onnx";

/// A file that ends in `.onnx`: its stem names the model, its digest the version.
#[derive(Debug)]
pub(super) struct Graph {
    path: PathBuf,
    limit: u64,
    numbered: Numbered,
}

/// Numbers graphs by their bytes, of which a large one is not read at every look.
#[derive(Debug)]
pub(super) struct Numbered {
    limit: u64,
    /// The stamp and the version of the graph that was read last.
    seen: Mutex<Option<(String, String)>>,
}

impl Graph {
    pub(super) const fn new(path: PathBuf, options: &StoreOptions) -> Self {
        Self {
            path,
            limit: options.max_bundle,
            numbered: Numbered::new(options.max_bundle),
        }
    }
}

impl Numbered {
    pub(super) const fn new(limit: u64) -> Self {
        let seen = Mutex::new(None);
        Self { limit, seen }
    }

    /// The version of the graph at `path` as it is at `stamp`.
    pub(super) fn version(&self, path: &Path, stamp: &str) -> Result<String, StoreError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, version)) = seen.as_ref().filter(|(known, _)| known == stamp) {
            return Ok(version.clone());
        }
        let version = version_of(Digest::of(&read_bounded(path, self.limit)?));
        *seen = Some((stamp.to_owned(), version.clone()));
        Ok(version)
    }
}

/// Checks that the graph at `path` is, among `files`, still the one that was listed.
pub(super) fn unchanged(
    path: &Path,
    files: &BundleFiles,
    listing: &Listing,
) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default();
    let bytes = files.get(&*name.to_string_lossy());
    if bytes.is_some_and(|bytes| version_of(Digest::of(bytes)) == listing.version) {
        return Ok(());
    }
    let place = path.display().to_string();
    Err(StoreError::Changed { place })
}

/// The version of a graph that nobody gave one.
pub(super) fn version_of(digest: Digest) -> String {
    digest.to_string()["sha256:".len()..][..12].to_owned()
}

#[async_trait]
impl Store for Graph {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let metadata = fs::metadata(&self.path).map_err(StoreError::reading(&self.path))?;
        let stem = self.path.file_stem().unwrap_or_default();
        let revision = stamp(&self.path, &metadata)?;
        Ok(vec![Listing {
            name: stem.to_string_lossy().into_owned(),
            version: self.numbered.version(&self.path, &revision)?,
            revision,
        }])
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let bytes = read_bounded(&self.path, self.limit)?;
        if version_of(Digest::of(&bytes)) != listing.version {
            let place = self.path.display().to_string();
            return Err(StoreError::Changed { place });
        }
        Ok(BundleFiles::from([(MODEL.to_owned(), Cow::Owned(bytes))]))
    }

    fn names_models(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_graph_is_named_by_its_file_and_numbered_by_its_bytes() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("net.onnx");
        fs::write(&path, "abc").unwrap();
        let store = Graph::new(path.clone(), &StoreOptions::default());
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
        let limited = Graph::new(path, &options);
        let error = limited.list().await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    }
}

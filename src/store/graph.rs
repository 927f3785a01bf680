//! One graph of this machine, without a manifest.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::model::{BundleFiles, Digest};
use crate::store::directory::{read_bounded, stamp};
use crate::store::{Listing, Store, StoreError, StoreOptions};

/// The name of the graph among the files of a bundle.
pub(super) const MODEL: &str = "model.onnx";

/// A file that ends in `.onnx`: its stem names the model, its digest the version.
#[derive(Debug)]
pub(super) struct Graph {
    path: PathBuf,
    limit: u64,
    /// Its stamp and version when it was read last: a large file is not read at every look.
    seen: Mutex<Option<(String, String)>>,
}

impl Graph {
    pub(super) const fn new(path: PathBuf, options: &StoreOptions) -> Self {
        Self {
            path,
            limit: options.max_bundle,
            seen: Mutex::new(None),
        }
    }

    /// The version of the file as it is at `stamp`.
    fn version(&self, stamp: &str) -> Result<String, StoreError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, version)) = seen.as_ref().filter(|(known, _)| known == stamp) {
            return Ok(version.clone());
        }
        let version = version_of(Digest::of(&self.read()?));
        *seen = Some((stamp.to_owned(), version.clone()));
        Ok(version)
    }

    fn read(&self) -> Result<Vec<u8>, StoreError> {
        read_bounded(&self.path, self.limit)
    }
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
            version: self.version(&revision)?,
            revision,
        }])
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let bytes = self.read()?;
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

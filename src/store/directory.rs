//! A directory of `NAME/VERSION/` folders.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;

use crate::model::BundleFiles;
use crate::store::{Listing, Store, StoreError};

/// A directory that holds bundles.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The directory at `root`, which is looked at when it is asked.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

// Local files are read where they are asked for: whoever asks does so off the request path.
#[async_trait]
impl Store for Directory {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let mut listings = Vec::new();
        for name in folders(&self.root)? {
            let folder = self.root.join(&name);
            for version in folders(&folder)? {
                listings.push(Listing {
                    revision: revision(&folder.join(&version))?,
                    name: name.clone(),
                    version,
                });
            }
        }
        Ok(listings)
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let folder = self.root.join(&listing.name).join(&listing.version);
        let mut files = BundleFiles::new();
        for (name, path) in files_of(&folder)? {
            let bytes = fs::read(&path).map_err(unreadable(&path))?;
            files.insert(name, Cow::Owned(bytes));
        }
        Ok(files)
    }
}

/// Size and time of change of every file of a bundle.
fn revision(folder: &Path) -> Result<String, StoreError> {
    let mut revision = String::new();
    for (name, path) in files_of(folder)? {
        let metadata = fs::metadata(&path).map_err(unreadable(&path))?;
        let changed = metadata.modified().map_err(unreadable(&path))?;
        let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        // Writing to a string cannot fail.
        let _infallible = write!(revision, "{name}:{}:{};", metadata.len(), since.as_nanos());
    }
    Ok(revision)
}

fn folders(path: &Path) -> Result<Vec<String>, StoreError> {
    Ok(entries(path)?
        .into_iter()
        .filter_map(|(name, path)| path.is_dir().then_some(name))
        .collect())
}

fn files_of(folder: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|(_, path)| path.is_file())
        .collect())
}

/// What a folder holds by name, in order of name, but for what is hidden.
fn entries(path: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let read = || -> io::Result<Vec<(String, PathBuf)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
            {
                entries.push((name, entry.path()));
            }
        }
        entries.sort();
        Ok(entries)
    };
    read().map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |reason| StoreError::Unreadable {
        path: path.display().to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lists_every_version_and_says_when_one_may_have_changed() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["a/1", "a/2", "b/1", "empty", ".hidden/1"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let manifest = root.path().join("a/2/manifest.toml");
        fs::write(&manifest, "x").unwrap();
        let store = Directory::new(root.path().to_owned());
        let listings = store.list().await.unwrap();
        let names: Vec<_> = listings
            .iter()
            .map(|listing| (listing.name.as_str(), listing.version.as_str()))
            .collect();
        assert_eq!(names, [("a", "1"), ("a", "2"), ("b", "1")]);
        let files = store.fetch(&listings[1]).await.unwrap();
        assert_eq!(files["manifest.toml"].as_ref(), b"x");

        assert_eq!(store.list().await.unwrap(), listings);
        fs::write(&manifest, "xy").unwrap();
        let changed = store.list().await.unwrap();
        assert_ne!(changed[1].revision, listings[1].revision);
        assert_eq!(changed[0], listings[0]);
    }
}

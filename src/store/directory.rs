//! A directory of `NAME/VERSION/` folders.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;

use crate::model::BundleFiles;
use crate::store::{Listing, MANIFEST, Store, StoreError, StoreOptions};

/// A directory that holds bundles.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
    limit: u64,
    /// Whether the root is the folder of one bundle, whatever its name.
    is_bundle: bool,
}

impl Directory {
    /// The directory at `root`, which is looked at when it is asked.
    #[must_use]
    pub const fn new(root: PathBuf, options: &StoreOptions) -> Self {
        Self {
            root,
            limit: options.max_bundle,
            is_bundle: false,
        }
    }

    /// The one bundle in the folder `root`, by whatever name it is asked for. Lists nothing.
    #[must_use]
    pub const fn of_bundle(root: PathBuf, options: &StoreOptions) -> Self {
        Self {
            root,
            limit: options.max_bundle,
            is_bundle: true,
        }
    }
}

// Local files are read where they are asked for: whoever asks does so off the request path.
#[async_trait]
impl Store for Directory {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let mut listings = Vec::new();
        if self.is_bundle {
            return Ok(listings);
        }
        for name in folders(&self.root)? {
            let folder = self.root.join(&name);
            for version in folders(&folder)? {
                let bundle = folder.join(&version);
                // The manifest is written last: without it, files may still be on their way.
                if !bundle.join(MANIFEST).is_file() {
                    tracing::debug!(folder = %bundle.display(), "no manifest.toml, so no bundle yet");
                    continue;
                }
                listings.push(Listing {
                    revision: revision(&bundle)?,
                    name: name.clone(),
                    version,
                });
            }
        }
        Ok(listings)
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let folder = if self.is_bundle {
            self.root.clone()
        } else {
            self.root.join(&listing.name).join(&listing.version)
        };
        let mut files = BundleFiles::new();
        let mut left = self.limit;
        for (name, path) in files_of(&folder)? {
            let bytes = read_bounded(&path, left).map_err(|error| match error {
                // The files before it have used up the rest.
                StoreError::TooLarge { .. } => StoreError::TooLarge {
                    place: folder.display().to_string(),
                    limit: self.limit,
                },
                other => other,
            })?;
            left = left.saturating_sub(bytes.len() as u64);
            files.insert(name, Cow::Owned(bytes));
        }
        Ok(files)
    }
}

/// The bytes of a file, unless they are over `limit`.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(StoreError::reading(path))?;
    let mut bounded = file.take(limit.saturating_add(1));
    let read = bounded.read_to_end(&mut bytes);
    read.map_err(StoreError::reading(path))?;
    if bytes.len() as u64 > limit {
        let place = path.display().to_string();
        return Err(StoreError::TooLarge { place, limit });
    }
    Ok(bytes)
}

/// Size and time of change of a file.
pub(super) fn stamp(path: &Path, metadata: &fs::Metadata) -> Result<String, StoreError> {
    let changed = metadata.modified().map_err(StoreError::reading(path))?;
    let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}:{}", metadata.len(), since.as_nanos()))
}

/// Size and time of change of every file of a bundle.
fn revision(folder: &Path) -> Result<String, StoreError> {
    let mut revision = String::new();
    for (name, path) in files_of(folder)? {
        let metadata = fs::metadata(&path).map_err(StoreError::reading(&path))?;
        // Writing to a string cannot fail.
        let _infallible = write!(revision, "{name}:{};", stamp(&path, &metadata)?);
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
    read().map_err(StoreError::reading(path))
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
        for bundle in ["a/1", "a/2", "b/1", ".hidden/1"] {
            fs::write(root.path().join(bundle).join(MANIFEST), "x").unwrap();
        }
        fs::create_dir_all(root.path().join("b/half")).unwrap();
        fs::write(root.path().join("b/half/model.onnx"), "x").unwrap();
        let manifest = root.path().join("a/2/manifest.toml");
        let store = Directory::new(root.path().to_owned(), &StoreOptions::default());
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

    #[tokio::test]
    async fn a_bundle_over_the_limit_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(MANIFEST), "12345").unwrap();
        fs::write(folder.join("model.onnx"), "12345").unwrap();
        let mut options = StoreOptions::default();
        for (limit, fits) in [(10, true), (9, false), (4, false)] {
            options.max_bundle = limit;
            let store = Directory::new(root.path().to_owned(), &options);
            let listings = store.list().await.unwrap();
            assert_eq!(store.fetch(&listings[0]).await.is_ok(), fits, "{limit}");
        }
    }
}

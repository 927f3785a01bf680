//! Writing bundles to sources, for the command line.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use almanac_model::BundleFiles;
use async_trait::async_trait;

use crate::remote::{is_plain, on_source_runtime};
use crate::s3::S3Bucket;
use crate::{Listing, MANIFEST, S3Location, StoreError, StoreOptions};

/// A source to which bundles can be written.
#[async_trait]
pub trait BundleWriter: fmt::Debug + Send + Sync {
    /// Writes the files of a version, the manifest last, so that readers never see a partial
    /// bundle.
    ///
    /// # Errors
    /// [`StoreError`] of the first file that cannot be written.
    async fn put(
        &self,
        listing: &Listing,
        files: &BundleFiles,
    ) -> Result<WrittenVersion, StoreError>;
}

/// A version that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenVersion {
    /// The name of the model in the source.
    pub name: String,
    /// The version of the model in the source.
    pub version: String,
    /// The location of the version, for display.
    pub place: String,
}

/// Returns the files in the order in which they are written: the manifest last.
pub(super) fn manifest_last(files: &BundleFiles) -> impl Iterator<Item = (&str, &[u8])> {
    files
        .iter()
        .filter(|(name, _)| *name != MANIFEST)
        .chain(files.get_key_value(MANIFEST))
        .map(|(name, bytes)| (name.as_str(), bytes.as_ref()))
}

/// Writes bundles to `NAME/VERSION/` folders of a directory.
#[derive(Debug)]
pub(super) struct DirectoryWriter {
    root: PathBuf,
    options: StoreOptions,
}

impl DirectoryWriter {
    pub(super) fn new(root: &Path, options: &StoreOptions) -> Self {
        Self {
            root: root.to_owned(),
            options: options.clone(),
        }
    }
}

#[async_trait]
impl BundleWriter for DirectoryWriter {
    async fn put(
        &self,
        listing: &Listing,
        files: &BundleFiles,
    ) -> Result<WrittenVersion, StoreError> {
        let Listing { name, version, .. } = listing;
        let folder = self.root.join(name).join(version);
        for part in [name, version].into_iter().chain(files.keys()) {
            if !is_plain(part) {
                return Err(StoreError::NotFound {
                    location: part.clone(),
                    reason: "the path is outside of the bundle's folder".to_owned(),
                });
            }
        }
        // Until the new manifest is written, readers must not combine new files with the old
        // manifest.
        let manifest = folder.join(MANIFEST);
        if manifest.exists() {
            fs::remove_file(&manifest).map_err(StoreError::writing(&manifest))?;
        }
        for (file, bytes) in manifest_last(files) {
            write_atomically(&folder.join(file), bytes)?;
            self.options.progress.advance(bytes.len() as u64);
        }
        Ok(WrittenVersion {
            name: name.clone(),
            version: version.clone(),
            place: folder.display().to_string(),
        })
    }
}

/// Writes a temporary file and renames it to `path`.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let partial = path.with_file_name(format!(
        ".{}.partial",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&partial, bytes))
        .and_then(|()| fs::rename(&partial, path))
        .map_err(StoreError::writing(path))
}

/// Writes bundles to `NAME/VERSION/` folders below a prefix in S3.
#[derive(Clone, Debug)]
pub(super) struct S3Writer {
    location: S3Location,
    options: StoreOptions,
}

impl S3Writer {
    pub(super) fn new(location: &S3Location, options: &StoreOptions) -> Self {
        Self {
            location: location.clone(),
            options: options.clone(),
        }
    }

    async fn write(
        &self,
        listing: &Listing,
        files: &BundleFiles,
    ) -> Result<WrittenVersion, StoreError> {
        let bucket = S3Bucket::new(&self.location.bucket, &self.options);
        let Listing { name, version, .. } = listing;
        let folder = [&self.location.key, name, version]
            .map(String::as_str)
            .join("/");
        let folder = folder.trim_start_matches('/');
        for (file, bytes) in manifest_last(files) {
            bucket.put(&format!("{folder}/{file}"), bytes).await?;
        }
        Ok(WrittenVersion {
            name: name.clone(),
            version: version.clone(),
            place: bucket.uri(folder),
        })
    }
}

#[async_trait]
impl BundleWriter for S3Writer {
    async fn put(
        &self,
        listing: &Listing,
        files: &BundleFiles,
    ) -> Result<WrittenVersion, StoreError> {
        let (writer, listing, files) = (self.clone(), listing.clone(), files.clone());
        on_source_runtime(async move { writer.write(&listing, &files).await }).await
    }
}

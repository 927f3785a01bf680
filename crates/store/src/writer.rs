//! Writing bundles to sources, for the command line.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use almanac_model::BundleFiles;
use async_trait::async_trait;

use crate::mlflow::Registrar;
use crate::remote::{is_plain, on_source_runtime};
use crate::s3::S3Bucket;
use crate::{Listing, MANIFEST, S3Location, Source, StoreError, StoreOptions};

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

impl Source {
    /// Opens this source for writing. Sends no request yet.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] if this kind of source is read-only, [`StoreError::Setting`] if
    /// `options` forbid it.
    pub fn deposit(&self, options: &StoreOptions) -> Result<Box<dyn BundleWriter>, StoreError> {
        match self {
            Self::Directory(root) => Ok(Box::new(DirectoryWriter {
                root: root.clone(),
                options: options.clone(),
            })),
            Self::S3(location) if !location.is_graph() => Ok(Box::new(S3Writer {
                location: location.clone(),
                options: options.clone(),
            })),
            Self::Mlflow(model) => Ok(Box::new(Registrar::new(model, options)?)),
            Self::Embedded | Self::Graph(_) | Self::S3(_) | Self::Web(_) => {
                let location = self.to_string();
                Err(StoreError::ReadOnly { location })
            }
        }
    }
}

/// Returns the files in the order in which they are written: the manifest last.
pub(super) fn manifest_last(files: &BundleFiles) -> impl Iterator<Item = (&str, &[u8])> {
    files
        .iter()
        .filter(|(name, _)| *name != MANIFEST)
        .chain(files.get_key_value(MANIFEST))
        .map(|(name, bytes)| (name.as_str(), bytes.as_ref()))
}

#[derive(Debug)]
struct DirectoryWriter {
    root: PathBuf,
    options: StoreOptions,
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

#[derive(Clone, Debug)]
struct S3Writer {
    location: S3Location,
    options: StoreOptions,
}

impl S3Writer {
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

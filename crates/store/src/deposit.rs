//! Putting bundles where servers find them: the writing side of sources, for the command line.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::mlflow::Registrar;
use crate::remote::{apart, is_plain};
use crate::s3::Bucket;
use crate::{Listing, MANIFEST, S3Place, Source, StoreError, StoreOptions};
use almanac_model::BundleFiles;

/// A place that takes bundles.
#[async_trait]
pub trait Deposit: fmt::Debug + Send + Sync {
    /// Writes the files of a version, the manifest last, so that nobody finds half a bundle.
    ///
    /// # Errors
    /// [`StoreError`] of the first file that cannot be written.
    async fn put(&self, listing: &Listing, files: &BundleFiles) -> Result<Deposited, StoreError>;
}

/// What was put, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposited {
    /// Name of the model there.
    pub name: String,
    /// Its version there.
    pub version: String,
    /// Where it is, for people.
    pub place: String,
}

impl Source {
    /// This source as a place to put bundles. Asks nothing yet.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] where nothing can be put, [`StoreError::Setting`] when `options`
    /// forbid it.
    pub fn deposit(&self, options: &StoreOptions) -> Result<Box<dyn Deposit>, StoreError> {
        match self {
            Self::Directory(root) => Ok(Box::new(DirectoryDeposit {
                root: root.clone(),
                options: options.clone(),
            })),
            Self::S3(place) if !place.is_graph() => Ok(Box::new(S3Deposit {
                place: place.clone(),
                options: options.clone(),
            })),
            Self::Mlflow(place) => Ok(Box::new(Registrar::new(place, options)?)),
            Self::Embedded | Self::Graph(_) | Self::S3(_) | Self::Web(_) => {
                let place = self.to_string();
                Err(StoreError::ReadOnly { place })
            }
        }
    }
}

/// The files in the order of writing: the manifest last.
pub(super) fn in_order(files: &BundleFiles) -> impl Iterator<Item = (&str, &[u8])> {
    let manifest = files.get_key_value(MANIFEST);
    let others = files.iter().filter(|(name, _)| *name != MANIFEST);
    others
        .chain(manifest)
        .map(|(name, bytes)| (name.as_str(), bytes.as_ref()))
}

#[derive(Debug)]
struct DirectoryDeposit {
    root: PathBuf,
    options: StoreOptions,
}

#[async_trait]
impl Deposit for DirectoryDeposit {
    async fn put(&self, listing: &Listing, files: &BundleFiles) -> Result<Deposited, StoreError> {
        let Listing { name, version, .. } = listing;
        let folder = self.root.join(name).join(version);
        for part in [name, version].into_iter().chain(files.keys()) {
            if !is_plain(part) {
                return Err(StoreError::Missing {
                    place: part.clone(),
                    reason: "it is outside of its folder".to_owned(),
                });
            }
        }
        // Until the new manifest is there, a reader must not take new files for those of the old.
        let manifest = folder.join(MANIFEST);
        if manifest.exists() {
            fs::remove_file(&manifest).map_err(StoreError::writing(&manifest))?;
        }
        for (file, bytes) in in_order(files) {
            write(&folder.join(file), bytes)?;
            self.options.progress.advance(bytes.len() as u64);
        }
        Ok(Deposited {
            name: name.clone(),
            version: version.clone(),
            place: folder.display().to_string(),
        })
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
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
struct S3Deposit {
    place: S3Place,
    options: StoreOptions,
}

impl S3Deposit {
    async fn write(&self, listing: &Listing, files: &BundleFiles) -> Result<Deposited, StoreError> {
        let bucket = Bucket::new(&self.place.bucket, &self.options);
        let Listing { name, version, .. } = listing;
        let folder = [&self.place.key, name, version]
            .map(String::as_str)
            .join("/");
        let folder = folder.trim_start_matches('/');
        for (file, bytes) in in_order(files) {
            bucket.put(&format!("{folder}/{file}"), bytes).await?;
        }
        Ok(Deposited {
            name: name.clone(),
            version: version.clone(),
            place: bucket.place(folder),
        })
    }
}

#[async_trait]
impl Deposit for S3Deposit {
    async fn put(&self, listing: &Listing, files: &BundleFiles) -> Result<Deposited, StoreError> {
        let (deposit, listing, files) = (self.clone(), listing.clone(), files.clone());
        apart(async move { deposit.write(&listing, &files).await }).await
    }
}

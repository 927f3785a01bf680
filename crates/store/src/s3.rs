//! Bundles in S3, or in a service that speaks its protocol.

mod bucket;
mod credentials;
mod download;
mod failure;
mod upload;

pub(super) use bucket::{Bucket, Object};

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_trait::async_trait;

use crate::graph::MODEL;
use crate::remote::{Remote, RemoteFile};
use crate::{Listing, MANIFEST, S3Place, StoreError, StoreOptions};

/// `NAME/VERSION/` folders below a prefix.
#[derive(Debug)]
pub(super) struct S3Folders {
    bucket: Bucket,
    prefix: String,
}

/// One graph.
#[derive(Debug)]
pub(super) struct S3Graph {
    bucket: Bucket,
    key: String,
}

impl S3Folders {
    pub(super) fn new(place: &S3Place, options: &StoreOptions) -> Self {
        let prefix = if place.key.is_empty() {
            String::new()
        } else {
            format!("{}/", place.key)
        };
        let bucket = Bucket::new(&place.bucket, options);
        Self { bucket, prefix }
    }
}

#[async_trait]
impl Remote for S3Folders {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let objects = self.bucket.list(&self.prefix).await?;
        Ok(listings(&self.prefix, &objects))
    }

    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        let Listing { name, version, .. } = listing;
        let folder = format!("{}{name}/{version}/", self.prefix);
        let objects = self.bucket.list(&folder).await?;
        if objects.is_empty() {
            let (name, version) = (name.clone(), version.clone());
            return Err(StoreError::NoSuchVersion { name, version });
        }
        Ok(Some(remote_files(&folder, objects)))
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        self.bucket.read(&object(file), limit).await
    }
}

#[async_trait]
impl Remote for S3Graph {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let object = self.bucket.head(&self.key).await?;
        let file = self.key.rsplit('/').next().unwrap_or_default();
        // The tag stands for the bytes, which are not read yet.
        let tag = object.tag.chars().filter(char::is_ascii_alphanumeric);
        Ok(vec![Listing {
            name: file.strip_suffix(".onnx").unwrap_or(file).to_owned(),
            version: tag.take(12).collect(),
            revision: object.tag,
        }])
    }

    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        let object = self.bucket.head(&self.key).await?;
        if object.tag != listing.revision {
            let place = self.bucket.place(&self.key);
            return Err(StoreError::Changed { place });
        }
        Ok(Some(vec![remote_file(MODEL.to_owned(), object)]))
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        self.bucket.read(&object(file), limit).await
    }

    fn names_models(&self) -> bool {
        true
    }
}

impl S3Graph {
    pub(super) fn new(place: &S3Place, options: &StoreOptions) -> Self {
        Self {
            bucket: Bucket::new(&place.bucket, options),
            key: place.key.clone(),
        }
    }
}

/// The files below `folder`, by their names in it.
pub(super) fn remote_files(folder: &str, objects: Vec<Object>) -> Vec<RemoteFile> {
    let files = objects.into_iter().filter_map(|object| {
        let name = object.key.strip_prefix(folder)?.to_owned();
        // An object that ends in a slash stands for a folder.
        (!name.is_empty() && !name.ends_with('/')).then(|| remote_file(name, object))
    });
    files.collect()
}

fn remote_file(name: String, object: Object) -> RemoteFile {
    RemoteFile {
        name,
        place: object.key,
        size: Some(object.size),
        tag: Some(object.tag),
    }
}

/// The object that `file` was made of.
pub(super) fn object(file: &RemoteFile) -> Object {
    Object {
        key: file.place.clone(),
        size: file.size.unwrap_or_default(),
        tag: file.tag.clone().unwrap_or_default(),
    }
}

/// The versions among `objects`: the folders `NAME/VERSION/` that have a manifest, which is written
/// last. The tags of all their objects make their revision.
fn listings(prefix: &str, objects: &[Object]) -> Vec<Listing> {
    let mut versions: BTreeMap<(&str, &str), (bool, String)> = BTreeMap::new();
    for object in objects {
        let below = object.key.strip_prefix(prefix).unwrap_or_default();
        let mut parts = below.splitn(3, '/');
        let (Some(name), Some(version), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (has_manifest, revision) = versions.entry((name, version)).or_default();
        *has_manifest |= file == MANIFEST;
        // Writing to a string cannot fail.
        let _infallible = write!(revision, "{file}:{}:{};", object.size, object.tag);
    }
    let mut listings = Vec::new();
    for ((name, version), (has_manifest, revision)) in versions {
        if !has_manifest {
            tracing::debug!(folder = %format_args!("{prefix}{name}/{version}/"), "no manifest.toml, so no bundle yet");
            continue;
        }
        listings.push(Listing {
            name: name.to_owned(),
            version: version.to_owned(),
            revision,
        });
    }
    listings
}

#[cfg(test)]
mod tests;

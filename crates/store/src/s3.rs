//! Bundles in S3, or in a service with a compatible API.

mod bucket;
mod credentials;
mod download;
mod failure;
mod upload;

pub(super) use bucket::{S3Bucket, S3Object};

use std::collections::BTreeMap;
use std::fmt::Write as _;

use async_trait::async_trait;

use crate::graph::MODEL;
use crate::remote::{RemoteFile, RemoteProtocol};
use crate::{Listing, MANIFEST, S3Location, StoreError, StoreOptions};

/// The `NAME/VERSION/` folders below a prefix.
#[derive(Debug)]
pub(super) struct S3Folders {
    bucket: S3Bucket,
    /// The prefix, with a trailing slash unless it is empty.
    prefix: String,
}

/// One graph.
#[derive(Debug)]
pub(super) struct S3Graph {
    bucket: S3Bucket,
    key: String,
}

impl S3Folders {
    pub(super) fn new(location: &S3Location, options: &StoreOptions) -> Self {
        let prefix = if location.key.is_empty() {
            String::new()
        } else {
            format!("{}/", location.key)
        };
        let bucket = S3Bucket::new(&location.bucket, options);
        Self { bucket, prefix }
    }
}

#[async_trait]
impl RemoteProtocol for S3Folders {
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
        self.bucket.read(&to_object(file), limit).await
    }
}

#[async_trait]
impl RemoteProtocol for S3Graph {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let object = self.bucket.head(&self.key).await?;
        let file = self.key.rsplit('/').next().unwrap_or_default();
        // The tag identifies the bytes, which are not read yet.
        let version = object
            .tag
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(12)
            .collect();
        Ok(vec![Listing {
            name: file.strip_suffix(".onnx").unwrap_or(file).to_owned(),
            version,
            revision: object.tag,
        }])
    }

    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        let object = self.bucket.head(&self.key).await?;
        if object.tag != listing.revision {
            let location = self.bucket.uri(&self.key);
            return Err(StoreError::Changed { location });
        }
        Ok(Some(vec![to_remote_file(MODEL.to_owned(), object)]))
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        self.bucket.read(&to_object(file), limit).await
    }

    fn has_authoritative_names(&self) -> bool {
        true
    }
}

impl S3Graph {
    pub(super) fn new(location: &S3Location, options: &StoreOptions) -> Self {
        Self {
            bucket: S3Bucket::new(&location.bucket, options),
            key: location.key.clone(),
        }
    }
}

/// Returns the files below `folder`, with their names in it.
pub(super) fn remote_files(folder: &str, objects: Vec<S3Object>) -> Vec<RemoteFile> {
    objects
        .into_iter()
        .filter_map(|object| {
            let name = object.key.strip_prefix(folder)?.to_owned();
            // An object whose key ends in a slash represents a folder.
            (!name.is_empty() && !name.ends_with('/')).then(|| to_remote_file(name, object))
        })
        .collect()
}

fn to_remote_file(name: String, object: S3Object) -> RemoteFile {
    RemoteFile {
        name,
        location: object.key,
        size: Some(object.size),
        tag: Some(object.tag),
    }
}

/// Returns the object of a file that [`remote_files`] returned.
pub(super) fn to_object(file: &RemoteFile) -> S3Object {
    S3Object {
        key: file.location.clone(),
        size: file.size.unwrap_or_default(),
        tag: file.tag.clone().unwrap_or_default(),
    }
}

/// Returns the versions among `objects`: the `NAME/VERSION/` folders that have a manifest, which is
/// written last. The revision of a version consists of the tags of all its objects.
fn listings(prefix: &str, objects: &[S3Object]) -> Vec<Listing> {
    let mut versions: BTreeMap<(&str, &str), (bool, String)> = BTreeMap::new();
    for object in objects {
        let path = object.key.strip_prefix(prefix).unwrap_or_default();
        let mut parts = path.splitn(3, '/');
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
            tracing::debug!(folder = %format_args!("{prefix}{name}/{version}/"), "folder without manifest.toml skipped");
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

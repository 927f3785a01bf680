//! Stores on other machines: the code that is common to all protocols.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use almanac_model::{BundleFiles, Digest, SIGNATURE_FILE};
use async_trait::async_trait;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::cache::Cache;
use crate::{Listing, MANIFEST, Store, StoreError, StoreOptions};

/// The maximum size of a manifest or a signature, in bytes: ten times the largest shipped manifest.
const MAX_MANIFEST: u64 = 1_024 * 1_024;

/// A protocol that lists versions and reads their files, without a cache.
#[async_trait]
pub(super) trait RemoteProtocol: fmt::Debug + Send + Sync {
    /// Returns the current versions.
    async fn list(&self) -> Result<Vec<Listing>, StoreError>;

    /// Returns the files of a version; `None` if the protocol cannot list them, and only the
    /// manifest names them.
    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError>;

    /// Reads a file of at most `limit` bytes.
    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError>;

    /// Returns the file `name` of a version whose files the protocol cannot list.
    fn file(&self, name: &str) -> RemoteFile {
        RemoteFile {
            name: name.to_owned(),
            location: name.to_owned(),
            size: None,
            tag: None,
        }
    }

    /// See [`Store::has_authoritative_names`].
    fn has_authoritative_names(&self) -> bool {
        false
    }
}

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// The name of the file in the bundle.
    pub(super) name: String,
    /// The location of the file in terms of the protocol: a key, or a path.
    pub(super) location: String,
    /// The size of the file in bytes, if the protocol lists it.
    pub(super) size: Option<u64>,
    /// The tag of the content, if the protocol has one.
    pub(super) tag: Option<String>,
}

/// A store that adds limits, metrics and an optional cache to a protocol.
#[derive(Debug)]
pub(super) struct RemoteStore(Arc<RemoteStoreInner>);

#[derive(Debug)]
struct RemoteStoreInner {
    /// The source, as it is configured.
    location: String,
    protocol: Box<dyn RemoteProtocol>,
    cache: Option<Cache>,
    options: StoreOptions,
    /// If true, the last poll was answered from the cache.
    is_down: AtomicBool,
}

/// The digests in a manifest. The rest of the manifest is parsed and checked later.
#[derive(Default, Deserialize)]
struct ManifestDigests {
    #[serde(default)]
    files: BTreeMap<String, Digest>,
}

/// A file to download.
struct Download {
    file: RemoteFile,
    /// The digest that the file must have, if the manifest lists one.
    digest: Option<Digest>,
}

impl RemoteStore {
    pub(super) fn new(
        location: String,
        protocol: impl RemoteProtocol + 'static,
        cache: Option<Cache>,
        options: &StoreOptions,
    ) -> Self {
        Self(Arc::new(RemoteStoreInner {
            location,
            protocol: Box::new(protocol),
            cache,
            options: options.clone(),
            is_down: AtomicBool::new(false),
        }))
    }
}

#[async_trait]
impl Store for RemoteStore {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let inner = Arc::clone(&self.0);
        on_source_runtime(async move { inner.list().await }).await
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let (inner, listing) = (Arc::clone(&self.0), listing.clone());
        on_source_runtime(async move { inner.fetch(&listing).await }).await
    }

    fn has_authoritative_names(&self) -> bool {
        self.0.protocol.has_authoritative_names()
    }
}

/// Runs `work` on the runtime of the sources, which has a thread of its own: downloading,
/// decrypting and hashing never occupy the threads that answer requests, and any thread can wait
/// for the result.
pub(super) async fn on_source_runtime<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("almanac-source")
            .enable_all()
            .build()
    });
    let unreachable = |reason: String| StoreError::Unreachable {
        location: "the source".to_owned(),
        reason,
    };
    let runtime = runtime
        .as_ref()
        .map_err(|error| unreachable(format!("its thread cannot be started: {error}")))?;
    let task = AbortOnDropHandle::new(runtime.spawn(work));
    task.await
        .unwrap_or_else(|error| Err(unreachable(format!("its task failed: {error}"))))
}

/// Waits before attempt number `attempt` + 1, with exponential backoff and full jitter.
pub(super) async fn back_off(attempt: u32) {
    let max_delay = Duration::from_millis(100 << attempt.min(6));
    tokio::time::sleep(max_delay.mul_f64(rand::random())).await;
}

impl RemoteStoreInner {
    /// Lists the versions at the source, or those in the cache while the source is unreachable.
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let error = match self.protocol.list().await {
            Ok(listings) => {
                self.set_down(None);
                if let Some(cache) = &self.cache {
                    cache.record_listings(&listings);
                }
                return Ok(listings);
            }
            Err(error) => error,
        };
        self.options
            .metrics
            .record_failure(&self.location, error.kind());
        let cached = self
            .cache
            .as_ref()
            .filter(|_| error.is_outage())
            .map(Cache::listings)
            .filter(|listings| !listings.is_empty());
        match cached {
            Some(listings) => {
                self.set_down(Some(&error));
                Ok(listings)
            }
            None => Err(error),
        }
    }

    /// Logs when the source becomes unreachable, and when it is reachable again.
    fn set_down(&self, reason: Option<&StoreError>) {
        let was_down = self.is_down.swap(reason.is_some(), Ordering::Relaxed);
        let metrics = &self.options.metrics;
        metrics.set_from_cache(&self.location, reason.is_some());
        match reason {
            Some(reason) if !was_down => tracing::warn!(
                source = %self.location,
                %reason,
                "model source is unreachable; its cached versions are used"
            ),
            None if was_down => {
                tracing::info!(source = %self.location, "model source is reachable again");
            }
            _ => {}
        }
    }

    /// Returns the files of a version from the cache, or downloads them.
    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        if let Some(files) = self.cache.as_ref().and_then(|cache| cache.get(listing)) {
            return Ok(files);
        }
        let limit = self.options.fetch_timeout;
        let fetched = tokio::time::timeout(limit, self.download(listing))
            .await
            .unwrap_or_else(|_elapsed| {
                Err(StoreError::Timeout {
                    location: self.location.clone(),
                    limit,
                    setting: "models.fetch_timeout",
                })
            });
        match &fetched {
            Ok(files) => {
                if let Some(cache) = &self.cache {
                    cache.insert(listing, files);
                }
            }
            Err(error) => self
                .options
                .metrics
                .record_failure(&self.location, error.kind()),
        }
        fetched
    }

    /// Downloads the manifest and the files that it lists; without a manifest, all files.
    async fn download(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let mut files = BundleFiles::new();
        let listed = self.protocol.files(listing).await?;
        let manifest = match &listed {
            None => Some(self.protocol.file(MANIFEST)),
            Some(listed) => listed.iter().find(|file| file.name == MANIFEST).cloned(),
        };
        let Some(manifest) = manifest else {
            let downloads = listed
                .unwrap_or_default()
                .into_iter()
                .map(|file| Download { file, digest: None })
                .collect();
            self.download_files(downloads, &mut files).await?;
            return Ok(files);
        };
        let bytes = self.protocol.read(&manifest, MAX_MANIFEST).await?;
        self.record_received(bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        // Errors of the manifest are reported when all of it is parsed.
        let digests: ManifestDigests = toml::from_str(&text).unwrap_or_default();
        let downloads = self.select_files(listed.as_deref(), &digests);
        files.insert(MANIFEST.to_owned(), Cow::Owned(bytes));
        self.download_files(downloads, &mut files).await?;
        Ok(files)
    }

    /// Returns the files in the manifest, except those that are not `listed`, and its signature.
    fn select_files(
        &self,
        listed: Option<&[RemoteFile]>,
        digests: &ManifestDigests,
    ) -> Vec<Download> {
        let find = |name: &str| match listed {
            Some(listed) => listed.iter().find(|file| file.name == name).cloned(),
            None => is_plain(name).then(|| self.protocol.file(name)),
        };
        digests
            .files
            .keys()
            .map(String::as_str)
            .chain([SIGNATURE_FILE])
            .filter(|name| *name != MANIFEST)
            .filter_map(|name| {
                Some(Download {
                    file: find(name)?,
                    digest: digests.files.get(name).copied(),
                })
            })
            .collect()
    }

    /// Adds `downloads` to `files`, from the cache if it has a file of that digest.
    async fn download_files(
        &self,
        downloads: Vec<Download>,
        files: &mut BundleFiles,
    ) -> Result<(), StoreError> {
        let limit = self.options.max_bundle;
        let too_large = || StoreError::TooLarge {
            location: self.location.clone(),
            limit,
        };
        let listed_size: u64 = downloads
            .iter()
            .filter_map(|download| download.file.size)
            .sum();
        if listed_size > limit {
            return Err(too_large());
        }
        self.options.progress.expect(listed_size);
        let mut remaining = limit;
        for Download { file, digest } in downloads {
            let bytes = match self.cached_file(digest) {
                Some(bytes) => {
                    self.options.progress.advance(bytes.len() as u64);
                    bytes
                }
                None => match self.read(&file, digest, remaining).await {
                    // The signature is optional.
                    Err(StoreError::NotFound { .. }) if file.name == SIGNATURE_FILE => continue,
                    read => read?,
                },
            };
            remaining = remaining
                .checked_sub(bytes.len() as u64)
                .ok_or_else(too_large)?;
            files.insert(file.name, Cow::Owned(bytes));
        }
        Ok(())
    }

    fn cached_file(&self, digest: Option<Digest>) -> Option<Vec<u8>> {
        self.cache.as_ref()?.file(digest?)
    }

    /// Reads a file and checks its digest.
    async fn read(
        &self,
        file: &RemoteFile,
        digest: Option<Digest>,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.protocol.read(file, limit).await?;
        self.record_received(bytes.len());
        let Some(expected) = digest else {
            return Ok(bytes);
        };
        let actual = Digest::of(&bytes);
        if actual == expected {
            return Ok(bytes);
        }
        Err(StoreError::Digest {
            location: format!("{}: {}", self.location, file.name),
            expected,
            actual,
        })
    }

    fn record_received(&self, bytes: usize) {
        self.options
            .metrics
            .record_received(&self.location, bytes as u64);
    }
}

/// Returns true if `name` is the path of a file in the bundle's own folder or below it.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.split('/').all(is_part) && !name.contains(['\\', '\0', ':'])
}

#[cfg(test)]
mod tests;

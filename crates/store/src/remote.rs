//! Stores on other machines: what they share, whatever their protocol.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::cache::Cache;
use crate::{Listing, MANIFEST, Store, StoreError, StoreOptions};
use almanac_model::{BundleFiles, Digest, SIGNATURE_FILE};

/// Bytes of a manifest or a signature. The largest shipped one is a tenth of it.
const MAX_MANIFEST: u64 = 1_024 * 1_024;

/// A protocol: files of versions by their names, nothing kept.
#[async_trait]
pub(super) trait Remote: fmt::Debug + Send + Sync {
    /// Every version that is there now.
    async fn list(&self) -> Result<Vec<Listing>, StoreError>;

    /// The files of a version; `None` where only the manifest can tell.
    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError>;

    /// The bytes of a file, of which there are at most `limit`.
    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError>;

    /// The file `name` of a version whose files only the manifest can tell.
    fn file(&self, name: &str) -> RemoteFile {
        RemoteFile {
            name: name.to_owned(),
            place: name.to_owned(),
            size: None,
            tag: None,
        }
    }

    /// See [`Store::names_models`].
    fn names_models(&self) -> bool {
        false
    }
}

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// Its name in the bundle.
    pub(super) name: String,
    /// Where the protocol finds it: a key, or a path.
    pub(super) place: String,
    /// Its size, when the protocol tells it beforehand.
    pub(super) size: Option<u64>,
    /// The tag of its content, when the protocol has one.
    pub(super) tag: Option<String>,
}

/// A remote with bounds, and with a cache where one is configured.
#[derive(Debug)]
pub(super) struct RemoteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: String,
    remote: Box<dyn Remote>,
    cache: Option<Cache>,
    options: StoreOptions,
    is_down: AtomicBool,
}

/// What the manifest says of the files. The rest of it, and whether it is one, is checked later.
#[derive(Default, Deserialize)]
struct Pinned {
    #[serde(default)]
    files: BTreeMap<String, Digest>,
}

impl RemoteStore {
    pub(super) fn new(
        place: String,
        remote: impl Remote + 'static,
        cache: Option<Cache>,
        options: &StoreOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            place,
            remote: Box::new(remote),
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
        apart(async move { inner.list().await }).await
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let (inner, listing) = (Arc::clone(&self.0), listing.clone());
        apart(async move { inner.fetch(&listing).await }).await
    }

    fn names_models(&self) -> bool {
        self.0.remote.names_models()
    }
}

/// Runs `work` on a thread of its own, so that downloading, decrypting and hashing never take a turn
/// of the threads that answer requests, and so that any thread may wait for it.
pub(super) async fn apart<T: Send + 'static>(
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
    let failed = |reason: String| StoreError::Unreachable {
        place: "the source".to_owned(),
        reason,
    };
    let runtime = runtime
        .as_ref()
        .map_err(|error| failed(format!("no thread for it: {error}")))?;
    let task = AbortOnDropHandle::new(runtime.spawn(work));
    task.await
        .unwrap_or_else(|error| Err(failed(format!("its task ended: {error}"))))
}

/// Waits before attempt number `attempt` + 1: longer each time, and each caller differently long.
pub(super) async fn pause(attempt: u32) {
    let most = Duration::from_millis(100 << attempt.min(6));
    tokio::time::sleep(most.mul_f64(rand::random())).await;
}

impl Inner {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let error = match self.remote.list().await {
            Ok(listings) => {
                self.set_down(None);
                if let Some(cache) = &self.cache {
                    cache.remember(&listings);
                }
                return Ok(listings);
            }
            Err(error) => error,
        };
        self.options.metrics.failed(&self.place, error.kind());
        let known = self.cache.as_ref().filter(|_| error.is_outage());
        match known.map(Cache::known).filter(|known| !known.is_empty()) {
            Some(known) => {
                self.set_down(Some(&error));
                Ok(known)
            }
            None => Err(error),
        }
    }

    /// Says when the source goes out of reach, and when it is back.
    fn set_down(&self, reason: Option<&StoreError>) {
        let was_down = self.is_down.swap(reason.is_some(), Ordering::Relaxed);
        let metrics = &self.options.metrics;
        metrics.set_from_cache(&self.place, reason.is_some());
        match reason {
            Some(reason) if !was_down => tracing::warn!(
                source = %self.place,
                %reason,
                "source of models is out of reach; what the cache has of it is used"
            ),
            None if was_down => tracing::info!(source = %self.place, "source of models is back"),
            _ => {}
        }
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        if let Some(files) = self.cache.as_ref().and_then(|cache| cache.get(listing)) {
            return Ok(files);
        }
        let limit = self.options.fetch_timeout;
        let fetched = tokio::time::timeout(limit, self.download(listing)).await;
        let fetched = fetched.unwrap_or_else(|_elapsed| {
            Err(StoreError::Slow {
                place: self.place.clone(),
                limit,
                setting: "models.fetch_timeout",
            })
        });
        match &fetched {
            Ok(files) => {
                if let Some(cache) = &self.cache {
                    cache.keep(listing, files);
                }
            }
            Err(error) => self.options.metrics.failed(&self.place, error.kind()),
        }
        fetched
    }

    async fn download(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let mut files = BundleFiles::new();
        let there = self.remote.files(listing).await?;
        let manifest = match &there {
            None => Some(self.remote.file(MANIFEST)),
            Some(there) => there.iter().find(|file| file.name == MANIFEST).cloned(),
        };
        let Some(manifest) = manifest else {
            let all = there.unwrap_or_default();
            let wanted = all.into_iter().map(|file| (file, None)).collect();
            self.take(wanted, &mut files).await?;
            return Ok(files);
        };
        let bytes = self.remote.read(&manifest, MAX_MANIFEST).await?;
        self.count(bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        // What is wrong with a manifest is said by who reads the rest of it.
        let pinned: Pinned = toml::from_str(&text).unwrap_or_default();
        let wanted = self.wanted(there.as_deref(), &pinned);
        files.insert(MANIFEST.to_owned(), Cow::Owned(bytes));
        self.take(wanted, &mut files).await?;
        Ok(files)
    }

    /// The files that a manifest pins, of those that are there, and its signature.
    fn wanted(
        &self,
        there: Option<&[RemoteFile]>,
        pinned: &Pinned,
    ) -> Vec<(RemoteFile, Option<Digest>)> {
        let names = pinned.files.keys().map(String::as_str);
        let names = names.chain([SIGNATURE_FILE]);
        let find = |name: &str| match there {
            Some(there) => there.iter().find(|file| file.name == name).cloned(),
            None => is_plain(name).then(|| self.remote.file(name)),
        };
        names
            .filter(|name| *name != MANIFEST)
            .filter_map(|name| Some((find(name)?, pinned.files.get(name).copied())))
            .collect()
    }

    /// Reads `wanted` into `files`, from the cache where it has a file of that digest.
    async fn take(
        &self,
        wanted: Vec<(RemoteFile, Option<Digest>)>,
        files: &mut BundleFiles,
    ) -> Result<(), StoreError> {
        let limit = self.options.max_bundle;
        let too_large = |_| StoreError::TooLarge {
            place: self.place.clone(),
            limit,
        };
        let known: u64 = wanted.iter().filter_map(|(file, _)| file.size).sum();
        let mut left = limit
            .checked_sub(known)
            .map(|_| limit)
            .ok_or(())
            .map_err(too_large)?;
        self.options.progress.expect(known);
        for (file, digest) in wanted {
            let bytes = match self.kept(digest) {
                Some(bytes) => {
                    self.options.progress.advance(bytes.len() as u64);
                    bytes
                }
                None => match self.read(&file, digest, left).await {
                    // A signature is not always there.
                    Err(StoreError::Missing { .. }) if file.name == SIGNATURE_FILE => continue,
                    read => read?,
                },
            };
            let rest = left.checked_sub(bytes.len() as u64);
            left = rest.ok_or(()).map_err(too_large)?;
            files.insert(file.name, Cow::Owned(bytes));
        }
        Ok(())
    }

    fn kept(&self, digest: Option<Digest>) -> Option<Vec<u8>> {
        self.cache.as_ref()?.file(digest?)
    }

    async fn read(
        &self,
        file: &RemoteFile,
        digest: Option<Digest>,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.remote.read(file, limit).await?;
        self.count(bytes.len());
        let Some(expected) = digest else {
            return Ok(bytes);
        };
        let actual = Digest::of(&bytes);
        if actual == expected {
            return Ok(bytes);
        }
        Err(StoreError::Digest {
            place: format!("{}: {}", self.place, file.name),
            expected,
            actual,
        })
    }

    fn count(&self, bytes: usize) {
        self.options.metrics.received(&self.place, bytes as u64);
    }
}

/// Whether `name` is of a file in the bundle's own folder or below it.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.split('/').all(is_part) && !name.contains(['\\', '\0', ':'])
}

#[cfg(test)]
mod tests;

//! One load: from a listing to sessions that are open and checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use almanac_model::{BundleFiles, Digest};
use almanac_store::{Listing, Store};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::registry::load::{Load, LoadError, OpenMode, OpenedVersion};
use crate::registry::plan::VersionKey;
use crate::registry::record::VersionRecorder;
use crate::registry::state::VersionState;
use crate::registry::thread::{WORKER_NICENESS, spawn_thread};

/// The niceness of a load in the background: about a tenth of the weight of a worker, so that the versions
/// that serve keep their cores.
const BACKGROUND_NICENESS: i32 = 15;

/// A version to load.
pub(super) struct LoadJob {
    pub(super) listing: Listing,
    pub(super) key: VersionKey,
    pub(super) store: Arc<dyn Store>,
    pub(super) load: Arc<Load>,
    pub(super) recorder: VersionRecorder,
    /// One permit for each version that is verified and opened at the same time.
    pub(super) permits: Arc<Semaphore>,
    pub(super) mode: OpenMode,
    /// The digest of the loaded revision of this version, if there is one.
    pub(super) known: Option<Digest>,
    pub(super) fetch_limit: Duration,
}

/// A load that has ended.
pub(super) struct FinishedJob {
    pub(super) name: String,
    pub(super) key: VersionKey,
    pub(super) recorder: VersionRecorder,
    pub(super) started: Instant,
    pub(super) result: Result<LoadOutput, LoadError>,
}

/// The result of a successful load.
pub(super) enum LoadOutput {
    /// A version whose threads have not been started.
    Opened(Box<OpenedVersion>),
    /// The files have a new revision with the same content.
    Unchanged,
}

/// The files of a version, to be verified and opened.
struct FetchedVersion {
    load: Arc<Load>,
    store: Arc<dyn Store>,
    listing: Listing,
    files: BundleFiles,
    mode: OpenMode,
    known: Option<Digest>,
    recorder: Arc<VersionRecorder>,
}

impl LoadJob {
    /// Fetches the version, and verifies, opens and warms it up once there is a permit.
    pub(super) async fn run(self) -> FinishedJob {
        let started = Instant::now();
        let name = self.listing.name.clone();
        let recorder = Arc::new(self.recorder);
        let result = match fetch(&self.store, &self.listing, self.fetch_limit).await {
            Ok(files) => {
                // The semaphore is never closed.
                let _permit = self.permits.acquire_owned().await;
                let fetched = FetchedVersion {
                    load: self.load,
                    store: self.store,
                    listing: self.listing,
                    files,
                    mode: self.mode,
                    known: self.known,
                    recorder: Arc::clone(&recorder),
                };
                fetched.open_on_thread().await
            }
            Err(error) => Err(error),
        };
        let Some(recorder) = Arc::into_inner(recorder) else {
            unreachable!("the thread that opened the version has dropped its recorder");
        };
        FinishedJob {
            name,
            key: self.key,
            recorder,
            started,
            result,
        }
    }
}

impl FetchedVersion {
    async fn open_on_thread(self) -> Result<LoadOutput, LoadError> {
        let niceness = self.niceness();
        spawn_thread("load", niceness, move |_| self.open())?
            .await
            .unwrap_or(Err(LoadError::Panicked))
    }

    fn niceness(&self) -> i32 {
        match self.mode {
            OpenMode::FirstOnly | OpenMode::Parallel => 0,
            OpenMode::SequentialAwaited => WORKER_NICENESS,
            OpenMode::Sequential if self.load.has_session_threads => WORKER_NICENESS,
            OpenMode::Sequential => BACKGROUND_NICENESS,
        }
    }

    fn open(self) -> Result<LoadOutput, LoadError> {
        let recorder = &self.recorder;
        recorder.set(VersionState::Verifying);
        let bundle = self.load.verify(&*self.store, &self.listing, self.files)?;
        recorder.verified(bundle.digest);
        if self.known == Some(bundle.digest) {
            return Ok(LoadOutput::Unchanged);
        }
        recorder.set(VersionState::Loading);
        let warming = || recorder.set(VersionState::Warming);
        let opened = self.load.open(bundle, self.mode, &warming)?;
        Ok(LoadOutput::Opened(Box::new(opened)))
    }
}

/// Fetches the files of a version on a separate thread, because a directory blocks its reader.
async fn fetch(
    store: &Arc<dyn Store>,
    listing: &Listing,
    limit: Duration,
) -> Result<BundleFiles, LoadError> {
    let (store, listing) = (Arc::clone(store), listing.clone());
    let fetching = spawn_thread("fetch", 0, move |runtime| {
        runtime.block_on(async { timeout(limit, store.fetch(&listing)).await })
    })?;
    match timeout(limit, fetching).await {
        Ok(Ok(Ok(fetched))) => Ok(fetched?),
        Ok(Ok(Err(_elapsed))) | Err(_elapsed) => Err(LoadError::Slow(limit)),
        Ok(Err(_panic)) => Err(LoadError::Panicked),
    }
}

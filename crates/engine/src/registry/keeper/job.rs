//! One load: from a listing to sessions that are open and checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::registry::load::{Load, LoadError, Opened, Pace};
use crate::registry::plan::Key;
use crate::registry::record::{Life, VersionState};
use crate::registry::thread::{NICENESS_OF_WORKERS, on_own_thread};
use almanac_model::{Bundle, BundleFiles, Digest};
use almanac_store::{Listing, Store};

/// About a tenth of a worker's weight, so that what serves keeps its cores.
const NICENESS: i32 = 15;

/// A version to load, and what that needs.
pub(super) struct Job {
    pub(super) listing: Listing,
    pub(super) key: Key,
    pub(super) store: Arc<dyn Store>,
    pub(super) load: Arc<Load>,
    pub(super) life: Life,
    /// One permit for each load at a time.
    pub(super) permits: Arc<Semaphore>,
    pub(super) pace: Pace,
    /// The bundle of this version that is live already.
    pub(super) known: Option<Digest>,
    pub(super) fetch_limit: Duration,
}

/// How a load ended.
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) key: Key,
    pub(super) life: Life,
    pub(super) started: Instant,
    pub(super) result: Result<Loaded, LoadError>,
}

/// What a load gave.
pub(super) enum Loaded {
    /// A version, whose threads are not started.
    Opened(Box<Opened>),
    /// The files were written anew and are the same.
    Unchanged,
}

impl Job {
    /// Fetches, then verifies, opens and warms when its turn has come.
    pub(super) async fn run(self) -> Ended {
        let started = Instant::now();
        let fetched = fetch(&self.store, &self.listing, self.fetch_limit).await;
        let Self {
            store,
            listing,
            key,
            load,
            life,
            permits,
            pace,
            known,
            ..
        } = self;
        let name = listing.name.clone();
        let ended = |life, result| Ended {
            name,
            key,
            life,
            started,
            result,
        };
        let files = match fetched {
            Ok(files) => files,
            Err(error) => return ended(life, Err(error)),
        };
        // Nobody closes the semaphore.
        let _permit = permits.acquire_owned().await;
        let life = Arc::new(life);
        let told = Arc::clone(&life);
        let niceness = match pace {
            Pace::Soonest | Pace::Together => 0,
            Pace::Awaited => NICENESS_OF_WORKERS,
            Pace::OneByOne if load.has_session_threads => NICENESS_OF_WORKERS,
            Pace::OneByOne => NICENESS,
        };
        let opening = on_own_thread("load", niceness, move |_| {
            let bundle = verify(&load, (&listing, files), &*store, &told)?;
            open(&load, bundle, (pace, known), &told)
        });
        let result = match opening {
            Ok(opening) => opening.await.unwrap_or(Err(LoadError::Panicked)),
            Err(error) => Err(error.into()),
        };
        // The thread has let go of its own.
        match Arc::into_inner(life) {
            Some(life) => ended(life, result),
            None => unreachable!("the thread that loaded has ended"),
        }
    }
}

/// The files of a version, read on a thread of their own, for a directory blocks its reader.
async fn fetch(
    store: &Arc<dyn Store>,
    listing: &Listing,
    limit: Duration,
) -> Result<BundleFiles, LoadError> {
    let (store, listing) = (Arc::clone(store), listing.clone());
    let fetching = on_own_thread("fetch", 0, move |runtime| {
        runtime.block_on(async { timeout(limit, store.fetch(&listing)).await })
    })?;
    match timeout(limit, fetching).await {
        Ok(Ok(Ok(fetched))) => Ok(fetched?),
        Ok(Ok(Err(_elapsed))) | Err(_elapsed) => Err(LoadError::Slow(limit)),
        Ok(Err(_panic)) => Err(LoadError::Panicked),
    }
}

fn verify(
    load: &Load,
    (listing, files): (&Listing, BundleFiles),
    store: &dyn Store,
    life: &Life,
) -> Result<Bundle, LoadError> {
    life.set(VersionState::Verifying);
    let own = store.own(listing);
    let bundle = load.verify((listing, &own), files, store.names_models())?;
    life.verified(bundle.digest);
    Ok(bundle)
}

fn open(
    load: &Load,
    bundle: Bundle,
    (pace, known): (Pace, Option<Digest>),
    life: &Life,
) -> Result<Loaded, LoadError> {
    if known == Some(bundle.digest) {
        return Ok(Loaded::Unchanged);
    }
    life.set(VersionState::Loading);
    let warming = || life.set(VersionState::Warming);
    Ok(Loaded::Opened(Box::new(load.open(bundle, pace, &warming)?)))
}

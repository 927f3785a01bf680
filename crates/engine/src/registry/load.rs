//! From the files of a bundle to a model that serves.

mod error;
mod opened;

pub use error::LoadError;
pub(super) use opened::{Opened, Pace};

use std::sync::Arc;
use std::time::Instant;

use futures_executor::block_on;

use crate::EngineConfig;
use crate::metrics::EngineMetrics;
use crate::registry::{LiveModel, ModelState, Registry};
use almanac_model::{Bundle, BundleFiles, Forecaster};
use almanac_store::{Listing, Store, StoreError, by_version};

/// Reads a verified bundle's graph, of which sessions are then opened. The registry is given one, so
/// that it knows no runtime.
pub type Opener = dyn Fn(&Arc<Bundle>) -> Result<Arc<Sessions>, OpenError> + Send + Sync;

/// Opens one more session of a graph, which shares with the others what it can.
pub type Sessions = dyn Fn() -> Result<Box<dyn Forecaster>, OpenError> + Send + Sync;

/// Why a graph cannot be opened.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// Makes a bundle of the files of a version: verifies them, or writes a manifest for a graph that
/// says itself what it wants.
pub type Reader = dyn Fn(&Listing, BundleFiles) -> Result<Bundle, OpenError> + Send + Sync;

/// What every load needs.
pub struct Load {
    /// Reads bundles.
    pub reader: Box<Reader>,
    /// Opens graphs.
    pub opener: Box<Opener>,
    /// Sessions of each model, each with a thread of its own.
    pub workers: usize,
    /// Whether a session has threads beside that one.
    pub has_session_threads: bool,
    /// Bounds of each engine.
    pub engine: EngineConfig,
    /// Where engines count.
    pub metrics: EngineMetrics,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Load")
            .field("workers", &self.workers)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Load {
    /// Loads the newest version of every model in `store`, which is called `source`, and records how
    /// each fares.
    ///
    /// A model that a former source already serves is left as it is, so the order of sources is
    /// their precedence.
    ///
    /// # Errors
    /// [`StoreError`] when the source itself cannot be read.
    pub fn all(
        &self,
        store: &dyn Store,
        source: &str,
        registry: &Registry,
    ) -> Result<(), StoreError> {
        let mut listings = block_on(store.list())?;
        listings.sort_by(|left, right| {
            let newest_first = by_version(&right.version, &left.version);
            left.name.cmp(&right.name).then(newest_first)
        });
        listings.dedup_by(|later, first| later.name == first.name);
        for listing in listings {
            if registry.resolve(Some(&listing.name)).is_ok() {
                continue;
            }
            let (name, version) = (&listing.name, &listing.version);
            registry.set(name, ModelState::Loading);
            match self.one(store, &listing, source) {
                Ok(live) => {
                    tracing::info!(
                        model = %name,
                        %version,
                        source,
                        digest = %live.digest,
                        duration_seconds = live.load_duration.as_secs_f64(),
                        "model ready"
                    );
                    registry.set(name, ModelState::Ready(Arc::new(live)));
                }
                Err(error) => {
                    let reason = error.to_string();
                    tracing::error!(model = %name, %version, source, %reason, "model failed to load");
                    registry.set(name, ModelState::Failed { reason });
                }
            }
        }
        Ok(())
    }

    /// Verifies, opens and warms one model version.
    ///
    /// # Errors
    /// [`LoadError`] of the first check that fails.
    pub fn one(
        &self,
        store: &dyn Store,
        listing: &Listing,
        source: &str,
    ) -> Result<LiveModel, LoadError> {
        let started = Instant::now();
        let files = block_on(store.fetch(listing))?;
        let own = store.own(listing);
        let bundle = self.verify((listing, &own), files, store.names_models())?;
        let opened = self.open(bundle, Pace::Together, &|| ())?;
        self.start(opened, source, started)
    }

    /// The bundle that `files` are, if they are the one that was `listing`ed, which they themselves
    /// call `own`. It takes the name of its listing when its store `names_models`.
    ///
    /// # Errors
    /// [`LoadError`] of the first check that fails.
    pub(super) fn verify(
        &self,
        (listing, own): (&Listing, &Listing),
        files: BundleFiles,
        names_models: bool,
    ) -> Result<Bundle, LoadError> {
        let mut bundle = (self.reader)(own, files).map_err(LoadError::Bundle)?;
        if names_models {
            bundle.manifest.name.clone_from(&listing.name);
            bundle.manifest.version.clone_from(&listing.version);
        }
        let manifest = &bundle.manifest;
        if (&manifest.name, &manifest.version) != (&listing.name, &listing.version) {
            return Err(LoadError::Misplaced {
                manifest: format!("{}/{}", manifest.name, manifest.version),
                folder: format!("{}/{}", listing.name, listing.version),
            });
        }
        Ok(bundle)
    }

    /// About how much memory a version of so many bytes takes.
    pub(super) fn memory_of(&self, graph_bytes: usize) -> usize {
        size_of(graph_bytes, self.workers)
    }

    /// Opens and checks sessions of `bundle` at `pace`. Calls `warming` when the first checks begin.
    ///
    /// # Errors
    /// [`LoadError`] of the first session that cannot be opened, or that fails the golden forecasts.
    pub(super) fn open(
        &self,
        bundle: Bundle,
        pace: Pace,
        warming: &(dyn Fn() + Sync),
    ) -> Result<Opened, LoadError> {
        Opened::open(&self.opener, bundle, (self.workers, pace), warming)
    }

    /// Starts the threads of what was opened, of a load that began at `started`.
    ///
    /// # Errors
    /// [`LoadError::Thread`].
    pub(super) fn start(
        &self,
        opened: Opened,
        source: &str,
        started: Instant,
    ) -> Result<LiveModel, LoadError> {
        let bundle = &opened.bundle;
        let beside: usize = bundle.external.values().map(|file| file.len()).sum();
        let size_bytes = self.memory_of(bundle.model.len() + beside);
        let digest = bundle.digest;
        let engine = opened.start(self.engine, &self.metrics)?;
        let mut live = LiveModel::new(engine, digest, source);
        live.load_duration = started.elapsed();
        live.size_bytes = size_bytes;
        Ok(live)
    }
}

/// About what a version takes of memory once it has had large batches. Its sessions share the weights,
/// of which the runtime keeps a copy and one that it packed, and each has an arena for what it computes.
/// That is small for trees and perceptrons and more than twice the graph where there is attention, so
/// this is right within a factor of two: `docs/performance.md` has what was measured.
fn size_of(graph_bytes: usize, workers: usize) -> usize {
    const MEBIBYTE: usize = 1_024 * 1_024;
    let arena = 3 * MEBIBYTE / 2 + graph_bytes.min(16 * MEBIBYTE);
    2 * graph_bytes + workers * arena
}

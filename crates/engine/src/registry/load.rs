//! Loading a model version: from the files of a bundle to a running engine.

mod error;
mod opened;

pub use error::LoadError;
pub(super) use opened::{OpenMode, OpenedVersion};

use std::sync::Arc;
use std::time::Instant;

use almanac_model::{Bundle, BundleFiles, Forecaster};
use almanac_store::{Listing, Store, StoreError, compare_versions};
use futures_executor::block_on;

use crate::config::EngineConfig;
use crate::metrics::EngineMetrics;
use crate::registry::{LiveModel, ModelState, Registry};

/// Reads the graph of a verified bundle, and returns the function that opens sessions of it. Passed in, so
/// that the registry does not depend on a runtime.
pub type GraphOpener = dyn Fn(&Arc<Bundle>) -> Result<Arc<Sessions>, OpenError> + Send + Sync;

/// Opens another session of a graph. The sessions share as much as possible.
pub type Sessions = dyn Fn() -> Result<Box<dyn Forecaster>, OpenError> + Send + Sync;

/// The error returned when a graph cannot be opened.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// Creates a bundle from the files of a version: verifies them, or writes a manifest for a graph that
/// describes its own inputs.
pub type BundleReader = dyn Fn(&Listing, BundleFiles) -> Result<Bundle, OpenError> + Send + Sync;

/// Loads model versions.
pub struct Load {
    /// Reads bundles.
    pub reader: Box<BundleReader>,
    /// Opens graphs.
    pub opener: Box<GraphOpener>,
    /// The number of sessions of each model, each with a worker thread.
    pub workers: usize,
    /// If true, a session has threads in addition to the worker thread.
    pub has_session_threads: bool,
    /// The limits of each engine.
    pub engine: EngineConfig,
    /// The metrics of the engines.
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
    /// Loads the newest version of every model in `store`, and sets the state of each model in
    /// `registry`. `source` is the name of the store.
    ///
    /// A model that already serves is skipped, so the order of the sources is their precedence.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be listed.
    pub fn all(
        &self,
        store: &dyn Store,
        source: &str,
        registry: &Registry,
    ) -> Result<(), StoreError> {
        let mut listings = block_on(store.list())?;
        listings.sort_by(|left, right| {
            let newest_first = compare_versions(&right.version, &left.version);
            left.name.cmp(&right.name).then(newest_first)
        });
        listings.dedup_by(|older, newest| older.name == newest.name);
        for listing in listings {
            if registry.resolve(Some(&listing.name)).is_ok() {
                continue;
            }
            let (name, version) = (&listing.name, &listing.version);
            registry.set(name, ModelState::Loading);
            match self.load(store, &listing, source) {
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

    /// Verifies, opens and warms up one model version.
    ///
    /// # Errors
    /// The [`LoadError`] of the first check that fails.
    pub fn load(
        &self,
        store: &dyn Store,
        listing: &Listing,
        source: &str,
    ) -> Result<LiveModel, LoadError> {
        let started = Instant::now();
        let files = block_on(store.fetch(listing))?;
        let bundle = self.verify(store, listing, files)?;
        let opened = self.open(bundle, OpenMode::Parallel, &|| ())?;
        self.start(opened, source, started)
    }

    /// Verifies the files of `listing` in `store`, and returns their bundle. The bundle takes the name and
    /// the version of its listing if the store names models.
    ///
    /// # Errors
    /// The [`LoadError`] of the first check that fails.
    pub(super) fn verify(
        &self,
        store: &dyn Store,
        listing: &Listing,
        files: BundleFiles,
    ) -> Result<Bundle, LoadError> {
        let own = store.own(listing);
        let mut bundle = (self.reader)(&own, files).map_err(LoadError::Bundle)?;
        if store.has_authoritative_names() {
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

    /// Estimates the memory that a version needs whose files have `bundle_bytes`.
    pub(super) fn memory_of(&self, bundle_bytes: usize) -> usize {
        estimate_memory(bundle_bytes, self.workers)
    }

    /// Opens and checks sessions of `bundle`. Calls `warming` when the first golden forecasts begin.
    ///
    /// # Errors
    /// The [`LoadError`] of the first session that cannot be opened, or that fails the golden forecasts.
    pub(super) fn open(
        &self,
        bundle: Bundle,
        mode: OpenMode,
        warming: &(dyn Fn() + Sync),
    ) -> Result<OpenedVersion, LoadError> {
        OpenedVersion::open(&self.opener, bundle, self.workers, mode, warming)
    }

    /// Starts the threads of an opened version, whose load began at `started`.
    ///
    /// # Errors
    /// [`LoadError::Thread`] if a thread cannot be started.
    pub(super) fn start(
        &self,
        opened: OpenedVersion,
        source: &str,
        started: Instant,
    ) -> Result<LiveModel, LoadError> {
        let bundle = &opened.bundle;
        let external_bytes: usize = bundle.external.values().map(|file| file.len()).sum();
        let size_bytes = self.memory_of(bundle.model.len() + external_bytes);
        let digest = bundle.digest;
        let engine = opened.start(self.engine, &self.metrics)?;
        let mut live = LiveModel::new(engine, digest, source);
        live.load_duration = started.elapsed();
        live.size_bytes = size_bytes;
        Ok(live)
    }
}

/// Estimates the memory that a version needs after it has processed large batches.
///
/// The sessions share the weights, of which the runtime keeps a copy and a packed copy. Each session has an
/// arena for intermediate results, which is small for trees and perceptrons and more than twice the graph
/// for attention. The estimate is therefore correct within a factor of two; `docs/performance.md` lists the
/// measurements.
fn estimate_memory(graph_bytes: usize, workers: usize) -> usize {
    const MEBIBYTE: usize = 1_024 * 1_024;
    let arena = 3 * MEBIBYTE / 2 + graph_bytes.min(16 * MEBIBYTE);
    2 * graph_bytes + workers * arena
}

//! From the files of a bundle to a model that serves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use futures_executor::block_on;
use thiserror::Error;

use crate::engine::metrics::EngineMetrics;
use crate::engine::{Engine, EngineConfig};
use crate::model::{Bundle, BundleFiles, Forecaster, GoldenError};
use crate::registry::{LiveModel, ModelState, Registry};
use crate::store::{Listing, Source, Store, StoreError, StoreOptions, by_version};

/// Reads a verified bundle's graph, of which sessions are then opened. The registry is given one, so
/// that it knows no runtime.
pub type Opener = dyn for<'a> Fn(&'a Bundle) -> Result<Box<Sessions<'a>>, OpenError> + Send + Sync;

/// Opens one more session of a graph, which shares with the others what it can.
pub type Sessions<'a> = dyn Fn() -> Result<Box<dyn Forecaster>, OpenError> + Send + Sync + 'a;

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
    /// Bounds of each engine.
    pub engine: EngineConfig,
    /// Where engines count.
    pub metrics: EngineMetrics,
    /// How sources are opened.
    pub sources: StoreOptions,
}

/// Why a model version does not serve.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Its files cannot be read.
    #[error("cannot read the bundle: {0}")]
    Unreadable(#[from] StoreError),
    /// Its files are not a bundle.
    #[error("{0}")]
    Bundle(#[source] OpenError),
    /// The manifest names another model than the folder does.
    #[error("manifest.toml is of {manifest}, and the folder is {folder}")]
    Misplaced {
        /// Name and version in the manifest.
        manifest: String,
        /// Name and version of the folder.
        folder: String,
    },
    /// Its graph cannot be opened.
    #[error("{0}")]
    Open(#[source] OpenError),
    /// Opening or running its graph panicked.
    #[error("the model panicked while it was opened and checked")]
    Panicked,
    /// Its graph gives other forecasts than the bundle says.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// A worker thread cannot be started.
    #[error("cannot start a worker thread: {0}")]
    Thread(#[from] std::io::Error),
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
    /// Loads the newest version of every model in `source` and records how each fares.
    ///
    /// A model that a former source already serves is left as it is, so the order of sources is
    /// their precedence.
    ///
    /// # Errors
    /// [`StoreError`] when the source itself cannot be read.
    pub fn all(&self, source: &Source, registry: &Registry) -> Result<(), StoreError> {
        let store = source.open(&self.sources)?;
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
            match self.one(store.as_ref(), &listing, source) {
                Ok(live) => {
                    tracing::info!(
                        model = %name,
                        %version,
                        %source,
                        digest = %live.digest,
                        duration_seconds = live.load_duration.as_secs_f64(),
                        "model ready"
                    );
                    registry.set(name, ModelState::Ready(Arc::new(live)));
                }
                Err(error) => {
                    let reason = error.to_string();
                    tracing::error!(model = %name, %version, %source, %reason, "model failed to load");
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
        source: &Source,
    ) -> Result<LiveModel, LoadError> {
        let started = Instant::now();
        let files = block_on(store.fetch(listing))?;
        let mut bundle = (self.reader)(listing, files).map_err(LoadError::Bundle)?;
        if store.names_models() {
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
        let forecasters = self.open_all(&bundle)?;
        let metrics = self.metrics.of(&manifest.name);
        let engine = Engine::start(
            Arc::new(manifest.clone()),
            forecasters,
            self.engine,
            metrics,
        )?;
        Ok(LiveModel {
            digest: bundle.digest,
            source: source.to_string(),
            load_duration: started.elapsed(),
            engine,
        })
    }

    /// A forecaster for each worker, opened side by side, each checked and thereby warm.
    fn open_all(&self, bundle: &Bundle) -> Result<Vec<Box<dyn Forecaster>>, LoadError> {
        let sessions = catch_unwind(AssertUnwindSafe(|| (self.opener)(bundle)))
            .map_err(|_panic| LoadError::Panicked)?
            .map_err(LoadError::Open)?;
        let opened: Vec<_> = std::thread::scope(|scope| {
            let opening: Vec<_> = (0..self.workers)
                .map(|_| scope.spawn(|| open(&sessions, bundle)))
                .collect();
            // Every thread is joined before the first failure is looked at: a scope hands on the
            // panic of one that was not.
            opening
                .into_iter()
                .map(|opened| opened.join().unwrap_or(Err(LoadError::Panicked)))
                .collect()
        });
        opened.into_iter().collect()
    }
}

fn open(sessions: &Sessions<'_>, bundle: &Bundle) -> Result<Box<dyn Forecaster>, LoadError> {
    let mut forecaster = sessions().map_err(LoadError::Open)?;
    bundle.check(forecaster.as_mut())?;
    Ok(forecaster)
}

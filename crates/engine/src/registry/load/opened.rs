//! Opening the sessions of a version: those that it needs to serve, and the remaining ones afterwards.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use almanac_model::{Bundle, Forecaster};

use crate::config::EngineConfig;
use crate::metrics::EngineMetrics;
use crate::registry::load::{GraphOpener, LoadError, Sessions};
use crate::registry::thread::{WORKER_NICENESS, lower_priority};
use crate::{Engine, WorkerSpawner};

/// The order in which the sessions of a version are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum OpenMode {
    /// One session, and the others once the version serves. Used while no other version serves.
    FirstOnly,
    /// All sessions in parallel. Used by callers that need no thread to continue afterwards.
    Parallel,
    /// One session after another, so that the versions that serve keep their cores.
    Sequential,
    /// One session after another, at a higher priority, for a caller that waits.
    SequentialAwaited,
}

/// A version whose sessions are open and checked, and whose threads have not been started.
pub(in crate::registry) struct OpenedVersion {
    pub(super) bundle: Arc<Bundle>,
    sessions: Arc<Sessions>,
    forecasters: Vec<Box<dyn Forecaster>>,
    /// The number of sessions to open once the version serves.
    remaining: usize,
}

impl OpenedVersion {
    /// Opens the sessions that `mode` requires before the version serves, and checks each of them, which
    /// also warms it up. Calls `warming` when the first golden forecasts begin.
    ///
    /// # Errors
    /// The [`LoadError`] of the first session that cannot be opened, or that fails the golden forecasts.
    pub(super) fn open(
        opener: &GraphOpener,
        bundle: Bundle,
        workers: usize,
        mode: OpenMode,
        warming: &(dyn Fn() + Sync),
    ) -> Result<Self, LoadError> {
        let bundle = Arc::new(bundle);
        let sessions = catch_unwind(AssertUnwindSafe(|| opener(&bundle)))
            .map_err(|_panic| LoadError::Panicked)?
            .map_err(LoadError::Open)?;
        let open = || open_session(&*sessions, &bundle, warming);
        let forecasters = match mode {
            OpenMode::FirstOnly => (0..workers.min(1))
                .map(|_| open())
                .collect::<Result<Vec<_>, _>>()?,
            OpenMode::Parallel => run_in_parallel(workers, open)
                .into_iter()
                .collect::<Result<_, _>>()?,
            OpenMode::Sequential | OpenMode::SequentialAwaited => {
                (0..workers).map(|_| open()).collect::<Result<_, _>>()?
            }
        };
        Ok(Self {
            remaining: workers - forecasters.len(),
            forecasters,
            bundle,
            sessions,
        })
    }

    /// Starts the threads, and opens the remaining sessions in the background.
    ///
    /// # Errors
    /// [`LoadError::Thread`] if a thread cannot be started.
    pub(super) fn start(
        self,
        config: EngineConfig,
        metrics: &EngineMetrics,
    ) -> Result<Engine, LoadError> {
        let Self {
            bundle,
            sessions,
            forecasters,
            remaining,
        } = self;
        let metrics = metrics.of(&bundle.manifest.name);
        let manifest = Arc::new(bundle.manifest.clone());
        let mut engine = Engine::start(manifest, forecasters, config, metrics)?;
        if remaining > 0 {
            let spawner = engine.reserve_workers(remaining);
            std::thread::Builder::new()
                .name("load".to_owned())
                .spawn(move || open_remaining(&spawner, &*sessions, &bundle, remaining))?;
        }
        Ok(engine)
    }
}

/// Opens the remaining sessions of an engine in parallel, at the priority of its workers.
///
/// One session of the graph was opened and checked before. A session that fails is therefore logged and not
/// retried: the engine serves with the workers that it has.
fn open_remaining(spawner: &WorkerSpawner, sessions: &Sessions, bundle: &Bundle, remaining: usize) {
    lower_priority(WORKER_NICENESS);
    run_in_parallel(remaining, || {
        let started = open_session(sessions, bundle, &|| ())
            .and_then(|forecaster| Ok(spawner.join(forecaster)?));
        if let Err(error) = started {
            let (model, version) = (&bundle.manifest.name, &bundle.manifest.version);
            tracing::error!(%model, %version, %error, "worker failed to start");
        }
    });
}

/// Runs `work` on `count` threads, and returns the results. A panic of a thread is resumed.
fn run_in_parallel<T: Send>(count: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// Opens a session and checks its golden forecasts.
fn open_session(
    sessions: &Sessions,
    bundle: &Bundle,
    warming: &(dyn Fn() + Sync),
) -> Result<Box<dyn Forecaster>, LoadError> {
    let open = || {
        let mut forecaster = sessions().map_err(LoadError::Open)?;
        warming();
        bundle.check(forecaster.as_mut())?;
        Ok(forecaster)
    };
    catch_unwind(AssertUnwindSafe(open)).unwrap_or(Err(LoadError::Panicked))
}

//! The sessions of a version: how many are opened before it serves, and how the others follow.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use crate::metrics::EngineMetrics;
use crate::registry::load::{LoadError, Opener, Sessions};
use crate::registry::thread::{NICENESS_OF_WORKERS, yield_by};
use crate::{Crew, Engine, EngineConfig};
use almanac_model::{Bundle, Forecaster};

/// How the sessions of a version are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Pace {
    /// One, and the others when it serves: while nothing else does.
    Soonest,
    /// All at once: the same, for a caller who wants no thread to go on behind it.
    Together,
    /// One after the other, so that what serves keeps its cores.
    OneByOne,
    /// The same, with more weight, for a caller who waits.
    Awaited,
}

/// A version with sessions that are open and checked, before its threads.
pub(in crate::registry) struct Opened {
    pub(super) bundle: Arc<Bundle>,
    sessions: Arc<Sessions>,
    forecasters: Vec<Box<dyn Forecaster>>,
    /// Sessions that are opened when these serve.
    to_come: usize,
}

impl Opened {
    /// Opens what `pace` says of the sessions for `workers`, and checks each, which thereby is warm.
    /// Calls `warming` when the first checks begin.
    ///
    /// # Errors
    /// [`LoadError`] of the first session that cannot be opened, or that fails the golden forecasts.
    pub(super) fn open(
        opener: &Opener,
        bundle: Bundle,
        (workers, pace): (usize, Pace),
        warming: &(dyn Fn() + Sync),
    ) -> Result<Self, LoadError> {
        let bundle = Arc::new(bundle);
        let sessions = catch_unwind(AssertUnwindSafe(|| opener(&bundle)))
            .map_err(|_panic| LoadError::Panicked)?
            .map_err(LoadError::Open)?;
        let open = || open_one(&*sessions, &bundle, warming);
        let forecasters: Result<Vec<_>, _> = match pace {
            Pace::Soonest => (0..workers.min(1)).map(|_| open()).collect(),
            Pace::Together => side_by_side(workers, open).into_iter().collect(),
            Pace::OneByOne | Pace::Awaited => (0..workers).map(|_| open()).collect(),
        };
        let forecasters = forecasters?;
        Ok(Self {
            to_come: workers - forecasters.len(),
            forecasters,
            bundle,
            sessions,
        })
    }

    /// Starts the threads, and has the sessions that are to come opened beside them.
    ///
    /// # Errors
    /// [`LoadError::Thread`].
    pub(super) fn start(
        self,
        config: EngineConfig,
        metrics: &EngineMetrics,
    ) -> Result<Engine, LoadError> {
        let Self {
            bundle,
            sessions,
            forecasters,
            to_come,
        } = self;
        let metrics = metrics.of(&bundle.manifest.name);
        let manifest = Arc::new(bundle.manifest.clone());
        let mut engine = Engine::start(manifest, forecasters, config, metrics)?;
        if to_come > 0 {
            let crew = engine.expect(to_come);
            std::thread::Builder::new()
                .name("load".to_owned())
                .spawn(move || complete(&crew, (&*sessions, &bundle), to_come))?;
        }
        Ok(engine)
    }
}

/// Opens the sessions that an engine still lacks, side by side, with the weight of its workers.
///
/// Each is of a graph of which one session was opened and checked, so one that fails is told and not
/// tried again: the engine serves with the workers that it has.
fn complete(crew: &Crew, (sessions, bundle): (&Sessions, &Bundle), to_come: usize) {
    yield_by(NICENESS_OF_WORKERS);
    side_by_side(to_come, || {
        let opened = open_one(sessions, bundle, &|| ());
        let joined = opened.and_then(|forecaster| Ok(crew.join(forecaster)?));
        if let Err(error) = joined {
            let (model, version) = (&bundle.manifest.name, &bundle.manifest.version);
            tracing::error!(%model, %version, %error, "a worker is missing");
        }
    });
}

/// What `work` gives in each of `count` threads, which do not panic.
fn side_by_side<T: Send>(count: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        let ended = started.into_iter().map(ScopedJoinHandle::join);
        ended
            .map(|given| given.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn open_one(
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

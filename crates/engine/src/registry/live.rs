//! A model version that serves.

use std::sync::Arc;
use std::time::Duration;

use crate::registry::record::{Life, VersionState};
use crate::registry::usage::Usage;
use crate::{Engine, EngineError, Outcomes, SeriesFailure, Timing};
use almanac_model::{Digest, Manifest};

/// A model version that serves. Its threads end, and its memory is given back, when the last request
/// that holds it has its answer.
#[derive(Debug)]
pub struct LiveModel {
    /// Digest of its bundle.
    pub digest: Digest,
    /// The source it came from.
    pub source: String,
    /// From its files to ready.
    pub load_duration: Duration,
    /// What runs it.
    pub engine: Engine,
    /// About how much memory it takes.
    pub size_bytes: usize,
    /// What it was asked.
    pub usage: Arc<Usage>,
    /// Last, so that the version is gone when its engine is.
    life: Option<Life>,
}

impl LiveModel {
    /// The version that `engine` runs, which came from `source` and of which no record is kept.
    #[must_use]
    pub fn new(engine: Engine, digest: Digest, source: &str) -> Self {
        Self {
            digest,
            source: source.to_owned(),
            load_duration: Duration::ZERO,
            engine,
            size_bytes: 0,
            usage: Arc::default(),
            life: None,
        }
    }

    /// This version, whose record `life` writes.
    #[must_use]
    pub fn with_life(mut self, life: Life) -> Self {
        life.ready(self.digest, self.load_duration);
        self.usage = life.usage();
        self.life = Some(life);
        self
    }

    /// What it wants and gives.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.engine.manifest()
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest().version
    }

    /// Says where it stands.
    pub(super) fn stands(&self, state: VersionState) {
        if let Some(life) = &self.life {
            life.set(state);
        }
    }

    /// Counts a request that it answered or had no time for. A series that the model cannot take is
    /// the caller's fault and no error of the model.
    pub fn answered(&self, answer: &Result<(Outcomes, Timing), EngineError>) {
        match answer {
            Ok((outcomes, timing)) => {
                let is_error = outcomes.iter().any(|outcome| match outcome {
                    Ok(_) | Err(SeriesFailure::Unfit(_)) => false,
                    Err(SeriesFailure::Row(_) | SeriesFailure::Model(_)) => true,
                });
                self.usage.answered(timing.inference, is_error);
            }
            Err(EngineError::DeadlineExceeded) => self.usage.late(),
        }
    }
}

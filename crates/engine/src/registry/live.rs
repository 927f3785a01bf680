//! A model version in memory.

use std::sync::Arc;
use std::time::Duration;

use almanac_model::{Digest, Manifest};

use crate::Engine;
use crate::error::EngineError;
use crate::outcome::{Outcomes, SeriesFailure, Timing};
use crate::registry::record::VersionRecorder;
use crate::registry::state::VersionState;
use crate::registry::usage::Usage;

/// A model version that serves requests. Its threads end, and its memory is freed, when the last request
/// that holds it has been answered.
#[derive(Debug)]
pub struct LiveModel {
    /// The digest of the bundle.
    pub digest: Digest,
    /// The name of the source.
    pub source: String,
    /// The time from the fetched files to ready.
    pub load_duration: Duration,
    /// The engine that runs the version.
    pub engine: Engine,
    /// The estimated memory use, in bytes.
    pub size_bytes: usize,
    /// The requests that the version answered.
    pub usage: Arc<Usage>,
    /// The last field, so that the version is recorded as gone after its engine was dropped.
    recorder: Option<VersionRecorder>,
}

impl LiveModel {
    /// Creates the version that `engine` runs, which came from `source` and has no record.
    #[must_use]
    pub fn new(engine: Engine, digest: Digest, source: &str) -> Self {
        Self {
            digest,
            source: source.to_owned(),
            load_duration: Duration::ZERO,
            engine,
            size_bytes: 0,
            usage: Arc::default(),
            recorder: None,
        }
    }

    /// Records the version as ready, and its further states with `recorder`.
    #[must_use]
    pub fn with_recorder(mut self, recorder: VersionRecorder) -> Self {
        recorder.ready(self.digest, self.load_duration);
        self.usage = recorder.usage();
        self.recorder = Some(recorder);
        self
    }

    /// Returns the manifest of the version.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.engine.manifest()
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest().version
    }

    /// Records the state of the version.
    pub(super) fn record_state(&self, state: VersionState) {
        if let Some(recorder) = &self.recorder {
            recorder.set(state);
        }
    }

    /// Counts a request that the version answered, or did not answer in time. A series that the model does
    /// not support is an error of the caller, and not counted as an error of the model.
    pub fn answered(&self, answer: &Result<(Outcomes, Timing), EngineError>) {
        match answer {
            Ok((outcomes, timing)) => {
                let is_error = outcomes.iter().any(|outcome| match outcome {
                    Ok(_) | Err(SeriesFailure::Unfit(_)) => false,
                    Err(SeriesFailure::Row(_) | SeriesFailure::Model(_)) => true,
                });
                self.usage.record_answer(timing.inference, is_error);
            }
            Err(EngineError::DeadlineExceeded) => self.usage.record_timeout(),
        }
    }
}

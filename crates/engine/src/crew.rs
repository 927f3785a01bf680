//! How workers join an engine.

use std::sync::Arc;

use tokio::sync::watch;

use crate::metrics::ModelMetrics;
use crate::queue::Queue;
use crate::worker::Worker;
use almanac_model::{Forecaster, Manifest};

/// What takes the workers of one engine, those of its start and those that join later.
#[derive(Debug)]
pub struct Crew {
    pub(super) manifest: Arc<Manifest>,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: ModelMetrics,
    /// The engine has not ended before this is dropped.
    pub(super) running: watch::Receiver<()>,
}

impl Crew {
    /// Starts a worker thread for `forecaster`, which must be of the version that the engine serves.
    /// Once the engine has been dropped it ends at once.
    ///
    /// # Errors
    /// The system's, when a thread cannot be started.
    pub fn join(&self, forecaster: Box<dyn Forecaster>) -> std::io::Result<()> {
        let idx = self.queue.join(forecaster.stop());
        let worker = Worker {
            idx,
            forecaster,
            manifest: Arc::clone(&self.manifest),
            queue: Arc::clone(&self.queue),
            metrics: self.metrics.clone(),
            _running: self.running.clone(),
        };
        let name = format!("{}-{idx}", self.manifest.name);
        std::thread::Builder::new()
            .name(name)
            .spawn(move || worker.run())?;
        Ok(())
    }
}

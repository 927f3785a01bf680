//! Adding workers to an engine.

use std::sync::Arc;

use almanac_model::{Forecaster, Manifest};
use tokio::sync::watch;

use crate::metrics::ModelMetrics;
use crate::queue::Queue;
use crate::worker::Worker;

/// Starts the workers of one engine, at its start and later.
#[derive(Debug)]
pub struct WorkerSpawner {
    pub(super) manifest: Arc<Manifest>,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: ModelMetrics,
    /// Delays [`Threads::ended`](crate::Threads::ended) until this is dropped.
    pub(super) running: watch::Receiver<()>,
}

impl WorkerSpawner {
    /// Starts a worker thread for `forecaster`, which must be of the version that the engine serves.
    /// If the engine has been dropped, the thread ends immediately.
    ///
    /// # Errors
    /// The error of the system if a thread cannot be started.
    pub fn join(&self, forecaster: Box<dyn Forecaster>) -> std::io::Result<()> {
        let index = self.queue.add_worker(forecaster.stop());
        let worker = Worker {
            index,
            forecaster,
            manifest: Arc::clone(&self.manifest),
            queue: Arc::clone(&self.queue),
            metrics: self.metrics.clone(),
            _running: self.running.clone(),
        };
        std::thread::Builder::new()
            .name(format!("{}-{index}", self.manifest.name))
            .spawn(move || worker.run())?;
        Ok(())
    }
}

//! The inference engine of a model version, and the registry of live models.
//!
//! One engine serves one model version. Requests wait in one queue whose size is limited in steps. Each
//! worker is an OS thread that owns a [`Forecaster`] and takes a batch from the queue as soon as it is
//! free. There is no batching window: an idle engine adds no delay, and a busy engine forms batches
//! because requests accumulate.

pub mod batcher;
mod config;
mod error;
pub mod metrics;
mod outcome;
pub mod pace;
mod queue;
pub mod registry;
mod saturation;
mod spawner;
mod submission;
mod terms;
mod ticket;
mod worker;

pub use batcher::Priority;
pub use config::EngineConfig;
pub use error::{EngineError, SubmitError};
pub use outcome::{Outcomes, SeriesFailure, SeriesOutcome, Timing};
pub use saturation::Saturation;
pub use spawner::WorkerSpawner;
pub use submission::Submission;
pub use terms::Terms;

use std::sync::Arc;

use almanac_forecast::ForecastRequest;
use almanac_model::{Forecaster, Manifest};
use tokio::sync::watch;

use crate::batcher::RowShape;
use crate::metrics::ModelMetrics;
use crate::queue::{Queue, QueuedRow};
use crate::ticket::Ticket;

/// The queue and the workers of one model version.
#[derive(Debug)]
pub struct Engine {
    manifest: Arc<Manifest>,
    queue: Arc<Queue>,
    metrics: ModelMetrics,
    workers: usize,
    batch_steps: usize,
    threads: Threads,
}

/// A handle to the worker threads of an engine.
#[derive(Clone, Debug)]
pub struct Threads(Arc<watch::Sender<()>>);

/// A request that the model supports, with its position in the submission.
struct FitRequest {
    position: usize,
    shape: RowShape,
    request: ForecastRequest,
}

impl Engine {
    /// Starts one worker thread for each of `forecasters`, which must be of the same version.
    ///
    /// # Errors
    /// The error of the system if a thread cannot be started.
    pub fn start(
        manifest: Arc<Manifest>,
        forecasters: Vec<Box<dyn Forecaster>>,
        config: EngineConfig,
        metrics: ModelMetrics,
    ) -> std::io::Result<Self> {
        // Created before the threads: if one of them cannot be started, dropping it ends the others.
        let mut engine = Self {
            threads: Threads(Arc::new(watch::Sender::new(()))),
            manifest,
            queue: Arc::new(Queue::new(config, metrics.clone())),
            metrics,
            workers: 0,
            batch_steps: config.batch_steps,
        };
        let spawner = engine.reserve_workers(forecasters.len());
        for forecaster in forecasters {
            spawner.join(forecaster)?;
        }
        Ok(engine)
    }

    /// Counts `workers` additional workers, and returns the handle that starts them.
    #[must_use]
    pub fn reserve_workers(&mut self, workers: usize) -> WorkerSpawner {
        self.workers += workers;
        WorkerSpawner {
            manifest: Arc::clone(&self.manifest),
            queue: Arc::clone(&self.queue),
            metrics: self.metrics.clone(),
            running: self.threads.0.subscribe(),
        }
    }

    /// Returns the manifest of the model version.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns a handle to the worker threads, to wait for their end.
    #[must_use]
    pub fn threads(&self) -> Threads {
        self.threads.clone()
    }

    /// Returns the number of workers, including those that have not been started yet.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// Admits `requests`, or refuses all of them at once. Does not wait.
    ///
    /// A request that the model does not support fails alone, in the outcomes of the submission.
    ///
    /// # Errors
    /// [`SubmitError`] if the requests are refused.
    pub fn submit(
        &self,
        requests: Vec<ForecastRequest>,
        terms: Terms,
    ) -> Result<Submission, SubmitError> {
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut fit = Vec::with_capacity(requests.len());
        for (position, request) in requests.into_iter().enumerate() {
            let unfit = self.manifest.fits(&request).err();
            if unfit.is_none() {
                fit.push(FitRequest {
                    position,
                    shape: self.shape(&request),
                    request,
                });
            }
            outcomes.push(unfit.map(|unfit| Err(unfit.into())));
        }
        let steps: usize = fit.iter().map(|request| request.shape.steps()).sum();
        let default_priority = default_priority(steps > self.batch_steps);
        let (ticket, receiver) = Ticket::new(terms, default_priority, outcomes);
        let rows: Vec<_> = fit
            .into_iter()
            .map(|fit| QueuedRow {
                request: fit.request,
                position: fit.position,
                shape: fit.shape,
                ticket: Arc::clone(&ticket),
            })
            .collect();
        if rows.is_empty() {
            ticket.answer_if_empty();
        } else {
            self.queue
                .admit(&ticket, rows)
                .inspect_err(|error| self.metrics.count_refusal(error))?;
        }
        Ok(Submission::new(ticket, receiver, Arc::clone(&self.queue)))
    }

    /// Checks whether a request on `terms` would be admitted now: a request of a single step, or one that
    /// fills more than a batch if `is_large` is true.
    ///
    /// The refusal is not counted, because another model may still admit the request. Call
    /// [`count_refusal`](Self::count_refusal) once the request is refused.
    ///
    /// # Errors
    /// The [`SubmitError`] that [`Engine::submit`] would return.
    pub fn admits(&self, terms: Terms, is_large: bool) -> Result<(), SubmitError> {
        let priority = terms.priority.unwrap_or_else(|| default_priority(is_large));
        self.queue.admits(terms, priority)
    }

    /// Counts a request that was refused before it was submitted.
    pub fn count_refusal(&self, error: &SubmitError) {
        self.metrics.count_refusal(error);
    }

    /// Returns the cost of a request. A model that is run several times for one forecast processes the
    /// context as often.
    fn shape(&self, request: &ForecastRequest) -> RowShape {
        let (context_length, horizon) = self.manifest.cost(request);
        RowShape {
            context_length,
            horizon,
        }
    }
}

/// Returns the priority of a submission that does not specify one. Rows that fill more than a batch gain
/// little by being run first.
const fn default_priority(is_large: bool) -> Priority {
    if is_large {
        Priority::Bulk
    } else {
        Priority::Interactive
    }
}

impl Threads {
    /// Waits until the engine has been dropped and its last thread has freed its memory.
    pub async fn ended(&self) {
        self.0.closed().await;
    }
}

impl Drop for Engine {
    /// Closes the queue. The workers finish the queued rows and end.
    fn drop(&mut self) {
        self.queue.close();
    }
}

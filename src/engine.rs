//! From requests to forecasts: admission, queue, batches, workers.
//!
//! One engine serves one model version. Requests wait in one queue, bounded in steps; each worker
//! is an OS thread that owns a [`Forecaster`] and takes what waits as soon as it is free. There is
//! no waiting window: an idle engine adds no delay, a busy one batches by itself.

pub mod batcher;
pub mod metrics;
mod queue;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::mpsc;

use crate::engine::metrics::ModelMetrics;
use crate::engine::queue::{Queue, Waiting};
use crate::forecast::{Forecast, ForecastRequest};
use crate::model::{Forecaster, Manifest, RowError, Unfit};

/// Bounds of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Steps (context and horizon of each row) that may wait. A request that finds the queue empty
    /// is always admitted, however long.
    pub queue_steps: usize,
    /// Steps that one run may hold, padding included. A single row is always run, however long.
    pub batch_steps: usize,
}

/// Serves one model version.
#[derive(Debug)]
pub struct Engine {
    manifest: Arc<Manifest>,
    queue: Arc<Queue>,
    metrics: ModelMetrics,
    workers: usize,
}

/// Why requests were not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// Too much is waiting already.
    #[error("{waiting} steps are waiting, and these {asked} would go over the limit of {limit}")]
    QueueFull {
        /// Steps that wait.
        waiting: usize,
        /// Steps of these requests.
        asked: usize,
        /// The bound.
        limit: usize,
    },
    /// The engine is being closed.
    #[error("the model is being unloaded")]
    Closed,
}

/// Why admitted requests have no answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The deadline passed first.
    #[error("the deadline passed before the forecast was made")]
    DeadlineExceeded,
}

/// Why one series has no forecast, when others of the request may have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SeriesFailure {
    /// The model cannot answer this series.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// The model's values for it are unusable.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The model failed on it, even alone.
    #[error("{0}")]
    Model(String),
}

/// Where the time of a submission went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From admission to the start of its first batch.
    pub queue: Duration,
    /// From the start of its first batch to the end of its last.
    pub inference: Duration,
}

/// The outcomes of a submission, in the order of its requests.
pub type Outcomes = Vec<Result<Forecast, SeriesFailure>>;

/// Requests that were admitted. Dropping it abandons those that still wait.
#[derive(Debug)]
pub struct Submission {
    answers: mpsc::UnboundedReceiver<Answer>,
    outcomes: Vec<Option<Result<Forecast, SeriesFailure>>>,
    submitted: Instant,
    deadline: Instant,
    metrics: ModelMetrics,
}

/// What a worker sends back for one row.
#[derive(Debug)]
struct Answer {
    position: usize,
    outcome: Result<Forecast, SeriesFailure>,
    started: Instant,
    finished: Instant,
}

impl Engine {
    /// Starts one worker thread for each of `forecasters`, which must be of the same version.
    ///
    /// # Errors
    /// The system's, when a thread cannot be started.
    pub fn start(
        manifest: Arc<Manifest>,
        forecasters: Vec<Box<dyn Forecaster>>,
        config: EngineConfig,
        metrics: ModelMetrics,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(config, metrics.clone()));
        let workers = forecasters.len();
        // Made before its threads, so that those already started end when one cannot be.
        let engine = Self {
            manifest,
            queue,
            metrics,
            workers,
        };
        for (worker_idx, forecaster) in forecasters.into_iter().enumerate() {
            let worker = worker::Worker {
                forecaster,
                manifest: Arc::clone(&engine.manifest),
                queue: Arc::clone(&engine.queue),
                metrics: engine.metrics.clone(),
            };
            std::thread::Builder::new()
                .name(format!("{}-{worker_idx}", engine.manifest.name))
                .spawn(move || worker.run())?;
        }
        Ok(engine)
    }

    /// What the model wants and gives.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many workers serve it.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// Admits `requests` or refuses them all at once.
    ///
    /// # Errors
    /// [`SubmitError`], without waiting.
    pub fn submit(
        &self,
        requests: Vec<ForecastRequest>,
        deadline: Instant,
    ) -> Result<Submission, SubmitError> {
        let submitted = Instant::now();
        let (sender, answers) = mpsc::unbounded_channel();
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut waiting = Vec::with_capacity(requests.len());
        for (position, request) in requests.into_iter().enumerate() {
            match self.manifest.fits(&request) {
                Ok(()) => {
                    outcomes.push(None);
                    waiting.push(Waiting {
                        request,
                        position,
                        deadline,
                        sender: sender.clone(),
                    });
                }
                Err(unfit) => outcomes.push(Some(Err(unfit.into()))),
            }
        }
        self.queue
            .admit(waiting, self.manifest.context.max_length)
            .inspect_err(|error| self.metrics.refused(error))?;
        drop(sender);
        let metrics = self.metrics.clone();
        Ok(Submission {
            answers,
            outcomes,
            submitted,
            deadline,
            metrics,
        })
    }
}

impl Drop for Engine {
    /// Lets the workers finish what waits and end.
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Submission {
    /// Waits for every answer.
    ///
    /// # Errors
    /// [`EngineError::DeadlineExceeded`] when the deadline comes first; what still waits is dropped
    /// from the queue.
    pub async fn outcomes(mut self) -> Result<(Outcomes, Timing), EngineError> {
        let deadline = tokio::time::Instant::from_std(self.deadline);
        tokio::time::timeout_at(deadline, self.collect())
            .await
            .map_err(|_elapsed| EngineError::DeadlineExceeded)?
    }

    async fn collect(&mut self) -> Result<(Outcomes, Timing), EngineError> {
        let mut span: Option<(Instant, Instant)> = None;
        // The channel closes when the last waiting row has been answered or dropped.
        while let Some(answer) = self.answers.recv().await {
            let (started, finished) = span.unwrap_or((answer.started, answer.finished));
            span = Some((started.min(answer.started), finished.max(answer.finished)));
            self.outcomes[answer.position] = Some(answer.outcome);
        }
        let timing = span.map_or_else(Timing::default, |(started, finished)| Timing {
            queue: started.saturating_duration_since(self.submitted),
            inference: finished.saturating_duration_since(started),
        });
        self.metrics.answered(timing);
        // A row is dropped unanswered only when its deadline has passed.
        let outcomes: Option<Outcomes> = std::mem::take(&mut self.outcomes).into_iter().collect();
        Ok((outcomes.ok_or(EngineError::DeadlineExceeded)?, timing))
    }
}

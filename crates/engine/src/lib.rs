//! From requests to forecasts: admission, queue, batches, workers.
//!
//! One engine serves one model version. Requests wait in one queue, bounded in steps; each worker
//! is an OS thread that owns a [`Forecaster`] and takes what waits as soon as it is free. There is
//! no waiting window: an idle engine adds no delay, a busy one batches by itself.

pub mod batcher;
mod crew;
pub mod metrics;
pub mod pace;
mod queue;
pub mod registry;
mod saturation;
mod submission;
mod worker;

pub use batcher::Priority;
pub use crew::Crew;
pub use saturation::Saturation;
pub use submission::{Submission, Terms, Timing};

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::batcher::Shape;
use crate::metrics::ModelMetrics;
use crate::queue::{Queue, Waiting};
use crate::submission::Ticket;
use almanac_forecast::{Forecast, ForecastRequest};
use almanac_model::{Forecaster, Manifest, RowError, Unfit};

/// Bounds of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Steps (context and horizon of each row) that may wait. A request that finds the queue empty
    /// is always admitted, however long.
    pub queue_steps: usize,
    /// Steps that one run may hold, padding included. A single row is always run, however long.
    pub batch_steps: usize,
    /// How long an interactive request may be expected to wait before it is refused.
    pub max_wait: Duration,
}

/// Serves one model version.
#[derive(Debug)]
pub struct Engine {
    manifest: Arc<Manifest>,
    queue: Arc<Queue>,
    metrics: ModelMetrics,
    workers: usize,
    batch_steps: usize,
    threads: Threads,
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
        /// When what waits is expected to be done.
        retry_after: Duration,
    },
    /// Its turn would come too late.
    #[error(
        "the wait for the model is {:.3} s, longer than the {:.3} s that this request may wait",
        .wait.as_secs_f64(),
        .limit.as_secs_f64()
    )]
    WaitTooLong {
        /// The wait that is expected.
        wait: Duration,
        /// The bound: the deadline of the request, or the engine's own.
        limit: Duration,
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
#[derive(Clone, Debug, PartialEq, Error)]
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

/// The worker threads of an engine.
#[derive(Clone, Debug)]
pub struct Threads(Arc<watch::Sender<()>>);

/// What became of one request.
pub type Outcome = Result<Forecast, SeriesFailure>;

/// The outcomes of a submission, in the order of its requests.
pub type Outcomes = Vec<Outcome>;

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
        // Made before its threads, so that those already started end when one cannot be.
        let mut engine = Self {
            threads: Threads(Arc::new(watch::Sender::new(()))),
            manifest,
            queue: Arc::new(Queue::new(config, metrics.clone())),
            metrics,
            workers: 0,
            batch_steps: config.batch_steps,
        };
        let crew = engine.expect(forecasters.len());
        for forecaster in forecasters {
            crew.join(forecaster)?;
        }
        Ok(engine)
    }

    /// Counts `workers` more, which are to join by what this returns.
    #[must_use]
    pub fn expect(&mut self, workers: usize) -> Crew {
        self.workers += workers;
        Crew {
            manifest: Arc::clone(&self.manifest),
            queue: Arc::clone(&self.queue),
            metrics: self.metrics.clone(),
            running: self.threads.0.subscribe(),
        }
    }

    /// What the model wants and gives.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its threads, to know when they have ended.
    #[must_use]
    pub fn threads(&self) -> Threads {
        self.threads.clone()
    }

    /// How many workers serve it, those that are to join included.
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
        terms: Terms,
    ) -> Result<Submission, SubmitError> {
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut fit = Vec::with_capacity(requests.len());
        for (position, request) in requests.into_iter().enumerate() {
            let unfit = self.manifest.fits(&request).err();
            if unfit.is_none() {
                fit.push((position, self.shape(&request), request));
            }
            outcomes.push(unfit.map(|unfit| Err(unfit.into())));
        }
        let steps: usize = fit.iter().map(|(_, shape, _)| shape.steps()).sum();
        // What fills more than a batch by itself gains little by going first.
        let by_size = if steps > self.batch_steps {
            Priority::Bulk
        } else {
            Priority::Interactive
        };
        let (ticket, done) = Ticket::new(terms, by_size, outcomes);
        let rows: Vec<_> = fit
            .into_iter()
            .map(|(position, shape, request)| Waiting {
                request,
                position,
                shape,
                ticket: Arc::clone(&ticket),
            })
            .collect();
        if rows.is_empty() {
            ticket.answer_if_empty();
        } else {
            self.queue
                .admit(&ticket, rows)
                .inspect_err(|error| self.metrics.refused(error))?;
        }
        Ok(Submission::new(ticket, done, Arc::clone(&self.queue)))
    }
}

impl Engine {
    /// Whether a request on `terms` could be admitted now: one of a single step, or one that fills
    /// more than a batch when it `is_large`. Whether that refuses the request, and is to be
    /// [counted](Self::count_refusal), depends on what other models say.
    ///
    /// # Errors
    /// [`SubmitError`], as [`Engine::submit`] would say.
    pub fn admits(&self, terms: Terms, is_large: bool) -> Result<(), SubmitError> {
        let by_size = if is_large {
            Priority::Bulk
        } else {
            Priority::Interactive
        };
        let lane = terms.priority.unwrap_or(by_size);
        self.queue.admits(terms, lane)
    }

    /// Counts a request that was refused before it was submitted.
    pub fn count_refusal(&self, error: &SubmitError) {
        self.metrics.refused(error);
    }

    /// What a row costs. A model that is run several times for one answer sees its context as often.
    fn shape(&self, request: &ForecastRequest) -> Shape {
        let (context_length, horizon) = self.manifest.cost(request);
        Shape {
            context_length,
            horizon,
        }
    }
}

impl Threads {
    /// Waits until the engine is dropped and its last thread has given its memory back.
    pub async fn ended(&self) {
        self.0.closed().await;
    }
}

impl Drop for Engine {
    /// Lets the workers finish what waits and end.
    fn drop(&mut self) {
        self.queue.close();
    }
}

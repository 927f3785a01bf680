//! The thread that owns one forecaster and runs batches on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use almanac_model::{Batch, Forecaster, Manifest, PredictError};
use thiserror::Error;
use tokio::sync::watch;

use crate::metrics::ModelMetrics;
use crate::outcome::{SeriesFailure, SeriesOutcome};
use crate::queue::{CompletedRun, Queue, QueuedRow};
use crate::ticket::RunSpan;

/// The niceness of workers: about a third of the weight of the other threads.
const NICENESS: i32 = 5;

/// A worker that has not been started.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) forecaster: Box<dyn Forecaster>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: ModelMetrics,
    /// The last field, so that everything else has been dropped when the worker counts as ended.
    pub(super) _running: watch::Receiver<()>,
}

/// The error returned when a batch cannot be run.
#[derive(Debug, Error)]
enum RunError {
    #[error("the model panicked")]
    Panicked,
    #[error(transparent)]
    Predict(#[from] PredictError),
}

impl Worker {
    /// Runs batches until the queue is closed and empty.
    pub(super) fn run(mut self) {
        yield_to_runtime();
        let mut completed = None;
        while let Some(batch) = self.queue.next_batch(self.index, completed.take()) {
            let started = Instant::now();
            let steps = batch.iter().map(|row| row.shape.steps()).sum();
            self.metrics.batch_rows.observe(batch.len() as f64);
            let outcomes = self.forecast_each(&batch);
            let finished = Instant::now();
            let duration = finished - started;
            self.metrics.inference.observe(duration.as_secs_f64());
            completed = Some(CompletedRun { steps, duration });
            answer(batch, outcomes, RunSpan { started, finished });
            self.queue.notify_batch_answered();
        }
    }

    /// Returns the outcome of each row. If the model fails on the whole batch, each row is run alone, so
    /// that one bad series does not fail the others.
    fn forecast_each(&mut self, rows: &[QueuedRow]) -> Vec<SeriesOutcome> {
        match self.forecast_together(rows) {
            Ok(outcomes) => outcomes,
            // The run was stopped because every caller had left, or failed after they did: the outcomes
            // are not read.
            Err(error) if rows.iter().all(|row| row.ticket.is_abandoned()) => {
                let reason = error.to_string();
                rows.iter()
                    .map(|_| Err(SeriesFailure::Model(reason.clone())))
                    .collect()
            }
            Err(error) if rows.len() == 1 => {
                let reason = error.to_string();
                tracing::warn!(model = %self.manifest.name, %reason, "model failed");
                self.metrics.failed.inc();
                vec![Err(SeriesFailure::Model(reason))]
            }
            Err(_) => rows
                .iter()
                .flat_map(|row| self.forecast_each(std::slice::from_ref(row)))
                .collect(),
        }
    }

    fn forecast_together(&mut self, rows: &[QueuedRow]) -> Result<Vec<SeriesOutcome>, RunError> {
        let requests: Vec<_> = rows.iter().map(|row| &row.request).collect();
        let batch = Batch::pack(&self.manifest, &requests);
        // A forecaster keeps no state between runs, so it can be used again after a panic.
        let run = || batch.run(&self.manifest, self.forecaster.as_mut());
        let output = catch_unwind(AssertUnwindSafe(run)).map_err(|_panic| RunError::Panicked)??;
        Ok(batch
            .forecasts(&self.manifest, &requests, &output)
            .into_iter()
            .map(|forecast| forecast.map_err(Into::into))
            .collect())
    }
}

/// Lowers the priority of the current thread below the other threads of the process. The threads of the
/// runtime refuse requests, answer health checks and fill the next batch: they need little time on a
/// core, but need it soon.
///
/// On Linux each thread has its own niceness.
fn yield_to_runtime() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICENESS)
    {
        tracing::debug!(%error, "cannot lower the priority of a worker");
    }
}

/// Passes the outcomes of a batch to the submissions of its rows.
fn answer(batch: Vec<QueuedRow>, outcomes: Vec<SeriesOutcome>, span: RunSpan) {
    let mut answered = batch.into_iter().zip(outcomes).peekable();
    while let Some((row, outcome)) = answered.next() {
        let QueuedRow {
            position, ticket, ..
        } = row;
        let is_of_ticket =
            |(next, _): &(QueuedRow, SeriesOutcome)| Arc::ptr_eq(&next.ticket, &ticket);
        let others = std::iter::from_fn(|| answered.next_if(is_of_ticket))
            .map(|(row, outcome)| (row.position, outcome));
        ticket.answer(std::iter::once((position, outcome)).chain(others), span);
    }
}

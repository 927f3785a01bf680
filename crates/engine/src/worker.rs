//! One OS thread that owns one forecaster.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::metrics::ModelMetrics;
use crate::queue::{Queue, Ran, Waiting};
use crate::{Outcome, SeriesFailure};
use almanac_model::{Batch, Forecaster, Manifest};

/// About a third of the weight of the other threads.
const NICENESS: i32 = 5;

/// A worker before its thread is started.
pub(super) struct Worker {
    pub(super) idx: usize,
    pub(super) forecaster: Box<dyn Forecaster>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: ModelMetrics,
    /// Last, so that nothing is left of the worker when it is seen to have ended.
    pub(super) _running: watch::Receiver<()>,
}

impl Worker {
    /// Runs batches until the queue is closed and empty.
    pub(super) fn run(mut self) {
        yield_to_runtime();
        let mut ran = None;
        while let Some(batch) = self.queue.next_batch(self.idx, ran.take()) {
            let started = Instant::now();
            let steps = batch.iter().map(|row| row.shape.steps()).sum();
            self.metrics.batch_rows.observe(batch.len() as f64);
            let outcomes = self.forecast_each(&batch);
            let finished = Instant::now();
            let took = finished - started;
            self.metrics.inference.observe(took.as_secs_f64());
            ran = Some(Ran { steps, took });
            answer(batch, outcomes, (started, finished));
            self.queue.batch_answered();
        }
    }

    /// The outcome of each row. When the model fails on all of them together, each is tried alone,
    /// so that one bad series does not fail its neighbours.
    fn forecast_each(&mut self, rows: &[Waiting]) -> Vec<Outcome> {
        match self.forecast_together(rows) {
            Ok(outcomes) => outcomes,
            // Stopped for that, or about to fail for another reason: nobody reads the outcome.
            Err(reason) if rows.iter().all(|row| row.ticket.has_left()) => {
                let failure = || Err(SeriesFailure::Model(reason.clone()));
                rows.iter().map(|_| failure()).collect()
            }
            Err(reason) if rows.len() == 1 => {
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

    fn forecast_together(&mut self, rows: &[Waiting]) -> Result<Vec<Outcome>, String> {
        let requests: Vec<_> = rows.iter().map(|row| &row.request).collect();
        let batch = Batch::pack(&self.manifest, &requests);
        // A forecaster keeps no state between runs, so one that panicked can be run again.
        let run = || batch.run(&self.manifest, self.forecaster.as_mut());
        let output = catch_unwind(AssertUnwindSafe(run))
            .map_err(|_panic| "the model panicked".to_owned())?
            .map_err(|error| error.to_string())?;
        let forecasts = batch.forecasts(&self.manifest, &requests, &output);
        Ok(forecasts
            .into_iter()
            .map(|forecast| forecast.map_err(Into::into))
            .collect())
    }
}

/// Lets every other thread of the process go first when they want the same core: the runtime's, which
/// refuse, answer health checks and fill the next batch, want little of it and want it now.
///
/// On Linux a thread has a niceness of its own.
fn yield_to_runtime() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICENESS)
    {
        tracing::debug!(%error, "a worker keeps the niceness of its process");
    }
}

/// Hands each submission the outcomes of its rows.
fn answer(batch: Vec<Waiting>, outcomes: Vec<Outcome>, span: (Instant, Instant)) {
    let mut answered = batch.into_iter().zip(outcomes).peekable();
    while let Some((row, outcome)) = answered.next() {
        let Waiting {
            position, ticket, ..
        } = row;
        let of_ticket = |(next, _): &(Waiting, Outcome)| Arc::ptr_eq(&next.ticket, &ticket);
        let others = std::iter::from_fn(|| answered.next_if(of_ticket))
            .map(|(row, outcome)| (row.position, outcome));
        ticket.answer(std::iter::once((position, outcome)).chain(others), span);
    }
}

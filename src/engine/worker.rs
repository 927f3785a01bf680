//! One OS thread that owns one forecaster.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::engine::metrics::ModelMetrics;
use crate::engine::queue::{Queue, Waiting};
use crate::engine::{Answer, SeriesFailure};
use crate::forecast::{Forecast, ForecastRequest};
use crate::model::{Batch, Forecaster, Manifest};

/// A worker before its thread is started.
pub(super) struct Worker {
    pub(super) forecaster: Box<dyn Forecaster>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) queue: Arc<Queue>,
    pub(super) metrics: ModelMetrics,
}

impl Worker {
    /// Runs batches until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Some(batch) = self.queue.next_batch() {
            let started = Instant::now();
            self.metrics.batch_rows.observe(batch.len() as f64);
            let requests: Vec<_> = batch.iter().map(|waiting| &waiting.request).collect();
            let outcomes = self.forecast_each(&requests);
            let finished = Instant::now();
            self.metrics
                .inference
                .observe((finished - started).as_secs_f64());
            for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                let Waiting {
                    position, sender, ..
                } = waiting;
                // A caller that left meanwhile needs no answer.
                let _gone = sender.send(Answer {
                    position,
                    outcome,
                    started,
                    finished,
                });
            }
        }
    }

    /// The outcome of each request. When the model fails on all of them together, each is tried
    /// alone, so that one bad series does not fail its neighbours.
    fn forecast_each(
        &mut self,
        requests: &[&ForecastRequest],
    ) -> Vec<Result<Forecast, SeriesFailure>> {
        match self.forecast_together(requests) {
            Ok(outcomes) => outcomes,
            Err(reason) if requests.len() == 1 => {
                tracing::warn!(model = %self.manifest.name, %reason, "model failed");
                self.metrics.failed.inc();
                vec![Err(SeriesFailure::Model(reason))]
            }
            Err(_) => requests
                .iter()
                .flat_map(|request| self.forecast_each(&[request]))
                .collect(),
        }
    }

    fn forecast_together(
        &mut self,
        requests: &[&ForecastRequest],
    ) -> Result<Vec<Result<Forecast, SeriesFailure>>, String> {
        let batch = Batch::pack(&self.manifest, requests);
        // A forecaster keeps no state between runs, so one that panicked can be run again.
        let run = || batch.run(&self.manifest, self.forecaster.as_mut());
        let output = catch_unwind(AssertUnwindSafe(run))
            .map_err(|_panic| "the model panicked".to_owned())?
            .map_err(|error| error.to_string())?;
        let forecasts = batch.forecasts(&self.manifest, requests, &output);
        Ok(forecasts
            .into_iter()
            .map(|forecast| forecast.map_err(Into::into))
            .collect())
    }
}

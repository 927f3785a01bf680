//! What the engines measure, by model.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::{Saturation, SubmitError, Timing};
use almanac_telemetry::metrics::{DURATION_BUCKETS, SIZE_BUCKETS};

/// Why requests are refused, as a label.
const REFUSALS: [&str; 3] = ["queue_full", "wait_too_long", "closed"];

/// The metrics of all engines, in the registry they were made with.
#[derive(Clone, Debug)]
pub struct EngineMetrics {
    queue: HistogramVec,
    inference: HistogramVec,
    batch_rows: HistogramVec,
    queue_steps: IntGaugeVec,
    idle_workers: IntGaugeVec,
    refused: IntCounterVec,
    dropped: IntCounterVec,
    stopped: IntCounterVec,
    failed: IntCounterVec,
    saturation: Saturation,
}

/// The metrics of one model's engine.
#[derive(Clone, Debug)]
pub struct ModelMetrics {
    /// Seconds from admission to the start of the first batch, per submission.
    pub(super) queue: Histogram,
    /// Seconds of each run, packing and unpacking included.
    pub(super) inference: Histogram,
    /// Rows of each run.
    pub(super) batch_rows: Histogram,
    queue_steps: IntGauge,
    /// Workers that wait for rows.
    pub(super) idle_workers: IntGauge,
    dropped: IntCounter,
    stopped: IntCounter,
    /// Rows on which the model failed.
    pub(super) failed: IntCounter,
    pub(super) saturation: Saturation,
    refused: IntCounterVec,
    model: String,
}

impl EngineMetrics {
    /// Registers the metrics in `registry`.
    ///
    /// # Errors
    /// The registry's, when a name is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let histogram = |name, help, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            registered(registry, HistogramVec::new(options, &["model"]))
        };
        let counter = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name, help| {
            registered(
                registry,
                IntGaugeVec::new(Opts::new(name, help), &["model"]),
            )
        };
        Ok(Self {
            queue: histogram(
                "almanac_engine_queue_seconds",
                "Seconds from admission to the start of the first batch, per request.",
                &DURATION_BUCKETS,
            )?,
            inference: histogram(
                "almanac_engine_inference_seconds",
                "Seconds of each run of the model, packing and unpacking included.",
                &DURATION_BUCKETS,
            )?,
            batch_rows: histogram(
                "almanac_engine_batch_rows",
                "Series in each run of the model.",
                &SIZE_BUCKETS,
            )?,
            queue_steps: gauge(
                "almanac_engine_queue_steps",
                "Steps that wait for a worker.",
            )?,
            idle_workers: gauge("almanac_engine_idle_workers", "Workers that wait for rows.")?,
            refused: counter(
                "almanac_engine_refused_total",
                "Requests refused at admission, by reason.",
                &["model", "reason"],
            )?,
            dropped: counter(
                "almanac_engine_dropped_total",
                "Series dropped from the queue because nobody waited for them any longer.",
                &["model"],
            )?,
            stopped: counter(
                "almanac_engine_stopped_total",
                "Runs of the model that were stopped because every caller had left.",
                &["model"],
            )?,
            failed: counter(
                "almanac_engine_failed_total",
                "Series on which the model failed.",
                &["model"],
            )?,
            saturation: Saturation::default(),
        })
    }

    /// Makes every engine say in `saturation` when it has more to do than it can.
    #[must_use]
    pub fn with_saturation(self, saturation: Saturation) -> Self {
        Self { saturation, ..self }
    }

    /// Forgets what was measured of `model`, which is not served any more: names that come and go
    /// would pile up.
    pub fn forget(&self, model: &str) {
        let label = &[model];
        for histogram in [&self.queue, &self.inference, &self.batch_rows] {
            let _absent = histogram.remove_label_values(label);
        }
        for gauge in [&self.queue_steps, &self.idle_workers] {
            let _absent = gauge.remove_label_values(label);
        }
        for counter in [&self.dropped, &self.stopped, &self.failed] {
            let _absent = counter.remove_label_values(label);
        }
        for reason in REFUSALS {
            let _absent = self.refused.remove_label_values(&[model, reason]);
        }
    }

    /// The metrics of `model`.
    #[must_use]
    pub fn of(&self, model: &str) -> ModelMetrics {
        ModelMetrics {
            queue: self.queue.with_label_values(&[model]),
            inference: self.inference.with_label_values(&[model]),
            batch_rows: self.batch_rows.with_label_values(&[model]),
            queue_steps: self.queue_steps.with_label_values(&[model]),
            idle_workers: self.idle_workers.with_label_values(&[model]),
            dropped: self.dropped.with_label_values(&[model]),
            stopped: self.stopped.with_label_values(&[model]),
            failed: self.failed.with_label_values(&[model]),
            saturation: self.saturation.clone(),
            refused: self.refused.clone(),
            model: model.to_owned(),
        }
    }
}

/// `metric`, once `registry` has it.
fn registered<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<M>,
) -> prometheus::Result<M> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

impl ModelMetrics {
    /// Counts a refused submission.
    pub(super) fn refused(&self, error: &SubmitError) {
        let reason = REFUSALS[match error {
            SubmitError::QueueFull { .. } => 0,
            SubmitError::WaitTooLong { .. } => 1,
            SubmitError::Closed => 2,
        }];
        self.refused
            .with_label_values(&[self.model.as_str(), reason])
            .inc();
    }

    /// Says how many steps wait.
    pub(super) fn waiting(&self, steps: usize) {
        self.queue_steps
            .set(i64::try_from(steps).unwrap_or(i64::MAX));
    }

    /// Counts rows dropped from the queue, because their caller left or their deadline passed.
    pub(super) fn dropped(&self, rows: usize) {
        self.dropped.inc_by(rows as u64);
    }

    /// Counts a run that was stopped.
    pub(super) fn stopped(&self) {
        self.stopped.inc();
    }

    /// Records where the time of an answered submission went.
    pub(super) fn answered(&self, timing: Timing) {
        self.queue.observe(timing.queue.as_secs_f64());
    }
}

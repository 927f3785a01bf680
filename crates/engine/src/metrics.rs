//! The metrics of the engines, by model.

use almanac_telemetry::metrics::{DURATION_BUCKETS, SIZE_BUCKETS};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::error::SubmitError;
use crate::outcome::Timing;
use crate::saturation::Saturation;

/// The values of the label `reason` of refused requests.
const REFUSAL_REASONS: [&str; 3] = ["queue_full", "wait_too_long", "closed"];

/// The metrics of all engines.
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

/// The metrics of the engine of one model.
#[derive(Clone, Debug)]
pub struct ModelMetrics {
    /// The seconds from admission to the start of the first batch, per submission.
    pub(super) queue: Histogram,
    /// The seconds of each run, packing and unpacking included.
    pub(super) inference: Histogram,
    /// The number of rows of each run.
    pub(super) batch_rows: Histogram,
    queue_steps: IntGauge,
    /// The number of workers that wait for rows.
    pub(super) idle_workers: IntGauge,
    dropped: IntCounter,
    stopped: IntCounter,
    /// The number of rows on which the model failed.
    pub(super) failed: IntCounter,
    pub(super) saturation: Saturation,
    refused: IntCounterVec,
    model: String,
}

impl EngineMetrics {
    /// Registers the metrics in `registry`.
    ///
    /// # Errors
    /// The error of the registry if a name is already registered.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            queue: histogram(
                registry,
                "almanac_engine_queue_seconds",
                "Seconds from admission to the start of the first batch, per request.",
                &DURATION_BUCKETS,
            )?,
            inference: histogram(
                registry,
                "almanac_engine_inference_seconds",
                "Seconds of each run of the model, packing and unpacking included.",
                &DURATION_BUCKETS,
            )?,
            batch_rows: histogram(
                registry,
                "almanac_engine_batch_rows",
                "Series in each run of the model.",
                &SIZE_BUCKETS,
            )?,
            queue_steps: gauge(
                registry,
                "almanac_engine_queue_steps",
                "Steps that wait for a worker.",
            )?,
            idle_workers: gauge(
                registry,
                "almanac_engine_idle_workers",
                "Workers that wait for rows.",
            )?,
            refused: refusals(registry)?,
            dropped: counter(
                registry,
                "almanac_engine_dropped_total",
                "Series dropped from the queue because their clients no longer waited.",
            )?,
            stopped: counter(
                registry,
                "almanac_engine_stopped_total",
                "Runs of the model that were stopped because every caller had left.",
            )?,
            failed: counter(
                registry,
                "almanac_engine_failed_total",
                "Series on which the model failed.",
            )?,
            saturation: Saturation::default(),
        })
    }

    /// Makes every engine report in `saturation` when it has more work than workers.
    #[must_use]
    pub fn with_saturation(self, saturation: Saturation) -> Self {
        Self { saturation, ..self }
    }

    /// Removes the metrics of `model`, which is no longer served. Otherwise the metrics of models that
    /// come and go would accumulate.
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
        for reason in REFUSAL_REASONS {
            let _absent = self.refused.remove_label_values(&[model, reason]);
        }
    }

    /// Returns the metrics of `model`.
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

impl ModelMetrics {
    /// Counts a refused submission.
    pub(super) fn count_refusal(&self, error: &SubmitError) {
        let reason = REFUSAL_REASONS[match error {
            SubmitError::QueueFull { .. } => 0,
            SubmitError::WaitTooLong { .. } => 1,
            SubmitError::Closed => 2,
        }];
        self.refused
            .with_label_values(&[self.model.as_str(), reason])
            .inc();
    }

    /// Sets the number of queued steps.
    pub(super) fn set_queue_steps(&self, steps: usize) {
        self.queue_steps
            .set(i64::try_from(steps).unwrap_or(i64::MAX));
    }

    /// Counts rows dropped from the queue because their caller left or their deadline passed.
    pub(super) fn count_dropped(&self, rows: usize) {
        self.dropped.inc_by(rows as u64);
    }

    /// Counts a run that was stopped.
    pub(super) fn count_stopped(&self) {
        self.stopped.inc();
    }

    /// Records the timing of an answered submission.
    pub(super) fn record_timing(&self, timing: Timing) {
        self.queue.observe(timing.queue.as_secs_f64());
    }
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(options, &["model"])?)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounterVec> {
    let options = Opts::new(name, help);
    register(registry, IntCounterVec::new(options, &["model"])?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGaugeVec> {
    let options = Opts::new(name, help);
    register(registry, IntGaugeVec::new(options, &["model"])?)
}

fn refusals(registry: &Registry) -> prometheus::Result<IntCounterVec> {
    let options = Opts::new(
        "almanac_engine_refused_total",
        "Requests refused at admission, by reason.",
    );
    register(registry, IntCounterVec::new(options, &["model", "reason"])?)
}

/// Registers `metric` in `registry`, and returns it.
pub(crate) fn register<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: M,
) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

//! The metrics of model versions and of their sources.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use crate::metrics::register;
use crate::registry::state::VersionState;

/// The upper bounds of relative differences: from a ten-thousandth, below which two versions are the same,
/// to ten times the forecast.
const DIFFERENCE_BUCKETS: [f64; 12] = [
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0,
];

/// The metrics of model versions and of their sources.
#[derive(Clone, Debug)]
pub struct LifecycleMetrics {
    states: IntGaugeVec,
    loads: IntCounterVec,
    swaps: IntCounterVec,
    rollbacks: IntCounterVec,
    shadows: IntCounterVec,
    differences: HistogramVec,
    source_ages: SourceAges,
    source_up: IntGaugeVec,
}

/// The collector of the age of each source, computed when the metric is read.
#[derive(Clone, Debug)]
struct SourceAges {
    gauge: GaugeVec,
    /// The name of each source, and the time at which it was last read.
    read_at: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl LifecycleMetrics {
    /// Registers the metrics in `registry`.
    ///
    /// # Errors
    /// The error of the registry if a name is already registered.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            states: gauge(
                registry,
                "almanac_model_versions",
                "Attempts to load a model version that are in the history, by state.",
                &["model", "version", "state"],
            )?,
            loads: counter(
                registry,
                "almanac_model_loads_total",
                "Loads of model versions that ended, by outcome: ready, unchanged, unreadable or failed.",
                &["model", "outcome"],
            )?,
            swaps: counter(
                registry,
                "almanac_model_swaps_total",
                "Times that another version took over.",
                &["model"],
            )?,
            rollbacks: counter(
                registry,
                "almanac_model_rollbacks_total",
                "Versions rolled back because they did worse than the previous version.",
                &["model"],
            )?,
            shadows: counter(
                registry,
                "almanac_shadow_series_total",
                "Series given to a shadow, by outcome: compared, failed or dropped.",
                &["model", "outcome"],
            )?,
            differences: differences(registry)?,
            source_ages: SourceAges::register(registry)?,
            source_up: gauge(
                registry,
                "almanac_source_up",
                "Whether the last attempt to read the source succeeded.",
                &["source"],
            )?,
        })
    }

    /// Counts a version that entered `state`.
    pub(super) fn enter_state(&self, model: &str, version: &str, state: &VersionState) {
        self.states
            .with_label_values(&[model, version, state.name()])
            .inc();
    }

    /// Counts a version that left `state`.
    pub(super) fn leave_state(&self, model: &str, version: &str, state: &VersionState) {
        let labels = [model, version, state.name()];
        let gauge = self.states.with_label_values(&labels);
        gauge.dec();
        if gauge.get() <= 0 {
            // Otherwise the versions of a long-running process would accumulate.
            let _absent = self.states.remove_label_values(&labels);
        }
    }

    /// Removes the metrics of `model`, which was unloaded for good.
    pub(super) fn forget(&self, model: &str) {
        for outcome in ["ready", "unchanged", "unreadable", "failed"] {
            let _absent = self.loads.remove_label_values(&[model, outcome]);
        }
        for counter in [&self.swaps, &self.rollbacks] {
            let _absent = counter.remove_label_values(&[model]);
        }
        for outcome in ["compared", "failed", "dropped"] {
            let _absent = self.shadows.remove_label_values(&[model, outcome]);
        }
        let _absent = self.differences.remove_label_values(&[model]);
    }

    /// Counts a load that ended with `outcome`.
    pub(super) fn count_load(&self, model: &str, outcome: &str) {
        self.loads.with_label_values(&[model, outcome]).inc();
    }

    /// Counts a version that replaced another one.
    pub(super) fn count_swap(&self, model: &str) {
        self.swaps.with_label_values(&[model]).inc();
    }

    /// Counts a version that was rolled back.
    pub(super) fn count_rollback(&self, model: &str) {
        self.rollbacks.with_label_values(&[model]).inc();
    }

    /// Counts `series` that were given to a shadow.
    pub(super) fn count_shadow_series(&self, model: &str, outcome: &str, series: usize) {
        self.shadows
            .with_label_values(&[model, outcome])
            .inc_by(series as u64);
    }

    /// Returns the histogram of the differences between the shadow of `model` and its answers.
    pub(super) fn differences(&self, model: &str) -> Histogram {
        self.differences.with_label_values(&[model])
    }

    /// Records an attempt to read `source`.
    pub(super) fn record_poll(&self, source: &str, is_read: bool) {
        self.source_up
            .with_label_values(&[source])
            .set(i64::from(is_read));
        if is_read {
            self.source_ages.record_read(source);
        }
    }
}

impl SourceAges {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new(
            "almanac_source_age_seconds",
            "Seconds since the source was last read in full.",
        );
        let ages = Self {
            gauge: GaugeVec::new(options, &["source"])?,
            read_at: Arc::default(),
        };
        register(registry, ages)
    }

    fn record_read(&self, source: &str) {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match read_at.iter_mut().find(|(name, _)| name == source) {
            Some((_, at)) => *at = now,
            None => read_at.push((source.to_owned(), now)),
        }
    }
}

impl Collector for SourceAges {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, at) in read_at.iter() {
            self.gauge
                .with_label_values(&[source])
                .set(at.elapsed().as_secs_f64());
        }
        self.gauge.collect()
    }
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn differences(registry: &Registry) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(
        "almanac_shadow_difference_ratio",
        "Mean absolute difference between the forecasts of the shadow and those that were answered, relative to the mean absolute forecast, per series.",
    );
    let options = options.buckets(DIFFERENCE_BUCKETS.to_vec());
    register(registry, HistogramVec::new(options, &["model"])?)
}

//! What the lives of models and the looks at their sources count.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use crate::registry::record::VersionState;

/// Upper bounds of a relative difference: a ten-thousandth, below which two versions are the same, to
/// ten times the forecast.
const DIFFERENCE_BUCKETS: [f64; 12] = [
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0,
];

/// The metrics of models' lives, in the registry they were made with.
#[derive(Clone, Debug)]
pub struct LifeMetrics {
    states: IntGaugeVec,
    loads: IntCounterVec,
    swaps: IntCounterVec,
    rollbacks: IntCounterVec,
    shadows: IntCounterVec,
    differences: HistogramVec,
    sources: Ages,
    source_up: IntGaugeVec,
}

/// How long ago each source was last read, told when it is asked.
#[derive(Clone, Debug)]
struct Ages {
    gauge: GaugeVec,
    read: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl LifeMetrics {
    /// Registers the metrics in `registry`.
    ///
    /// # Errors
    /// The registry's, when a name is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name, help, labels: &[&str]| {
            registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let difference = HistogramOpts::new(
            "almanac_shadow_difference_ratio",
            "Mean absolute difference between the forecasts of the shadow and those that were answered, relative to the mean absolute forecast, per series.",
        );
        let ages = GaugeVec::new(
            Opts::new(
                "almanac_source_age_seconds",
                "Seconds since the source was last read in full.",
            ),
            &["source"],
        )?;
        let sources = Ages {
            gauge: ages,
            read: Arc::default(),
        };
        registry.register(Box::new(sources.clone()))?;
        Ok(Self {
            states: gauge(
                "almanac_model_versions",
                "Attempts at a model version in each state, those kept in the history.",
                &["model", "version", "state"],
            )?,
            loads: counter(
                "almanac_model_loads_total",
                "Loads of model versions that ended, by outcome: ready, unchanged, unreadable or failed.",
                &["model", "outcome"],
            )?,
            swaps: counter(
                "almanac_model_swaps_total",
                "Times that another version took over.",
                &["model"],
            )?,
            rollbacks: counter(
                "almanac_model_rollbacks_total",
                "Versions taken back because they did worse than the one before.",
                &["model"],
            )?,
            shadows: counter(
                "almanac_shadow_series_total",
                "Series given to a shadow, by outcome: compared, failed or dropped.",
                &["model", "outcome"],
            )?,
            differences: registered(
                registry,
                HistogramVec::new(difference.buckets(DIFFERENCE_BUCKETS.to_vec()), &["model"]),
            )?,
            sources,
            source_up: gauge(
                "almanac_source_up",
                "Whether the last look at the source succeeded.",
                &["source"],
            )?,
        })
    }

    pub(super) fn enters(&self, model: &str, version: &str, state: &VersionState) {
        self.states
            .with_label_values(&[model, version, state.name()])
            .inc();
    }

    pub(super) fn leaves(&self, model: &str, version: &str, state: &VersionState) {
        let labels = [model, version, state.name()];
        let gauge = self.states.with_label_values(&labels);
        gauge.dec();
        if gauge.get() <= 0 {
            // So that the versions of a long life do not pile up.
            let _absent = self.states.remove_label_values(&labels);
        }
    }

    /// Forgets what was counted of `model`, which has left for good.
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

    pub(super) fn loaded(&self, model: &str, outcome: &str) {
        self.loads.with_label_values(&[model, outcome]).inc();
    }

    pub(super) fn swapped(&self, model: &str) {
        self.swaps.with_label_values(&[model]).inc();
    }

    pub(super) fn rolled_back(&self, model: &str) {
        self.rollbacks.with_label_values(&[model]).inc();
    }

    pub(super) fn shadowed(&self, model: &str, outcome: &str, series: usize) {
        self.shadows
            .with_label_values(&[model, outcome])
            .inc_by(series as u64);
    }

    pub(super) fn difference(&self, model: &str) -> Histogram {
        self.differences.with_label_values(&[model])
    }

    pub(super) fn looked(&self, source: &str, is_read: bool) {
        self.source_up
            .with_label_values(&[source])
            .set(i64::from(is_read));
        if is_read {
            self.sources.read(source);
        }
    }
}

impl Ages {
    fn read(&self, source: &str) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match read.iter_mut().find(|(known, _)| known == source) {
            Some((_, at)) => *at = now,
            None => read.push((source.to_owned(), now)),
        }
    }
}

impl Collector for Ages {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, at) in read.iter() {
            self.gauge
                .with_label_values(&[source])
                .set(at.elapsed().as_secs_f64());
        }
        self.gauge.collect()
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

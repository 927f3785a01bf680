//! Metrics of sources.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// The metrics of all sources, labelled with the name of the source.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    received: IntCounterVec,
    failures: IntCounterVec,
    from_cache: IntGaugeVec,
}

impl StoreMetrics {
    /// Creates metrics and registers them in `registry`.
    ///
    /// # Errors
    /// If `registry` already has metrics of these names.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::default();
        registry.register(Box::new(metrics.received.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.from_cache.clone()))?;
        Ok(metrics)
    }

    /// Records that `bytes` were received from `source`.
    pub(super) fn record_received(&self, source: &str, bytes: u64) {
        self.received.with_label_values(&[source]).inc_by(bytes);
    }

    /// Records a failed poll of `source`, or a failed download from it.
    pub(super) fn record_failure(&self, source: &str, kind: &str) {
        self.failures.with_label_values(&[source, kind]).inc();
    }

    /// Sets whether the last poll of `source` was answered from the cache.
    pub(super) fn set_from_cache(&self, source: &str, is_cached: bool) {
        let gauge = self.from_cache.with_label_values(&[source]);
        gauge.set(i64::from(is_cached));
    }
}

impl Default for StoreMetrics {
    /// Creates metrics that are in no registry.
    fn default() -> Self {
        let counter = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
                .expect("the name and labels are valid")
        };
        Self {
            received: counter(
                "almanac_source_received_bytes_total",
                "Bytes downloaded from a model source.",
                &["source"],
            ),
            failures: counter(
                "almanac_source_failures_total",
                "Failed polls of a model source, and failed downloads from it.",
                &["source", "reason"],
            ),
            from_cache: IntGaugeVec::new(
                Opts::new(
                    "almanac_source_from_cache",
                    "1 while a model source is unreachable and the cache replaces it, else 0.",
                ),
                &["source"],
            )
            .expect("the name and labels are valid"),
        }
    }
}

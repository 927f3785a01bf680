//! What sources count.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// Counters of every source, by its name.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    received: IntCounterVec,
    failures: IntCounterVec,
    from_cache: IntGaugeVec,
}

impl StoreMetrics {
    /// Counters in `registry`.
    ///
    /// # Errors
    /// When `registry` has them already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::default();
        registry.register(Box::new(metrics.received.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.from_cache.clone()))?;
        Ok(metrics)
    }

    /// So many bytes came from `source`.
    pub(super) fn received(&self, source: &str, bytes: u64) {
        self.received.with_label_values(&[source]).inc_by(bytes);
    }

    /// A look at `source`, or a download from it, failed.
    pub(super) fn failed(&self, source: &str, kind: &str) {
        self.failures.with_label_values(&[source, kind]).inc();
    }

    /// Whether the last look at `source` was answered by the cache.
    pub(super) fn set_from_cache(&self, source: &str, is_cached: bool) {
        let gauge = self.from_cache.with_label_values(&[source]);
        gauge.set(i64::from(is_cached));
    }
}

impl Default for StoreMetrics {
    /// Counters that nobody reads.
    fn default() -> Self {
        let counter = |name, help, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
                .expect("the name and labels are valid")
        };
        Self {
            received: counter(
                "almanac_source_received_bytes_total",
                "Bytes downloaded from a source of models.",
                &["source"],
            ),
            failures: counter(
                "almanac_source_failures_total",
                "Looks at a source of models, and downloads from it, that failed.",
                &["source", "reason"],
            ),
            from_cache: IntGaugeVec::new(
                Opts::new(
                    "almanac_source_from_cache",
                    "1 while a source of models is out of reach and the cache answers for it.",
                ),
                &["source"],
            )
            .expect("the name and labels are valid"),
        }
    }
}

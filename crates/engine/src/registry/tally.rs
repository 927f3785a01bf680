//! How many requests each version answered: read from what its trial counts anyway, when it is asked.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts, Registry};

use crate::registry::record::{Records, VersionState};

/// Requests by version, of those that are loaded: what left takes its numbers with it.
#[derive(Debug)]
struct Tally {
    records: Records,
    /// For its description; its counters stay empty.
    described: IntCounterVec,
}

impl Records {
    /// Tells in `registry` how many requests each loaded version answered and failed.
    ///
    /// # Errors
    /// The registry's, when the name is taken.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(Tally {
            records: self.clone(),
            described: counters()?,
        }))
    }
}

fn counters() -> prometheus::Result<IntCounterVec> {
    let options = Opts::new(
        "almanac_model_requests_total",
        "Requests of each loaded version, by outcome: answered, or failed by the model's fault.",
    );
    IntCounterVec::new(options, &["model", "version", "outcome"])
}

impl Collector for Tally {
    fn desc(&self) -> Vec<&Desc> {
        self.described.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // A counter cannot be set, so they are made anew. The same made one before.
        let Ok(counters) = counters() else {
            return Vec::new();
        };
        for (model, record) in self.records.all() {
            if !matches!(record.state, VersionState::Ready | VersionState::Draining) {
                continue;
            }
            let counts = record.usage.counts();
            let of = |outcome| [model.as_str(), record.version.as_str(), outcome];
            // A request is counted before its error is.
            let answered = counts.requests.saturating_sub(counts.errors);
            counters.with_label_values(&of("answered")).inc_by(answered);
            counters
                .with_label_values(&of("failed"))
                .inc_by(counts.errors);
        }
        counters.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use almanac_model::Digest;

    /// Each version and outcome with its count.
    fn told(registry: &Registry) -> Vec<(String, u64)> {
        let families = registry.gather();
        let samples = families.iter().flat_map(MetricFamily::get_metric);
        samples
            .map(|sample| {
                let labels = sample.get_label().iter();
                let labels: Vec<_> = labels.map(prometheus::proto::LabelPair::value).collect();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a small count"
                )]
                let count = sample.get_counter().get_value() as u64;
                (labels.join(" "), count)
            })
            .collect()
    }

    #[test]
    fn versions_that_are_loaded_tell_their_requests_and_take_them_along() {
        let (records, registry) = (Records::default(), Registry::new());
        records.register(&registry).unwrap();
        let lives = ["3", "4", "5"].map(|version| records.begin("sales", version, "embedded:"));
        for life in &lives[..2] {
            life.ready(Digest::of(b"graph"), Duration::ZERO);
        }
        let took = Duration::from_millis(1);
        lives[0].usage().answered(took, false);
        lives[0].usage().answered(took, false);
        lives[1].usage().answered(took, true);
        lives[1].usage().answered(took, false);
        let expected = |told: &[(&str, u64)]| -> Vec<_> {
            told.iter()
                .map(|(text, count)| ((*text).to_owned(), *count))
                .collect()
        };
        // Labels are in the order of the alphabet: model, outcome, version.
        let both = [
            ("sales answered 3", 2),
            ("sales answered 4", 1),
            ("sales failed 3", 0),
            ("sales failed 4", 1),
        ];
        assert_eq!(told(&registry), expected(&both));
        lives[0].set(VersionState::Gone);
        let left = [("sales answered 4", 1), ("sales failed 4", 1)];
        assert_eq!(told(&registry), expected(&left));
    }
}

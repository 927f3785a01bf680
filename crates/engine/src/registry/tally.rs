//! The metric of the requests of each version, read from the counts that its trial needs anyway.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts, Registry};

use crate::registry::record::Records;
use crate::registry::state::VersionState;

/// The collector of the requests of each loaded version. A version that leaves memory loses its counters.
#[derive(Debug)]
struct RequestCollector {
    records: Records,
    /// Describes the metric. Its counters stay empty.
    description: IntCounterVec,
}

impl Records {
    /// Registers a metric in `registry` that counts the requests which each loaded version answered and
    /// failed.
    ///
    /// # Errors
    /// The error of the registry if the name is already registered.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(RequestCollector {
            records: self.clone(),
            description: counters()?,
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

impl Collector for RequestCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.description.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // A counter cannot be set, so the counters are created anew. This succeeded at registration.
        let Ok(counters) = counters() else {
            return Vec::new();
        };
        for (model, record) in self.records.all() {
            if !matches!(record.state, VersionState::Ready | VersionState::Draining) {
                continue;
            }
            let counts = record.usage.counts();
            let labels = |outcome| [model.as_str(), record.version.as_str(), outcome];
            // A request is counted before its error is.
            let answered = counts.requests.saturating_sub(counts.errors);
            counters
                .with_label_values(&labels("answered"))
                .inc_by(answered);
            counters
                .with_label_values(&labels("failed"))
                .inc_by(counts.errors);
        }
        counters.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use almanac_model::Digest;
    use prometheus::proto::LabelPair;

    use super::*;

    /// Returns the labels and the count of each counter.
    fn samples(registry: &Registry) -> Vec<(String, u64)> {
        registry
            .gather()
            .iter()
            .flat_map(MetricFamily::get_metric)
            .map(|sample| {
                let labels: Vec<_> = sample.get_label().iter().map(LabelPair::value).collect();
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
    fn loaded_versions_report_their_requests_until_they_leave() {
        let (records, registry) = (Records::default(), Registry::new());
        records.register(&registry).unwrap();
        let recorders = ["3", "4", "5"].map(|version| records.begin("sales", version, "embedded:"));
        for recorder in &recorders[..2] {
            recorder.ready(Digest::of(b"graph"), Duration::ZERO);
        }
        let duration = Duration::from_millis(1);
        recorders[0].usage().record_answer(duration, false);
        recorders[0].usage().record_answer(duration, false);
        recorders[1].usage().record_answer(duration, true);
        recorders[1].usage().record_answer(duration, false);
        let expected = |samples: &[(&str, u64)]| -> Vec<_> {
            samples
                .iter()
                .map(|(labels, count)| ((*labels).to_owned(), *count))
                .collect()
        };
        // The labels are in alphabetical order: model, outcome, version.
        let both = [
            ("sales answered 3", 2),
            ("sales answered 4", 1),
            ("sales failed 3", 0),
            ("sales failed 4", 1),
        ];
        assert_eq!(samples(&registry), expected(&both));
        recorders[0].set(VersionState::Gone);
        let remaining = [("sales answered 4", 1), ("sales failed 4", 1)];
        assert_eq!(samples(&registry), expected(&remaining));
    }
}

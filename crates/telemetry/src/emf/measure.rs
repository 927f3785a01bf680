//! The metrics in CloudWatch, and the samples of the registry that each is computed from.

use std::collections::BTreeSet;

use prometheus::proto::{Metric, MetricFamily};

use crate::emf::reading::{BucketCounts, MetricReading};

/// A metric in CloudWatch, and the samples that it is computed from.
#[derive(Debug)]
pub(super) struct Measure {
    /// The name in CloudWatch.
    pub(super) name: &'static str,
    /// The unit, as CloudWatch names it.
    pub(super) unit: &'static str,
    /// The name of the family in the registry.
    pub(super) family: &'static str,
    /// Returns true for the samples that count.
    counts: fn(Labels<'_>) -> bool,
    aggregation: Aggregation,
}

/// The computation of a value from samples.
#[derive(Clone, Copy, Debug)]
enum Aggregation {
    /// The increase of a counter.
    Increase,
    /// The value of a gauge.
    Level,
    /// The number of gauges that are 0.
    ZeroCount,
    /// The values of a histogram, by bucket.
    Values,
    /// The increase of the sum of a histogram.
    Sum,
}

/// The labels of one sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a>(&'a Metric);

impl<'a> Labels<'a> {
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.0
            .get_label()
            .iter()
            .find(|pair| pair.name() == name)
            .map(prometheus::proto::LabelPair::value)
    }

    fn is(self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    fn has_status(self, class: char) -> bool {
        self.get("status")
            .is_some_and(|status| status.starts_with(class))
    }
}

const fn all(_labels: Labels<'_>) -> bool {
    true
}

const REQUESTS: &str = "almanac_http_requests_total";

// The metrics that both the process and each model have.
const QUEUE_STEPS: Measure = count(
    "QueueSteps",
    "almanac_engine_queue_steps",
    Aggregation::Level,
    all,
);
const MODEL_FAILURES: Measure = count(
    "ModelFailures",
    "almanac_engine_failed_total",
    Aggregation::Increase,
    all,
);
const LOAD_FAILURES: Measure = count(
    "LoadFailures",
    "almanac_model_loads_total",
    Aggregation::Increase,
    |labels| labels.is("outcome", "failed"),
);
const ROLLBACKS: Measure = count(
    "Rollbacks",
    "almanac_model_rollbacks_total",
    Aggregation::Increase,
    all,
);

/// The metrics of the whole process.
pub(super) const SERVICE: &[Measure] = &[
    count("Requests", REQUESTS, Aggregation::Increase, all),
    // The alert on errors uses the same definition: a server that shuts down refuses requests,
    // which is not an error.
    count("Errors", REQUESTS, Aggregation::Increase, |labels| {
        labels.has_status('5') && !labels.is("code", "shutting_down")
    }),
    count("Refusals", REQUESTS, Aggregation::Increase, |labels| {
        labels.is("status", "429")
    }),
    count("ClientErrors", REQUESTS, Aggregation::Increase, |labels| {
        labels.has_status('4') && !labels.is("status", "429")
    }),
    seconds("RequestSeconds", "almanac_http_request_seconds"),
    count(
        "Series",
        "almanac_http_request_series",
        Aggregation::Sum,
        all,
    ),
    count(
        "RequestsInFlight",
        "almanac_http_requests_in_flight",
        Aggregation::Level,
        all,
    ),
    QUEUE_STEPS,
    MODEL_FAILURES,
    LOAD_FAILURES,
    ROLLBACKS,
    count(
        "SourcesDown",
        "almanac_source_up",
        Aggregation::ZeroCount,
        all,
    ),
    count(
        "SourcesFromCache",
        "almanac_source_from_cache",
        Aggregation::Level,
        all,
    ),
    count(
        "LogLinesDropped",
        "almanac_log_lines_dropped_total",
        Aggregation::Increase,
        all,
    ),
    Measure {
        name: "Memory",
        unit: "Bytes",
        family: "process_resident_memory_bytes",
        counts: all,
        aggregation: Aggregation::Level,
    },
];

/// The metrics of one model.
pub(super) const MODEL: &[Measure] = &[
    count("Series", "almanac_engine_batch_rows", Aggregation::Sum, all),
    seconds("QueueSeconds", "almanac_engine_queue_seconds"),
    seconds("InferenceSeconds", "almanac_engine_inference_seconds"),
    QUEUE_STEPS,
    count(
        "Refusals",
        "almanac_engine_refused_total",
        Aggregation::Increase,
        |labels| !labels.is("reason", "closed"),
    ),
    count(
        "SeriesDropped",
        "almanac_engine_dropped_total",
        Aggregation::Increase,
        all,
    ),
    MODEL_FAILURES,
    LOAD_FAILURES,
    count(
        "Swaps",
        "almanac_model_swaps_total",
        Aggregation::Increase,
        all,
    ),
    ROLLBACKS,
    Measure {
        name: "ShadowDifference",
        unit: "None",
        family: "almanac_shadow_difference_ratio",
        counts: all,
        aggregation: Aggregation::Values,
    },
];

const fn count(
    name: &'static str,
    family: &'static str,
    aggregation: Aggregation,
    counts: fn(Labels<'_>) -> bool,
) -> Measure {
    Measure {
        name,
        unit: "Count",
        family,
        counts,
        aggregation,
    }
}

const fn seconds(name: &'static str, family: &'static str) -> Measure {
    Measure {
        name,
        unit: "Seconds",
        family,
        counts: all,
        aggregation: Aggregation::Values,
    }
}

impl Measure {
    /// Computes the value of the samples of `families` for which `is_of_line` returns true.
    pub(super) fn read(
        &self,
        families: &[MetricFamily],
        is_of_line: impl Fn(Labels<'_>) -> bool,
    ) -> MetricReading {
        let samples: Vec<_> = families
            .iter()
            .filter(|family| family.name() == self.family)
            .flat_map(MetricFamily::get_metric)
            .filter(|sample| {
                let labels = Labels(sample);
                (self.counts)(labels) && is_of_line(labels)
            })
            .collect();
        let total =
            |value: fn(&Metric) -> f64| samples.iter().fold(0.0, |sum, sample| sum + value(sample));
        match self.aggregation {
            Aggregation::Increase => {
                MetricReading::Total(total(|sample| sample.get_counter().get_value()))
            }
            Aggregation::Sum => {
                MetricReading::Total(total(|sample| sample.get_histogram().get_sample_sum()))
            }
            // Some families, such as the memory, do not exist on every operating system.
            Aggregation::Level if families.iter().all(|family| family.name() != self.family) => {
                MetricReading::Level(f64::NAN)
            }
            Aggregation::Level => {
                MetricReading::Level(total(|sample| sample.get_gauge().get_value()))
            }
            Aggregation::ZeroCount => {
                let n_zeros = samples
                    .iter()
                    .filter(|sample| sample.get_gauge().get_value() < 0.5)
                    .count();
                MetricReading::Level(n_zeros as f64)
            }
            Aggregation::Values => MetricReading::Values(
                samples
                    .iter()
                    .map(|sample| sample.get_histogram())
                    .fold(BucketCounts::default(), BucketCounts::with),
            ),
        }
    }
}

/// Returns the names of all models that have samples, in alphabetical order.
pub(super) fn model_names(families: &[MetricFamily]) -> BTreeSet<String> {
    families
        .iter()
        .filter(|family| MODEL.iter().any(|measure| measure.family == family.name()))
        .flat_map(MetricFamily::get_metric)
        .filter_map(|sample| Labels(sample).get("model").map(str::to_owned))
        .collect()
}

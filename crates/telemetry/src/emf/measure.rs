//! Which samples of the registry become which metric of CloudWatch.

use std::collections::BTreeSet;

use prometheus::proto::{Metric, MetricFamily};

use crate::emf::reading::{Reading, Spread};

/// A metric in CloudWatch, and what it is read from.
#[derive(Debug)]
pub(super) struct Measure {
    /// Its name there.
    pub(super) name: &'static str,
    /// Its unit, in CloudWatch's words.
    pub(super) unit: &'static str,
    /// The name of the family in the registry.
    pub(super) family: &'static str,
    /// Which samples of it count.
    counts: fn(Labels<'_>) -> bool,
    how: How,
}

/// How samples become a value.
#[derive(Clone, Copy, Debug)]
enum How {
    /// How much a counter rose.
    Rise,
    /// What a gauge says now.
    Level,
    /// How many gauges say 0 now.
    Zeros,
    /// The values of a histogram, to the bucket.
    Values,
    /// How much the sum of a histogram rose.
    Sum,
}

/// The labels of one sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a>(&'a Metric);

impl<'a> Labels<'a> {
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        let mut pairs = self.0.get_label().iter();
        pairs
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

// What is told of the process and of each model.
const QUEUE_STEPS: Measure = count("QueueSteps", "almanac_engine_queue_steps", How::Level, all);
const MODEL_FAILURES: Measure = count(
    "ModelFailures",
    "almanac_engine_failed_total",
    How::Rise,
    all,
);
const LOAD_FAILURES: Measure = count(
    "LoadFailures",
    "almanac_model_loads_total",
    How::Rise,
    |labels| labels.is("outcome", "failed"),
);
const ROLLBACKS: Measure = count("Rollbacks", "almanac_model_rollbacks_total", How::Rise, all);

/// The metrics of the whole process.
pub(super) const SERVICE: &[Measure] = &[
    count("Requests", REQUESTS, How::Rise, all),
    // As the alert on errors counts them: a server that ends refuses, and that is none.
    count("Errors", REQUESTS, How::Rise, |labels| {
        labels.has_status('5') && !labels.is("code", "shutting_down")
    }),
    count("Refusals", REQUESTS, How::Rise, |labels| {
        labels.is("status", "429")
    }),
    count("ClientErrors", REQUESTS, How::Rise, |labels| {
        labels.has_status('4') && !labels.is("status", "429")
    }),
    seconds("RequestSeconds", "almanac_http_request_seconds"),
    count("Series", "almanac_http_request_series", How::Sum, all),
    count(
        "RequestsInFlight",
        "almanac_http_requests_in_flight",
        How::Level,
        all,
    ),
    QUEUE_STEPS,
    MODEL_FAILURES,
    LOAD_FAILURES,
    ROLLBACKS,
    count("SourcesDown", "almanac_source_up", How::Zeros, all),
    count(
        "SourcesFromCache",
        "almanac_source_from_cache",
        How::Level,
        all,
    ),
    count(
        "LogLinesDropped",
        "almanac_log_lines_dropped_total",
        How::Rise,
        all,
    ),
    Measure {
        name: "Memory",
        unit: "Bytes",
        family: "process_resident_memory_bytes",
        counts: all,
        how: How::Level,
    },
];

/// The metrics of one model.
pub(super) const MODEL: &[Measure] = &[
    count("Series", "almanac_engine_batch_rows", How::Sum, all),
    seconds("QueueSeconds", "almanac_engine_queue_seconds"),
    seconds("InferenceSeconds", "almanac_engine_inference_seconds"),
    QUEUE_STEPS,
    count(
        "Refusals",
        "almanac_engine_refused_total",
        How::Rise,
        |labels| !labels.is("reason", "closed"),
    ),
    count(
        "SeriesDropped",
        "almanac_engine_dropped_total",
        How::Rise,
        all,
    ),
    MODEL_FAILURES,
    LOAD_FAILURES,
    count("Swaps", "almanac_model_swaps_total", How::Rise, all),
    ROLLBACKS,
    Measure {
        name: "ShadowDifference",
        unit: "None",
        family: "almanac_shadow_difference_ratio",
        counts: all,
        how: How::Values,
    },
];

const fn count(
    name: &'static str,
    family: &'static str,
    how: How,
    counts: fn(Labels<'_>) -> bool,
) -> Measure {
    Measure {
        name,
        unit: "Count",
        family,
        counts,
        how,
    }
}

const fn seconds(name: &'static str, family: &'static str) -> Measure {
    Measure {
        name,
        unit: "Seconds",
        family,
        counts: all,
        how: How::Values,
    }
}

impl Measure {
    /// What the samples of `families` say that `is_of_line` lets pass.
    pub(super) fn read(
        &self,
        families: &[MetricFamily],
        is_of_line: impl Fn(Labels<'_>) -> bool,
    ) -> Reading {
        let samples: Vec<_> = families
            .iter()
            .filter(|family| family.name() == self.family)
            .flat_map(MetricFamily::get_metric)
            .filter(|sample| {
                let labels = Labels(sample);
                (self.counts)(labels) && is_of_line(labels)
            })
            .collect();
        let total = |value: fn(&Metric) -> f64| {
            let values = samples.iter().map(|sample| value(sample));
            values.fold(0.0, |sum, value| sum + value)
        };
        match self.how {
            How::Rise => Reading::Total(total(|sample| sample.get_counter().get_value())),
            How::Sum => Reading::Total(total(|sample| sample.get_histogram().get_sample_sum())),
            // Not every system tells everything, such as memory.
            How::Level if families.iter().all(|family| family.name() != self.family) => {
                Reading::Level(f64::NAN)
            }
            How::Level => Reading::Level(total(|sample| sample.get_gauge().get_value())),
            How::Zeros => {
                let zeros = samples.iter();
                let zeros = zeros.filter(|sample| sample.get_gauge().get_value() < 0.5);
                Reading::Level(zeros.count() as f64)
            }
            How::Values => {
                let histograms = samples.iter().map(|sample| sample.get_histogram());
                Reading::Values(histograms.fold(Spread::default(), Spread::with))
            }
        }
    }
}

/// The names of all models that have samples, in the order of the alphabet.
pub(super) fn models(families: &[MetricFamily]) -> BTreeSet<String> {
    families
        .iter()
        .filter(|family| MODEL.iter().any(|measure| measure.family == family.name()))
        .flat_map(MetricFamily::get_metric)
        .filter_map(|sample| Labels(sample).get("model").map(str::to_owned))
        .collect()
}

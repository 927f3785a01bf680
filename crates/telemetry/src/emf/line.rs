//! One document of the embedded metric format.
//!
//! The specification allows at most 100 metrics and 30 dimensions in a directive, 100 values of a
//! metric, 1,024 characters in the value of a dimension, and 256 KiB in total. A test checks that
//! the tables of metrics and the buckets of histograms stay within these limits.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::emf::EmfConfig;
use crate::emf::measure::Measure;
use crate::emf::reading::{BucketCounts, MetricReading};

/// The maximum length of a dimension's value, in characters.
const MAX_DIMENSION_CHARS: usize = 1_024;

const MINUTE: Duration = Duration::from_secs(60);

/// A document, to which metrics are added.
#[derive(Debug, Serialize)]
pub(super) struct EmfDocument<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    dimensions: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    values: BTreeMap<&'static str, MetricValue>,
    /// The storage resolution in seconds: 60, or 1 if lines are written more than once a minute.
    #[serde(skip)]
    storage_resolution: u8,
    #[serde(skip)]
    is_idle: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// The milliseconds since 1970.
    timestamp: i64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [Vec<&'static str>; 1],
    metrics: Vec<Definition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
    storage_resolution: u8,
}

/// The value of a metric.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum MetricValue {
    Number(f64),
    Distribution(ValueCounts),
}

/// The values of a histogram and their counts.
///
/// The specification describes only numbers and arrays; AWS's own collector and client libraries
/// write histograms in this form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ValueCounts {
    /// The midpoint of each bucket.
    values: Vec<f64>,
    counts: Vec<u64>,
    /// The lower bound of all values.
    min: f64,
    /// The upper bound of all values.
    max: f64,
    count: u64,
    sum: f64,
}

impl<'a> EmfDocument<'a> {
    pub(super) fn new(config: &'a EmfConfig, model: Option<&str>, now: Timestamp) -> Self {
        let mut dimensions = BTreeMap::from([("Service", dimension_value(&config.service))]);
        if let Some(model) = model {
            dimensions.insert("Model", dimension_value(model));
        }
        let directive = Directive {
            namespace: &config.namespace,
            dimensions: [dimensions.keys().rev().copied().collect()],
            metrics: Vec::new(),
        };
        Self {
            metadata: Metadata {
                timestamp: now.as_millisecond(),
                cloud_watch_metrics: [directive],
            },
            dimensions,
            values: BTreeMap::new(),
            storage_resolution: if config.interval < MINUTE { 1 } else { 60 },
            is_idle: true,
        }
    }

    /// Adds the reading of `measure`. A distribution without values and a value that is not finite
    /// cannot be written, so both are omitted.
    pub(super) fn add(&mut self, measure: &Measure, reading: &MetricReading) {
        let value = match reading {
            MetricReading::Total(value) | MetricReading::Level(value) if !value.is_finite() => {
                return;
            }
            MetricReading::Total(value) | MetricReading::Level(value) => {
                self.is_idle &= *value == 0.0;
                MetricValue::Number(*value)
            }
            MetricReading::Values(counts) if counts.count() == 0 => return,
            MetricReading::Values(counts) => {
                self.is_idle = false;
                MetricValue::Distribution(value_counts(counts))
            }
        };
        self.values.insert(measure.name, value);
        let [directive] = &mut self.metadata.cloud_watch_metrics;
        directive.metrics.push(Definition {
            name: measure.name,
            unit: measure.unit,
            storage_resolution: self.storage_resolution,
        });
    }

    /// Returns true if every number is 0 and no histogram has values.
    pub(super) const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Returns the document followed by a line feed.
    pub(super) fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("all keys are strings");
        text.push('\n');
        text
    }
}

fn dimension_value(value: &str) -> String {
    value.chars().take(MAX_DIMENSION_CHARS).collect()
}

fn value_counts(counts: &BucketCounts) -> ValueCounts {
    let buckets = counts.buckets();
    ValueCounts {
        values: buckets
            .iter()
            .map(|bucket| f64::midpoint(bucket.lower, bucket.upper))
            .collect(),
        counts: buckets.iter().map(|bucket| bucket.count).collect(),
        min: buckets.first().map_or(0.0, |bucket| bucket.lower),
        max: buckets.last().map_or(0.0, |bucket| bucket.upper),
        count: counts.count(),
        sum: counts.sum(),
    }
}

//! One document of the embedded metric format.
//!
//! The specification: at most 100 metrics and 30 dimensions in a directive, 100 values of a metric,
//! 1,024 characters of a dimension's value, 256 KiB in all. The tables of metrics and the buckets of
//! histograms keep to them, which a test holds.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::emf::EmfConfig;
use crate::emf::measure::Measure;
use crate::emf::reading::{Reading, Spread};

/// Most characters of a dimension's value.
const LONGEST_DIMENSION: usize = 1_024;

const MINUTE: Duration = Duration::from_secs(60);

/// A document that is being filled.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    dimensions: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    targets: BTreeMap<&'static str, Target>,
    /// Seconds: 60, or 1 where lines come more often than once a minute.
    #[serde(skip)]
    storage_resolution: u8,
    #[serde(skip)]
    is_idle: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// Milliseconds since 1970.
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
enum Target {
    Number(f64),
    Distribution(Distribution),
}

/// Many values: so many of each. The specification's text knows numbers and arrays alone; this is the
/// form in which AWS's own collector and client libraries write histograms.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Distribution {
    /// The middle of each bucket.
    values: Vec<f64>,
    counts: Vec<u64>,
    /// The bounds between which all of them are.
    min: f64,
    max: f64,
    count: u64,
    sum: f64,
}

impl<'a> Line<'a> {
    pub(super) fn new(config: &'a EmfConfig, model: Option<&str>, now: Timestamp) -> Self {
        let mut dimensions = BTreeMap::from([("Service", dimension(&config.service))]);
        if let Some(model) = model {
            dimensions.insert("Model", dimension(model));
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
            targets: BTreeMap::new(),
            storage_resolution: if config.interval < MINUTE { 1 } else { 60 },
            is_idle: true,
        }
    }

    /// Adds what `measure` says. Neither a distribution of no values nor what is no number can be
    /// written, and both are left out.
    pub(super) fn add(&mut self, measure: &Measure, reading: &Reading) {
        let target = match reading {
            Reading::Total(value) | Reading::Level(value) if !value.is_finite() => return,
            Reading::Total(value) | Reading::Level(value) => {
                self.is_idle &= *value == 0.0;
                Target::Number(*value)
            }
            Reading::Values(spread) if spread.count() == 0 => return,
            Reading::Values(spread) => {
                self.is_idle = false;
                Target::Distribution(distribution(spread))
            }
        };
        self.targets.insert(measure.name, target);
        let [directive] = &mut self.metadata.cloud_watch_metrics;
        directive.metrics.push(Definition {
            name: measure.name,
            unit: measure.unit,
            storage_resolution: self.storage_resolution,
        });
    }

    /// Whether every number is 0 and there are no values.
    pub(super) const fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// The document and a line feed.
    pub(super) fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("its keys are texts");
        text.push('\n');
        text
    }
}

fn dimension(value: &str) -> String {
    value.chars().take(LONGEST_DIMENSION).collect()
}

fn distribution(spread: &Spread) -> Distribution {
    let buckets = spread.buckets();
    let first = buckets.first().map_or(0.0, |bucket| bucket.lower);
    let last = buckets.last().map_or(0.0, |bucket| bucket.upper);
    Distribution {
        values: buckets
            .iter()
            .map(|bucket| f64::midpoint(bucket.lower, bucket.upper))
            .collect(),
        counts: buckets.iter().map(|bucket| bucket.count).collect(),
        min: first,
        max: last,
        count: spread.count(),
        sum: spread.sum(),
    }
}

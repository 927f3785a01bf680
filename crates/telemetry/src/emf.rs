//! Metrics as lines of standard output, in CloudWatch's embedded metric format (EMF).
//!
//! The log collector of the process sends the lines to CloudWatch, which extracts the metrics, so
//! nothing has to scrape the server. The values are read from the registry that `GET /metrics`
//! shows, so nothing is counted twice. A background thread writes the lines; only that thread is
//! blocked by a slow reader.

mod line;
mod measure;
mod reading;

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prometheus::Registry;
use prometheus::proto::MetricFamily;

use crate::emf::line::EmfDocument;
use crate::emf::measure::{MODEL, Measure, SERVICE};
use crate::emf::reading::MetricReading;

/// The value of `Model` in the line that several models share.
const OTHER_MODEL: &str = "other";

/// The configuration of the metrics in EMF.
#[derive(Clone, Debug)]
pub struct EmfConfig {
    /// The time between two lines.
    pub interval: Duration,
    /// The namespace of the metrics in CloudWatch.
    pub namespace: String,
    /// The value of the dimension `Service`.
    pub service: String,
    /// The maximum number of models with a line of their own; the other models share one.
    pub max_models: usize,
    /// The routes whose requests are not counted: health checks and scrapes.
    pub routine: &'static [&'static str],
}

/// A metric that lines may have, which documentation, dashboards and alarms may use.
#[derive(Clone, Copy, Debug)]
pub struct EmfMetric {
    /// The name in CloudWatch.
    pub name: &'static str,
    /// The unit, as CloudWatch names it.
    pub unit: &'static str,
    /// The name of the family in the registry that it is computed from.
    pub family: &'static str,
    /// True if the metric exists for each model, with the dimension `Model`.
    pub is_per_model: bool,
}

/// Returns all metrics that lines may have, in order.
pub fn emf_metrics() -> impl Iterator<Item = EmfMetric> {
    let metric = |measure: &Measure, is_per_model| EmfMetric {
        name: measure.name,
        unit: measure.unit,
        family: measure.family,
        is_per_model,
    };
    SERVICE
        .iter()
        .map(move |measure| metric(measure, false))
        .chain(MODEL.iter().map(move |measure| metric(measure, true)))
}

/// A writer that converts samples of the registry to lines, each with the changes since the
/// previous samples.
#[derive(Debug)]
pub struct EmfWriter {
    config: EmfConfig,
    /// The models with a line of their own, in the order of their first samples.
    models: Vec<String>,
    /// The previous readings, by model and measure.
    previous: HashMap<(Option<String>, &'static str), MetricReading>,
}

/// A notification that the lines were written.
type WrittenSender = mpsc::Sender<()>;

/// A handle to the thread that writes lines.
#[derive(Debug)]
pub struct Emf {
    flush_requests: mpsc::Sender<WrittenSender>,
}

impl EmfWriter {
    /// Creates a writer for a process whose counters are 0.
    #[must_use]
    pub fn new(config: EmfConfig) -> Self {
        Self {
            config,
            models: Vec::new(),
            previous: HashMap::new(),
        }
    }

    /// Converts `families`, sampled at `now`, to lines: one for the service, and one for each model
    /// with activity since the previous call. Each line is a JSON object and ends with a line feed.
    pub fn lines(&mut self, families: &[MetricFamily], now: Timestamp) -> Vec<String> {
        self.assign_lines(families);
        let mut lines = vec![self.line(None, families, now)];
        for model in self.line_models(families) {
            lines.push(self.line(Some(&model), families, now));
        }
        lines.into_iter().flatten().collect()
    }

    /// Assigns lines to new models, up to the maximum number.
    fn assign_lines(&mut self, families: &[MetricFamily]) {
        for name in measure::model_names(families) {
            if self.models.len() >= self.config.max_models {
                return;
            }
            if !self.models.contains(&name) {
                self.models.push(name);
            }
        }
    }

    /// Returns the models that have lines, with the one that stands for all others.
    fn line_models(&self, families: &[MetricFamily]) -> Vec<String> {
        let mut models = self.models.clone();
        if measure::model_names(families)
            .iter()
            .any(|name| !models.contains(name))
        {
            models.push(OTHER_MODEL.to_owned());
        }
        models
    }

    /// Returns the line of a model, or of the service; `None` if the model had no activity.
    fn line(
        &mut self,
        model: Option<&str>,
        families: &[MetricFamily],
        now: Timestamp,
    ) -> Option<String> {
        let measures: &[Measure] = if model.is_none() { SERVICE } else { MODEL };
        let mut document = EmfDocument::new(&self.config, model, now);
        for measure in measures {
            let reading = self.read(measure, model, families);
            let key = (model.map(str::to_owned), measure.name);
            let previous = self.previous.insert(key, reading.clone());
            document.add(measure, &reading.since(previous.as_ref()));
        }
        (model.is_none() || !document.is_idle()).then(|| document.to_text())
    }

    /// Reads `measure` for a model, or for the service.
    fn read(
        &self,
        measure: &Measure,
        model: Option<&str>,
        families: &[MetricFamily],
    ) -> MetricReading {
        let routine = self.config.routine;
        measure.read(families, |labels| {
            let is_counted = labels
                .get("route")
                .is_none_or(|route| !routine.contains(&route));
            is_counted && model.is_none_or(|model| self.line_of(labels.get("model")) == model)
        })
    }

    /// Returns the model in whose line a sample with this label counts.
    fn line_of<'a>(&self, label: Option<&'a str>) -> &'a str {
        label
            .filter(|name| self.models.iter().any(|model| model == name))
            .unwrap_or(OTHER_MODEL)
    }
}

impl Emf {
    /// Starts the thread, which passes the lines of `registry` to `write` at every interval.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub fn start(
        config: EmfConfig,
        registry: Registry,
        mut write: impl FnMut(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let (flush_requests, receiver) = mpsc::channel::<WrittenSender>();
        let interval = config.interval;
        let mut writer = EmfWriter::new(config);
        std::thread::Builder::new()
            .name("emf".to_owned())
            .spawn(move || {
                let mut due = Instant::now() + interval;
                loop {
                    let remaining = due.saturating_duration_since(Instant::now());
                    let flush_request = match receiver.recv_timeout(remaining) {
                        Ok(written) => Some(written),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return,
                    };
                    write(&writer.lines(&registry.gather(), Timestamp::now()).concat());
                    match flush_request {
                        // The caller may have stopped waiting.
                        Some(written) => drop(written.send(())),
                        // Intervals that were missed because of a slow reader are skipped.
                        None => due = (due + interval).max(Instant::now()),
                    }
                }
            })?;
        Ok(Self { flush_requests })
    }

    /// Writes the changes since the last lines, for up to `timeout`, and returns true if they were
    /// written. Blocks.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        let (sender, written) = mpsc::channel();
        self.flush_requests.send(sender).is_ok() && written.recv_timeout(timeout).is_ok()
    }
}

#[cfg(test)]
mod tests;

//! Metrics as lines of standard output, in CloudWatch's embedded metric format.
//!
//! Whoever collects the log of the process brings them to CloudWatch, which makes metrics of them:
//! nothing has to scrape the server. They are read from the registry that `GET /metrics` shows, so
//! nothing is counted twice. A thread of its own writes them, and waits for nobody but its reader.

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

use crate::emf::line::Line;
use crate::emf::measure::{MODEL, Measure, SERVICE};
use crate::emf::reading::Reading;

/// The model of a line that several models share.
const OTHER: &str = "other";

/// What is needed to write metrics.
#[derive(Clone, Debug)]
pub struct EmfConfig {
    /// Time between two lines.
    pub interval: Duration,
    /// The namespace of the metrics in CloudWatch.
    pub namespace: String,
    /// The value of their dimension `Service`.
    pub service: String,
    /// Models that have a line of their own; the rest share one.
    pub max_models: usize,
    /// Routes whose requests do not count: health checks and scrapes.
    pub routine: &'static [&'static str],
}

/// A metric that lines may have: what documents, dashboards and alarms may name.
#[derive(Clone, Copy, Debug)]
pub struct EmfMetric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// Its unit, in CloudWatch's words.
    pub unit: &'static str,
    /// The family of the registry that it is read from.
    pub family: &'static str,
    /// Whether it is one model's, and has the dimension `Model` too.
    pub is_of_model: bool,
}

/// Every metric that lines may have, in their order.
pub fn emf_metrics() -> impl Iterator<Item = EmfMetric> {
    let metric = |measure: &Measure, is_of_model| EmfMetric {
        name: measure.name,
        unit: measure.unit,
        family: measure.family,
        is_of_model,
    };
    let service = SERVICE.iter().map(move |measure| metric(measure, false));
    service.chain(MODEL.iter().map(move |measure| metric(measure, true)))
}

/// What turns samples of the registry into lines: what happened since those before.
#[derive(Debug)]
pub struct EmfWriter {
    config: EmfConfig,
    /// Models with a line of their own, in the order in which they were first seen.
    models: Vec<String>,
    before: HashMap<(Option<String>, &'static str), Reading>,
}

/// The thread that writes lines.
#[derive(Debug)]
pub struct Emf {
    flush: mpsc::Sender<mpsc::Sender<()>>,
}

impl EmfWriter {
    /// For samples of a process that has counted nothing yet.
    #[must_use]
    pub fn new(config: EmfConfig) -> Self {
        Self {
            config,
            models: Vec::new(),
            before: HashMap::new(),
        }
    }

    /// The lines that `families`, sampled at `now`, make: one of the whole service, and one of each
    /// model for which something happened. Each is a JSON object and ends in a line feed.
    pub fn lines(&mut self, families: &[MetricFamily], now: Timestamp) -> Vec<String> {
        self.see_models(families);
        let mut lines = vec![self.line(None, families, now)];
        for model in self.named_models(families) {
            lines.push(self.line(Some(&model), families, now));
        }
        lines.into_iter().flatten().collect()
    }

    /// Gives models that are new a line of their own, as long as there are any left.
    fn see_models(&mut self, families: &[MetricFamily]) {
        for name in measure::models(families) {
            if self.models.len() >= self.config.max_models {
                return;
            }
            if !self.models.contains(&name) {
                self.models.push(name);
            }
        }
    }

    /// The models that have lines, with the one that stands for the rest.
    fn named_models(&self, families: &[MetricFamily]) -> Vec<String> {
        let mut named = self.models.clone();
        if measure::models(families)
            .iter()
            .any(|name| !named.contains(name))
        {
            named.push(OTHER.to_owned());
        }
        named
    }

    /// The line of a model, or of the service; none when nothing happened for the model.
    fn line(
        &mut self,
        model: Option<&str>,
        families: &[MetricFamily],
        now: Timestamp,
    ) -> Option<String> {
        let measures: &[Measure] = if model.is_none() { SERVICE } else { MODEL };
        let mut line = Line::new(&self.config, model, now);
        for measure in measures {
            let reading = self.read(measure, model, families);
            let key = (model.map(str::to_owned), measure.name);
            let before = self.before.insert(key, reading.clone());
            line.add(measure, &reading.since(before.as_ref()));
        }
        (model.is_none() || !line.is_idle()).then(|| line.to_text())
    }

    /// What `measure` reads for a model, or for the service.
    fn read(&self, measure: &Measure, model: Option<&str>, families: &[MetricFamily]) -> Reading {
        let routine = self.config.routine;
        measure.read(families, |labels| {
            let is_counted = labels
                .get("route")
                .is_none_or(|route| !routine.contains(&route));
            is_counted && model.is_none_or(|model| self.line_of(labels.get("model")) == model)
        })
    }

    /// The model in whose line a sample with this label counts.
    fn line_of<'a>(&self, label: Option<&'a str>) -> &'a str {
        label
            .filter(|name| self.models.iter().any(|known| known == name))
            .unwrap_or(OTHER)
    }
}

impl Emf {
    /// Starts the thread. It gives `write` the lines of `registry` at every interval.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        config: EmfConfig,
        registry: Registry,
        mut write: impl FnMut(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let (flush, flushed) = mpsc::channel::<mpsc::Sender<()>>();
        let interval = config.interval;
        let mut writer = EmfWriter::new(config);
        std::thread::Builder::new()
            .name("emf".to_owned())
            .spawn(move || {
                let mut due = Instant::now() + interval;
                loop {
                    let left = due.saturating_duration_since(Instant::now());
                    let asked = match flushed.recv_timeout(left) {
                        Ok(asked) => Some(asked),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return,
                    };
                    write(&writer.lines(&registry.gather(), Timestamp::now()).concat());
                    match asked {
                        // Whoever asked may have lost patience.
                        Some(asked) => drop(asked.send(())),
                        // Lines that could not be written for long are not made up for.
                        None => due = (due + interval).max(Instant::now()),
                    }
                }
            })?;
        Ok(Self { flush })
    }

    /// Writes what happened since the last lines, for at most `patience`. Whether it is written.
    /// Blocks.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let (asked, written) = mpsc::channel();
        self.flush.send(asked).is_ok() && written.recv_timeout(patience).is_ok()
    }
}

#[cfg(test)]
mod tests;

//! The log: one line per event, as text or JSON, on standard error.
//!
//! A line is formatted on the thread that logs it, and written by a background thread, many lines
//! at a time: logging costs no system call and never waits for the reader of the log. Lines that do
//! not fit into the buffer are dropped and counted, and [`flush`] writes the remaining lines before
//! the process ends.

mod format;

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::IntCounter;
use serde::Deserialize;
use thiserror::Error;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

use crate::logging::format::LineFormat;
use crate::outbox::{Outbox, PutOutcome};

/// The time for which lines are collected before they are written: too short to notice, and long
/// enough that a busy server writes many lines with one call.
const COLLECT_INTERVAL: Duration = Duration::from_millis(10);

/// The maximum time that [`flush`] waits for the reader of the log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for human readers.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The requests that are logged. Requests that fail with a 5xx always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LoggedRequests {
    /// All requests, except for health checks and scrapes that succeed.
    #[default]
    All,
    /// Requests that fail, and requests that take at least as long as the setting `slow`.
    Slow,
    /// Requests that fail.
    Failed,
}

/// The error returned when the log cannot be started.
#[derive(Debug, Error)]
pub enum LogError {
    /// The level is not a valid filter.
    #[error(
        "invalid log level {filter:?}: {source}; use error, warn, info, debug, trace or TARGET=LEVEL directives, separated by commas"
    )]
    Filter {
        /// The value that was given.
        filter: String,
        /// The error of the parser.
        source: ParseError,
    },
    /// The thread that writes the log cannot be started.
    #[error("cannot start the log thread: {0}")]
    Thread(#[from] io::Error),
}

/// The configuration of the log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The format of the lines.
    pub format: LogFormat,
    /// The least severe level that is written, or `TARGET=LEVEL` directives.
    pub level: String,
    /// The maximum size of the lines that wait to be written, in bytes.
    pub buffer: usize,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl fmt::Display for LoggedRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Slow => "slow",
            Self::Failed => "failed",
        })
    }
}

/// The log of the process, which has one standard error.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// The queue of lines that wait to be written to standard error.
#[derive(Clone, Debug)]
struct LogQueue {
    outbox: Arc<Outbox<Vec<u8>>>,
    max_bytes: usize,
    dropped: IntCounter,
}

/// Starts logging. A second call has no effect, as in tests that share a process.
///
/// # Errors
/// Returns [`LogError`] if the level is invalid, or the thread cannot be started.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.level).map_err(|source| LogError::Filter {
        filter: config.level.clone(),
        source,
    })?;
    if QUEUE.get().is_some() {
        return Ok(());
    }
    let queue = LogQueue::start(config.buffer, |text| {
        // A failure to write to standard error cannot be reported anywhere.
        drop(io::stderr().lock().write_all(text));
    })?;
    let queue = QUEUE.get_or_init(|| queue).clone();
    let _already_started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .event_format(LineFormat {
            format: config.format,
            is_coloured: io::stderr().is_terminal(),
        })
        .with_writer(queue)
        .try_init();
    Ok(())
}

/// Writes the remaining lines.
///
/// Must be called before the process ends, and before anything else writes to standard error.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.outbox.flush(FLUSH_TIMEOUT);
    }
}

/// Registers the log's own metrics in `registry`.
///
/// # Errors
/// Returns an error if the registry already has a metric with the same name.
pub fn register(registry: &prometheus::Registry) -> prometheus::Result<()> {
    let dropped = match QUEUE.get() {
        Some(queue) => queue.dropped.clone(),
        None => dropped_lines_counter(),
    };
    registry.register(Box::new(dropped))
}

fn dropped_lines_counter() -> IntCounter {
    IntCounter::new(
        "almanac_log_lines_dropped_total",
        "Log lines dropped because the log was not read fast enough.",
    )
    .expect("the name and the help text are valid")
}

impl LogQueue {
    fn start(max_bytes: usize, write: impl Fn(&[u8]) + Send + 'static) -> io::Result<Self> {
        let outbox = Outbox::start("log", COLLECT_INTERVAL, move |text: &mut Vec<u8>| {
            write(text);
            text.clear();
        })?;
        Ok(Self {
            outbox,
            max_bytes,
            dropped: dropped_lines_counter(),
        })
    }

    fn put(&self, line: &[u8], is_urgent: bool) {
        let outcome = self.outbox.put(|queued| {
            if queued.len() + line.len() > self.max_bytes {
                return PutOutcome::Rejected;
            }
            queued.extend_from_slice(line);
            if is_urgent || queued.len() > self.max_bytes / 2 {
                PutOutcome::Urgent
            } else {
                PutOutcome::Queued
            }
        });
        if outcome == PutOutcome::Rejected {
            self.dropped.inc();
        }
    }
}

/// A writer of one line.
#[derive(Debug)]
struct LineWriter<'a> {
    queue: &'a LogQueue,
    is_urgent: bool,
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            queue: self,
            is_urgent: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            queue: self,
            // An error may be the last line before the process ends.
            is_urgent: *metadata.level() == Level::ERROR,
        }
    }
}

impl io::Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.put(line, self.is_urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn lines_are_written_whole_and_in_order() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let queue = LogQueue::start(1_024, move |text| {
            sink.lock().unwrap().extend_from_slice(text);
        })
        .unwrap();
        for number in 0..5 {
            queue.put(format!("line {number}\n").as_bytes(), number == 3);
        }
        assert!(queue.outbox.flush(Duration::from_secs(60)));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "line 0\nline 1\nline 2\nline 3\nline 4\n");
    }

    #[test]
    fn an_unread_log_drops_lines_and_counts_them() {
        let reader = Arc::new(Mutex::new(()));
        let blocked = reader.lock().unwrap();
        let sink = Arc::clone(&reader);
        let queue = LogQueue::start(64, move |_text| drop(sink.lock())).unwrap();
        // At most one buffer is being written and another one is full.
        for _ in 0..100 {
            queue.put(&[b'x'; 16], false);
        }
        assert!((92..=96).contains(&queue.dropped.get()));
        assert!(!queue.outbox.flush(Duration::ZERO));
        drop(blocked);
        assert!(queue.outbox.flush(Duration::from_secs(60)));
    }
}

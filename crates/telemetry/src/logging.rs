//! The log: one line per event, as text or JSON, on standard error.
//!
//! A line is formatted where it happens and written by a thread of its own, many at once: who logs
//! pays no system call and waits for no reader. Lines that find the buffer full are dropped and
//! counted, and [`flush`] writes what is left before the process ends.

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
use tracing_subscriber::fmt::MakeWriter;

use crate::logging::format::LineFormat;
use crate::outbox::{Outbox, Put};

/// How long lines are collected before they are written: too short to notice, and long enough that
/// a busy server writes many with one call.
const COLLECT: Duration = Duration::from_millis(10);

/// How long the end of the process waits for whoever reads the log.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Which requests have a line in the log. Those that fail with a 5xx always do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LoggedRequests {
    /// Every one but health checks and scrapes that succeed.
    #[default]
    All,
    /// Those that fail, and those that take as long as `slow` says.
    Slow,
    /// Those that fail.
    Failed,
}

/// Why the log cannot be started.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter is none.
    #[error(
        "log level {filter:?}: {reason}; write error, warn, info, debug, trace or TARGET=LEVEL, separated by commas"
    )]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system gives no thread.
    #[error("no thread to write the log: {0}")]
    Thread(#[from] io::Error),
}

/// What is needed to start the log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Text or JSON.
    pub format: LogFormat,
    /// Least severe level that is written, or `TARGET=LEVEL` directives.
    pub level: String,
    /// Most bytes of lines that wait to be written.
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

/// The log of the process: there is one standard error.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Lines on their way to standard error.
#[derive(Clone, Debug)]
struct Lines {
    outbox: Arc<Outbox<Vec<u8>>>,
    buffer: usize,
    dropped: IntCounter,
}

/// Starts logging. A second call changes nothing, as in tests that share a process.
///
/// # Errors
/// [`LogError`] when the level is none, or there is no thread to write with.
pub fn start(config: &LogConfig) -> Result<(), LogError> {
    let parsed = EnvFilter::try_new(&config.level).map_err(|error| LogError::Filter {
        filter: config.level.clone(),
        reason: error.to_string(),
    })?;
    if LINES.get().is_some() {
        return Ok(());
    }
    let lines = Lines::start(config.buffer, |text| {
        // Nobody can be told that nobody listens.
        drop(io::stderr().lock().write_all(text));
    })?;
    let lines = LINES.get_or_init(|| lines).clone();
    let _already_started = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .event_format(LineFormat {
            format: config.format,
            is_coloured: io::stderr().is_terminal(),
        })
        .with_writer(lines)
        .try_init();
    Ok(())
}

/// Writes what is left. To be called before the process ends, and before anything else writes to
/// standard error.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.outbox.flush(LAST_WORDS);
    }
}

/// Registers the log's own metrics in `registry`.
///
/// # Errors
/// The registry's, when a name is taken.
pub fn register(registry: &prometheus::Registry) -> prometheus::Result<()> {
    let dropped = match LINES.get() {
        Some(lines) => lines.dropped.clone(),
        None => dropped_lines(),
    };
    registry.register(Box::new(dropped))
}

fn dropped_lines() -> IntCounter {
    IntCounter::new(
        "almanac_log_lines_dropped_total",
        "Log lines dropped because the log was not read fast enough.",
    )
    .expect("the name and the help are valid")
}

impl Lines {
    fn start(buffer: usize, write: impl Fn(&[u8]) + Send + 'static) -> io::Result<Self> {
        let outbox = Outbox::start("log", COLLECT, move |text: &mut Vec<u8>| {
            write(text);
            text.clear();
        })?;
        Ok(Self {
            outbox,
            buffer,
            dropped: dropped_lines(),
        })
    }

    fn put(&self, line: &[u8], is_urgent: bool) {
        let put = self.outbox.put(|waiting| {
            if waiting.len() + line.len() > self.buffer {
                return Put::Refused;
            }
            waiting.extend_from_slice(line);
            if is_urgent || waiting.len() > self.buffer / 2 {
                Put::Urgent
            } else {
                Put::Kept
            }
        });
        if put == Put::Refused {
            self.dropped.inc();
        }
    }
}

/// Takes one line.
#[derive(Debug)]
struct Line<'a> {
    lines: &'a Lines,
    is_urgent: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            lines: self,
            is_urgent: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line {
            lines: self,
            // An error may be the last that is heard of the process.
            is_urgent: *metadata.level() == Level::ERROR,
        }
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.put(line, self.is_urgent);
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
    fn lines_arrive_whole_and_in_order() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&written);
        let lines = Lines::start(1_024, move |text| {
            taken.lock().unwrap().extend_from_slice(text);
        })
        .unwrap();
        for number in 0..5 {
            lines.put(format!("line {number}\n").as_bytes(), number == 3);
        }
        assert!(lines.outbox.flush(Duration::from_secs(60)));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "line 0\nline 1\nline 2\nline 3\nline 4\n");
    }

    #[test]
    fn a_log_that_nobody_reads_drops_lines_and_counts_them() {
        let reading = Arc::new(Mutex::new(()));
        let unread = reading.lock().unwrap();
        let reader = Arc::clone(&reading);
        let lines = Lines::start(64, move |_text| drop(reader.lock())).unwrap();
        // At most a buffer is on its way and another waits.
        for _ in 0..100 {
            lines.put(&[b'x'; 16], false);
        }
        assert!((92..=96).contains(&lines.dropped.get()));
        assert!(!lines.outbox.flush(Duration::ZERO));
        drop(unread);
        assert!(lines.outbox.flush(Duration::from_secs(60)));
    }
}

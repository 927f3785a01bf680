//! The formatting of an event as one line.
//!
//! The formatters of `tracing-subscriber` take several microseconds for a line of eight fields,
//! more than everything else that happens around a request.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Debug, Write as _};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::logging::LogFormat;

/// A formatter of events. Spans are not written.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineFormat {
    pub(super) format: LogFormat,
    /// If true, levels are coloured, for text on a terminal.
    pub(super) is_coloured: bool,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        self.write(Timestamp::now(), event, &mut writer)
    }
}

impl LineFormat {
    fn write(self, now: Timestamp, event: &Event<'_>, line: &mut dyn fmt::Write) -> fmt::Result {
        let level = event.metadata().level().as_str();
        match self.format {
            LogFormat::Text => {
                write_time(now, line)?;
                let (colour, reset) = self.colour_codes(*event.metadata().level());
                write!(line, " {colour}{level:>5}{reset} ")?;
            }
            LogFormat::Json => {
                line.write_str("{\"timestamp\":\"")?;
                write_time(now, line)?;
                line.write_str("\",\"level\":\"")?;
                line.write_str(level)?;
                line.write_char('"')?;
            }
        }
        let mut fields = FieldWriter {
            line,
            format: self.format,
            outcome: Ok(()),
        };
        event.record(&mut fields);
        fields.outcome?;
        match self.format {
            LogFormat::Text => line.write_str("\n"),
            LogFormat::Json => {
                line.write_str(",\"target\":\"")?;
                line.write_str(event.metadata().target())?;
                line.write_str("\"}\n")
            }
        }
    }

    /// Returns the escape codes before and after the level.
    const fn colour_codes(self, level: Level) -> (&'static str, &'static str) {
        if !self.is_coloured {
            return ("", "");
        }
        let colour = match level {
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            Level::DEBUG => "\x1b[34m",
            Level::TRACE => "\x1b[35m",
        };
        (colour, "\x1b[0m")
    }
}

/// Writes `now` in UTC with microseconds. The date is computed once a second and cached.
fn write_time(now: Timestamp, line: &mut dyn fmt::Write) -> fmt::Result {
    const LENGTH: usize = "2026-01-01T00:00:00".len();
    thread_local! {
        static SECOND: Cell<(i64, [u8; LENGTH])> = const { Cell::new((i64::MIN, [0; LENGTH])) };
    }
    let (mut second, mut text) = SECOND.get();
    if second != now.as_second() {
        second = now.as_second();
        let formatted = Timestamp::from_second(second)
            .map_err(|_| fmt::Error)?
            .to_string();
        text.copy_from_slice(formatted.as_bytes().get(..LENGTH).ok_or(fmt::Error)?);
        SECOND.set((second, text));
    }
    line.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)?;
    let mut fraction = *b".000000Z";
    let mut microseconds = now.subsec_microsecond();
    for digit in fraction[1..7].iter_mut().rev() {
        *digit = b'0' + u8::try_from(microseconds.rem_euclid(10)).unwrap_or(0);
        microseconds /= 10;
    }
    line.write_str(str::from_utf8(&fraction).map_err(|_| fmt::Error)?)
}

/// A writer of the fields of an event.
struct FieldWriter<'a> {
    line: &'a mut dyn fmt::Write,
    format: LogFormat,
    outcome: fmt::Result,
}

/// The form of a value in a JSON line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JsonForm {
    Bare,
    Quoted,
}

impl FieldWriter<'_> {
    fn record(&mut self, name: &str, value: fmt::Arguments<'_>, form: JsonForm) {
        // Events of the `log` crate have these fields in addition to their message.
        if self.outcome.is_ok() && !name.starts_with("log.") {
            self.outcome = self.write(name, value, form);
        }
    }

    fn write(&mut self, name: &str, value: fmt::Arguments<'_>, form: JsonForm) -> fmt::Result {
        match self.format {
            LogFormat::Text => {
                if name != "message" {
                    self.line.write_char(' ')?;
                    self.line.write_str(name)?;
                    self.line.write_char('=')?;
                }
                OneLine(self.line).write_fmt(value)
            }
            LogFormat::Json => {
                self.line.write_str(",\"")?;
                self.line.write_str(name)?;
                self.line.write_str("\":")?;
                if form == JsonForm::Bare {
                    return self.line.write_fmt(value);
                }
                self.line.write_char('"')?;
                JsonString(self.line).write_fmt(value)?;
                self.line.write_char('"')
            }
        }
    }
}

impl Visit for FieldWriter<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record(field.name(), format_args!("{value:?}"), JsonForm::Quoted);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let is_message = field.name() == "message";
        if self.format == LogFormat::Json || is_message {
            self.record(field.name(), format_args!("{value}"), JsonForm::Quoted);
        } else {
            // Quoted, since it may contain spaces and equals signs.
            self.record(field.name(), format_args!("{value:?}"), JsonForm::Quoted);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record(
            field.name(),
            format_args!("{}", ErrorChain(value)),
            JsonForm::Quoted,
        );
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name().ends_with("_seconds")
            && let Some(seconds) = Microseconds::from_seconds(value)
        {
            return self.record(field.name(), format_args!("{seconds}"), JsonForm::Bare);
        }
        let form = if value.is_finite() {
            JsonForm::Bare
        } else {
            JsonForm::Quoted
        };
        self.record(field.name(), format_args!("{value}"), form);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field.name(), format_args!("{value}"), JsonForm::Bare);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field.name(), format_args!("{value}"), JsonForm::Bare);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field.name(), format_args!("{value}"), JsonForm::Bare);
    }
}

/// A duration in seconds, written with microseconds. Finding the shortest decimal of a float takes
/// as long as everything else in a line.
struct Microseconds(u64);

impl Microseconds {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked first"
    )]
    fn from_seconds(seconds: f64) -> Option<Self> {
        (0.0..1e9)
            .contains(&seconds)
            .then(|| Self((seconds * 1e6).round() as u64))
    }
}

impl fmt::Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(microseconds) = self;
        write!(
            f,
            "{}.{:06}",
            microseconds / 1_000_000,
            microseconds % 1_000_000
        )
    }
}

/// An error followed by its sources.
struct ErrorChain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// A writer that escapes control characters, so that text neither ends its line nor controls a
/// terminal.
struct OneLine<'a>(&'a mut dyn fmt::Write);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.chars().any(char::is_control) {
            return self.0.write_str(text);
        }
        for character in text.chars() {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// A writer of the content of a JSON string (RFC 8259, section 7).
struct JsonString<'a>(&'a mut dyn fmt::Write);

impl fmt::Write for JsonString<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut written = 0;
        for (position, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..=0x1f => "",
                _ => continue,
            };
            self.0.write_str(&text[written..position])?;
            if escape.is_empty() {
                write!(self.0, "\\u{byte:04x}")?;
            } else {
                self.0.write_str(escape)?;
            }
            written = position + 1;
        }
        self.0.write_str(&text[written..])
    }
}

#[cfg(test)]
mod tests;

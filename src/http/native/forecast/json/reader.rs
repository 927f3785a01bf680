//! A JSON reader that knows the path to its position.

use std::fmt::Write as _;
use std::sync::Arc;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, LinePosition, Peek};

use super::numbers::read_plain;
use super::{Failure, Read};
use crate::call::{CallCode, CallError};

/// The text is not JSON.
pub(super) struct Syntax(pub(super) Box<CallError>);

/// Reads one body from front to back, and knows the path to the current value.
pub(super) struct Reader<'a> {
    body: &'a [u8],
    jiter: Jiter<'a>,
    /// The offset in `body` of the input of `jiter`, which restarts after a series that fails.
    offset: usize,
    path: Vec<Step>,
    allow_nan: bool,
}

/// One step of a JSON pointer.
enum Step {
    Field(&'static str),
    /// A name that the client chose, escaped.
    Name(String),
    Index(usize),
}

/// The fields that an object may have, and those seen so far.
pub(super) struct Fields {
    known: &'static [&'static str],
    /// A bit for each known field.
    seen: u32,
}

impl Fields {
    pub(super) const fn new(known: &'static [&'static str]) -> Self {
        Self { known, seen: 0 }
    }

    fn accept(&mut self, name: &str) -> Result<&'static str, CallError> {
        let Some(position) = self.known.iter().position(|known| *known == name) else {
            return Err(self.unknown(name));
        };
        let field = self.known[position];
        if self.seen & (1 << position) != 0 {
            let detail = format!("duplicate field {field}; send it once");
            return Err(CallError::new(CallCode::DuplicateField, detail).received(field));
        }
        self.seen |= 1 << position;
        Ok(field)
    }

    fn unknown(&self, name: &str) -> CallError {
        let similarity = |known: &&str| strsim::jaro_winkler(known, name);
        let nearest = self
            .known
            .iter()
            .map(|known| (similarity(known), known))
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .filter(|(similarity, _)| *similarity > 0.75);
        let hint =
            nearest.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"));
        let shown: String = name.chars().take(80).collect();
        CallError::new(
            CallCode::UnknownField,
            format!("unknown field {shown:?}{hint}"),
        )
        .received(shown)
        .expected(self.known.iter().copied())
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a [u8], allow_nan: bool) -> Self {
        Self {
            body,
            jiter: begin(body, allow_nan),
            offset: 0,
            path: Vec::new(),
            allow_nan,
        }
    }

    /// Reads an object, and calls `read` for each known field.
    pub(super) fn object(
        &mut self,
        fields: &mut Fields,
        mut read: impl FnMut(&mut Self, &'static str) -> Read<()>,
    ) -> Read<()> {
        if self.peek()? != Peek::Object {
            return Err(self.wrong_type("an object")?);
        }
        let mut accept = |name: &str| fields.accept(name).map_err(|error| (error, escaped(name)));
        let mut name = self.jiter.known_object().map(|name| name.map(&mut accept));
        while let Some(field) = name.map_err(|error| self.syntax(&error))? {
            let field = field.map_err(|(problem, name)| {
                Failure::field(problem.at(format!("{}/{name}", self.pointer())))
            })?;
            self.path.push(Step::Field(field));
            read(self, field)?;
            self.path.pop();
            name = self.jiter.next_key().map(|name| name.map(&mut accept));
        }
        Ok(())
    }

    /// Reads an object whose names the client chooses, and calls `read` for each.
    pub(super) fn map(&mut self, mut read: impl FnMut(&mut Self, String) -> Read<()>) -> Read<()> {
        if self.peek()? != Peek::Object {
            return Err(self.wrong_type("an object")?);
        }
        let mut name = self.jiter.known_object().map(owned);
        while let Some(own) = name.map_err(|error| self.syntax(&error))? {
            self.path.push(Step::Name(escaped(&own)));
            read(self, own)?;
            self.path.pop();
            name = self.jiter.next_key().map(owned);
        }
        Ok(())
    }

    /// Reads an array, and calls `read` for each element.
    pub(super) fn array(&mut self, mut read: impl FnMut(&mut Self, usize) -> Read<()>) -> Read<()> {
        if self.peek()? != Peek::Array {
            return Err(self.wrong_type("an array")?);
        }
        let mut more = self.jiter.known_array();
        for index in 0.. {
            if more.map_err(|error| self.syntax(&error))?.is_none() {
                break;
            }
            self.path.push(Step::Index(index));
            read(self, index)?;
            self.path.pop();
            more = self.jiter.array_step();
        }
        Ok(())
    }

    /// Runs `read` on the next value. A failure that is not one of syntax is returned as the inner
    /// result, with the id of the object that failed, and reading continues after the object.
    pub(super) fn isolated(
        &mut self,
        read: impl FnOnce(&mut Self) -> Read<()>,
    ) -> Read<Result<(), (CallError, Option<String>)>> {
        self.peek()?;
        let (start, depth) = (self.position(), self.path.len());
        match read(self) {
            Ok(()) => Ok(Ok(())),
            Err(Failure::Syntax(problem)) => Err(Failure::Syntax(problem)),
            Err(Failure::Field(problem)) => {
                self.path.truncate(depth);
                self.restart(start);
                let id = self.skip_to_id()?;
                Ok(Err((*problem, id)))
            }
        }
    }

    /// Skips the next value, and returns its field `id` if it is an object that has one.
    fn skip_to_id(&mut self) -> Read<Option<String>> {
        if self.peek()? != Peek::Object {
            self.jiter
                .next_skip()
                .map_err(|error| self.syntax(&error))?;
            return Ok(None);
        }
        let mut id = None;
        let mut name = self.jiter.known_object().map(owned);
        while let Some(field) = name.map_err(|error| self.syntax(&error))? {
            let peek = self.peek()?;
            if field == "id" && (peek == Peek::String || peek.is_num()) {
                id = Some(self.text_or_number()?);
            } else {
                self.jiter
                    .next_skip()
                    .map_err(|error| self.syntax(&error))?;
            }
            name = self.jiter.next_key().map(owned);
        }
        Ok(id)
    }

    /// Returns `None` for `null`, and the result of `read` otherwise.
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<Option<T>> {
        if self.peek()? == Peek::Null {
            self.jiter
                .known_null()
                .map_err(|error| self.syntax(&error))?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// Returns true if the next value is a string.
    pub(super) fn at_text(&mut self) -> Read<bool> {
        Ok(self.peek()? == Peek::String)
    }

    pub(super) fn text(&mut self) -> Read<String> {
        if self.peek()? != Peek::String {
            return Err(self.wrong_type("a string")?);
        }
        self.jiter
            .known_str()
            .map(str::to_owned)
            .map_err(|error| self.syntax(&error).into())
    }

    /// Reads a string, or a number as it is written: identifiers and positions may be either.
    pub(super) fn text_or_number(&mut self) -> Read<String> {
        let peek = self.peek()?;
        if !peek.is_num() {
            return if peek == Peek::String {
                self.text()
            } else {
                Err(self.wrong_type("a string or a number")?)
            };
        }
        let bytes = self.jiter.known_number_bytes(peek);
        let text = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        text.map_err(|error| self.syntax(&error).into())
    }

    pub(super) fn whole_number(&mut self) -> Read<u64> {
        let peek = self.peek()?;
        if !peek.is_num() {
            return Err(self.wrong_type("a whole number")?);
        }
        let start = self.position();
        let bytes = self.jiter.known_number_bytes(peek);
        let text = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let text = text.map_err(|error| self.syntax(&error))?;
        // 12.0 is a whole number in JSON, which has one kind of number.
        let whole = text.parse::<u64>().ok().or_else(|| {
            let value = text.parse::<f64>().ok()?;
            let exact = value.fract() == 0.0 && (0.0..9e15).contains(&value);
            exact.then(|| format!("{value:.0}").parse().ok())?
        });
        whole.ok_or_else(|| {
            self.restart(start);
            let shown: String = text.chars().take(40).collect();
            let detail = format!(
                "{} is {shown}; it must be a whole number, 0 or more",
                self.name()
            );
            let received = serde_json::from_str(&shown).unwrap_or(serde_json::Value::Null);
            self.field(CallError::new(CallCode::WrongType, detail).received(received))
        })
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&mut self) -> Read<bool> {
        match self.peek()? {
            peek @ (Peek::True | Peek::False) => self
                .jiter
                .known_bool(peek)
                .map_err(|error| self.syntax(&error).into()),
            _ => Err(self.wrong_type("true or false")?),
        }
    }

    pub(super) fn texts(&mut self) -> Read<Vec<String>> {
        let mut texts = Vec::new();
        self.array(|reader, _| {
            texts.push(reader.text()?);
            Ok(())
        })?;
        Ok(texts)
    }

    pub(super) fn numbers(&mut self) -> Read<Vec<f64>> {
        let mut numbers = Vec::new();
        self.array(|reader, _| {
            let peek = reader.peek()?;
            if !peek.is_num() {
                return Err(reader.wrong_type("a number")?);
            }
            numbers.push(reader.number(peek)?);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Reads a number; `expected` describes the valid values for the error.
    pub(super) fn single_number(&mut self, expected: &str) -> Read<f64> {
        let peek = self.peek()?;
        if !peek.is_num() {
            return Err(self.wrong_type(expected)?);
        }
        Ok(self.number(peek)?)
    }

    /// Reads the values of a series, `NaN` for `null`, at most `limit`.
    pub(super) fn values(&mut self, limit: usize) -> Read<Vec<f64>> {
        if self.peek()? != Peek::Array {
            return Err(self.wrong_type("an array")?);
        }
        let rest = &self.body[self.position()..];
        let end = memchr::memchr(b']', rest).unwrap_or(rest.len());
        let commas = rest[..end].iter().filter(|byte| **byte == b',').count();
        let mut values = Vec::with_capacity(limit.min(commas + 1));
        let mut more = self.jiter.known_array();
        while more.map_err(|error| self.syntax(&error))?.is_some() {
            let start = self.position();
            let most = limit - values.len();
            let read = read_plain(&self.body[start..], most, &mut values);
            if read > 0 {
                self.restart(start + read);
            } else {
                self.path.push(Step::Index(values.len()));
                values.push(self.value(values.len(), limit)?);
                self.path.pop();
            }
            more = self.jiter.array_step();
        }
        Ok(values)
    }

    /// Reads value `index` of a series, if it is not a plain number.
    fn value(&mut self, index: usize, limit: usize) -> Read<f64> {
        if index >= limit {
            return Err(self.too_many("values", limit));
        }
        match self.peek()? {
            Peek::Null => {
                let null = self.jiter.known_null();
                null.map_err(|error| self.syntax(&error))?;
                Ok(f64::NAN)
            }
            peek if peek.is_num() => Ok(self.number(peek)?),
            _ => Err(self.wrong_type("a number, or null for a missing value")?),
        }
    }

    /// Reads the timestamps of a series, at most `limit`.
    pub(super) fn positions(&mut self, limit: usize) -> Read<Vec<Arc<str>>> {
        let mut positions = Vec::new();
        self.array(|reader, index| {
            if index >= limit {
                return Err(reader.too_many("timestamps", limit));
            }
            positions.push(reader.text_or_number()?.into());
            Ok(())
        })?;
        Ok(positions)
    }

    /// Checks that only white space follows.
    pub(super) fn finish(&mut self) -> Read<()> {
        self.jiter
            .finish()
            .map_err(|error| self.syntax(&error).into())
    }

    /// Locates an error at the current value.
    pub(super) fn field(&self, problem: CallError) -> Failure {
        Failure::field(problem.at(self.pointer()))
    }

    fn number(&mut self, peek: Peek) -> Result<f64, Syntax> {
        self.jiter
            .known_float(peek)
            .map_err(|error| self.syntax(&error))
    }

    fn peek(&mut self) -> Result<Peek, Syntax> {
        self.jiter.peek().map_err(|error| self.syntax(&error))
    }

    fn too_many(&self, what: &str, limit: usize) -> Failure {
        let detail =
            format!("{what} has more than the limit of {limit}; send the tail of the series");
        self.field(CallError::new(CallCode::SeriesTooLong, detail).limit(limit))
    }

    /// Returns the error of the next value, which is not `expected`. The position stays before it.
    fn wrong_type(&mut self, expected: &str) -> Result<Failure, Syntax> {
        let start = self.position();
        self.jiter
            .next_skip()
            .map_err(|error| self.syntax(&error))?;
        let raw = &self.body[start..self.position()];
        self.restart(start);
        let received: serde_json::Value = if raw.len() <= 80 {
            serde_json::from_slice(raw).unwrap_or_default()
        } else {
            summary(raw)
        };
        let shown = String::from_utf8_lossy(&raw[..raw.len().min(40)]).into_owned();
        let detail = format!("{} is {shown}; it must be {expected}", self.name());
        Ok(self.field(CallError::new(CallCode::WrongType, detail).received(received)))
    }

    fn syntax(&self, error: &JiterError) -> Syntax {
        let index = self.offset + error.index;
        let LinePosition { line, column } = LinePosition::find(self.body, index);
        let reason = match &error.error_type {
            JiterErrorType::JsonError(JsonErrorType::ExpectedSomeValue) if !self.allow_nan
                && matches!(self.body.get(index), Some(b'N' | b'I')) =>
            {
                "NaN and Infinity are not JSON; send null for a missing value, or add ?allow_nan=true"
                    .to_owned()
            }
            other => other.to_string(),
        };
        let detail = format!("{reason} at line {line}, column {column}");
        Syntax(
            CallError::new(CallCode::InvalidJson, detail)
                .at(self.pointer())
                .into(),
        )
    }

    fn position(&self) -> usize {
        self.offset + self.jiter.current_index()
    }

    /// Continues at `position` of the body.
    fn restart(&mut self, position: usize) {
        self.jiter = begin(&self.body[position..], self.allow_nan);
        self.offset = position;
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            // Writing to a string cannot fail.
            let _infallible = match step {
                Step::Field(field) => write!(pointer, "/{field}"),
                Step::Name(name) => write!(pointer, "/{name}"),
                Step::Index(index) => write!(pointer, "/{index}"),
            };
        }
        pointer
    }

    fn name(&self) -> String {
        let pointer = self.pointer();
        if pointer.is_empty() {
            "the body".to_owned()
        } else {
            pointer
        }
    }
}

fn begin(body: &[u8], allow_nan: bool) -> Jiter<'_> {
    let jiter = Jiter::new(body);
    if allow_nan {
        jiter.with_allow_inf_nan()
    } else {
        jiter
    }
}

fn owned(name: Option<&str>) -> Option<String> {
    name.map(str::to_owned)
}

/// Describes a value that is too long to be repeated.
fn summary(raw: &[u8]) -> serde_json::Value {
    let kind = match raw.first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        _ => "a value",
    };
    format!("{kind} of {} bytes", raw.len()).into()
}

/// Returns `name` as a token of a JSON pointer (RFC 6901, section 3), shortened.
fn escaped(name: &str) -> String {
    let shown: String = name.chars().take(80).collect();
    shown.replace('~', "~0").replace('/', "~1")
}

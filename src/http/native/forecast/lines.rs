//! JSON lines: each line of the body is a request of its own, and has a line in the response.
//!
//! The lines share batches. A line that fails has its problem in its place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use bytes::{Buf as _, Bytes};
use futures_util::stream::{self, Stream, StreamExt as _};

use almanac_engine::{Terms, Timing};

use crate::call::{CallCode, CallError, ForecastOutcome, PreparedForecast, off_runtime};
use crate::http::body::is_one_of;
use crate::http::layers::timing::Phases;
use crate::http::native::forecast::query::ForecastQuery;
use crate::http::native::forecast::{LARGE_BODY, json, with_path_model, write};
use crate::http::negotiation::preferred;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::http::terms::draw;

/// The media type of a response.
pub(super) const JSON_LINES: &str = "application/jsonlines";

/// The media types that a client may accept; the response is the same.
const ACCEPTED: [&str; 4] = [
    JSON_LINES,
    "application/x-ndjson",
    "application/jsonl",
    "application/json",
];

/// The media types of a body. None is registered; these are in use.
const DECLARED: [&str; 4] = [
    ACCEPTED[0],
    ACCEPTED[1],
    ACCEPTED[2],
    "application/x-jsonlines",
];

/// Returns true if `headers` declare a body of JSON lines.
pub(super) fn are_declared(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE);
    let declared = declared.and_then(|declared| declared.to_str().ok());
    declared.is_some_and(|declared| is_one_of(declared, &DECLARED))
}

/// Returns the media type of the response that `headers` prefer.
///
/// # Errors
/// [`Code::NotAcceptable`](crate::http::problem::Code::NotAcceptable) lists the media types.
pub(super) fn accepted(headers: &HeaderMap) -> Result<&'static str, Problem> {
    preferred(headers, ACCEPTED, |media_type| media_type)
}

/// The number of bytes of a body that are parsed, forecast and written together. A longer body is
/// answered portion by portion, each after the previous one is sent, so that memory holds the rows and
/// the answers of one portion only.
const PORTION: usize = 2 * 1_024 * 1_024;

/// The number of lines that wait for a model at a time: a few batches, so that a long body does not fill
/// the queue alone.
const CONCURRENT_LINES: usize = 1_024;

/// A request whose body is JSON lines.
pub(super) struct LinesRequest {
    pub(super) headers: HeaderMap,
    pub(super) query: ForecastQuery,
    /// The model that the path names.
    pub(super) model: Option<Arc<str>>,
    pub(super) body: Bytes,
    /// The media type of the answer.
    pub(super) media_type: &'static str,
    pub(super) terms: Terms,
}

/// The lines of a body that are still to be answered.
struct Lines {
    state: AppState,
    headers: HeaderMap,
    allow_nan: bool,
    /// The model that the path names.
    model: Option<Arc<str>>,
    terms: Terms,
    rest: Bytes,
    /// The number of series in the previous lines.
    n_series: usize,
}

type LineOutcome = Result<ForecastOutcome, CallError>;

/// Answers a body of JSON lines with `media_type`.
///
/// # Errors
/// The problem of the body as a whole: no line, or query parameters of tables.
pub(super) async fn answer(
    state: &AppState,
    request: LinesRequest,
) -> Result<Response<Body>, Problem> {
    let started = Instant::now();
    let media_type = request.media_type;
    let lines = Lines {
        state: state.clone(),
        headers: request.headers,
        allow_nan: request.query.only_allow_nan()?,
        model: request.model,
        terms: request.terms,
        rest: request.body,
        n_series: 0,
    };
    let is_large = lines.is_large();
    let (lines, prepared) = lines.portion().await?;
    if prepared.is_empty() {
        let detail = "the body has no line; send a JSON object with values and horizon on each";
        return Err(CallError::new(CallCode::NoSeries, detail).into());
    }
    let parse = started.elapsed();
    let outcomes = lines.run(prepared).await;
    let mut phases = phases(&outcomes, started, parse);
    let (first, refusal) = if is_large {
        off_runtime(move || Ok::<_, CallError>(write_lines(outcomes))).await?
    } else {
        write_lines(outcomes)
    };
    let mut response = to_response(first, refusal, lines);
    let media_type = HeaderValue::from_static(media_type);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, media_type);
    if let Some(phases) = &mut phases {
        phases.write = phases.writing.elapsed();
        response.extensions_mut().insert(phases.clone());
    }
    Ok(response)
}

impl Lines {
    fn is_large(&self) -> bool {
        self.rest.len() >= LARGE_BODY
    }

    /// Parses a portion of the lines.
    async fn portion(self) -> Result<(Self, Vec<Result<PreparedForecast, CallError>>), CallError> {
        if self.is_large() {
            off_runtime(move || Ok(self.read_portion())).await
        } else {
            Ok(self.read_portion())
        }
    }

    fn read_portion(mut self) -> (Self, Vec<Result<PreparedForecast, CallError>>) {
        let calls = self.state.calls.clone();
        let (mut prepared, mut series) = (Vec::new(), 0);
        let end = self.rest.len().saturating_sub(PORTION);
        while self.rest.len() > end && series < calls.limits.series {
            let Some(line) = self.next_line() else {
                break;
            };
            let call = json::parse(&line, self.allow_nan, &calls.limits)
                .and_then(|call| with_path_model(call, self.model.as_deref()));
            series += call.as_ref().map_or(1, |call| call.series.len());
            prepared.push(call.and_then(|call| calls.prepare(call, draw(&self.headers))));
        }
        self.n_series += series;
        self.skip_blank();
        if self.rest.is_empty() {
            self.state.metrics.series.observe(self.n_series as f64);
        }
        (self, prepared)
    }

    /// Returns the next line that is not blank.
    fn next_line(&mut self) -> Option<Bytes> {
        self.skip_blank();
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        Some(self.rest.split_to(end.unwrap_or(self.rest.len())))
    }

    fn skip_blank(&mut self) {
        let blank = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace());
        self.rest.advance(blank.count());
    }

    /// Forecasts lines concurrently, and returns their outcomes in order.
    async fn run(&self, prepared: Vec<Result<PreparedForecast, CallError>>) -> Vec<LineOutcome> {
        let shadows = self.state.calls.registry.shadows();
        let running = prepared.into_iter().map(async |line| match line {
            Ok(prepared) => prepared.run(self.terms, shadows).await,
            Err(error) => Err(error),
        });
        stream::iter(running)
            .buffered(CONCURRENT_LINES)
            .collect()
            .await
    }

    /// Returns the answers to the remaining lines, portion by portion.
    fn into_answers(self) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
        stream::try_unfold(self, async |lines| {
            if lines.rest.is_empty() {
                return Ok(None);
            }
            let (lines, prepared) = lines.portion().await.map_err(std::io::Error::other)?;
            let outcomes = lines.run(prepared).await;
            let written = off_runtime(move || Ok::<_, CallError>(write_lines(outcomes).0))
                .await
                .map_err(std::io::Error::other)?;
            Ok(Some((written.into(), lines)))
        })
    }
}

/// Returns the longest phases of the lines that have an answer, with the model of the first of them.
fn phases(outcomes: &[LineOutcome], started: Instant, parse: Duration) -> Option<Phases> {
    let answered = || outcomes.iter().filter_map(|outcome| outcome.as_ref().ok());
    let longest = |of: fn(&Timing) -> Duration| answered().map(|outcome| of(&outcome.timing)).max();
    Some(Phases {
        model: answered().next()?.model.clone(),
        n_series: answered().map(|outcome| outcome.series.len()).sum(),
        started,
        parse,
        queue: longest(|timing| timing.queue)?,
        inference: longest(|timing| timing.inference)?,
        writing: Instant::now(),
        write: Duration::ZERO,
    })
}

/// Writes a line for each outcome, and returns the first problem when no line has an answer.
fn write_lines(outcomes: Vec<LineOutcome>) -> (Vec<u8>, Option<Problem>) {
    let none_answered = outcomes.iter().all(Result::is_err);
    let mut refusal = None;
    let mut body = Vec::new();
    for outcome in outcomes {
        let written = outcome.and_then(|outcome| {
            write::json(&outcome, &mut body)
                .map_err(|error| CallError::new(CallCode::Internal, error.to_string()))
        });
        if let Err(error) = written {
            let problem = Problem::from(error);
            // A problem is made of texts and numbers, and writing to memory cannot fail.
            let _infallible = serde_json::to_writer(&mut body, &problem);
            refusal.get_or_insert(problem);
        }
        body.push(b'\n');
    }
    (body, refusal.filter(|_| none_answered))
}

/// Creates the response from the lines of the first portion, followed by the others. If no line of the
/// first portion has an answer, the response is that portion alone, with the status and the
/// `Retry-After` of its first problem.
fn to_response(first: Vec<u8>, refusal: Option<Problem>, lines: Lines) -> Response<Body> {
    match refusal {
        Some(problem) => problem.into_response().map(|_document| Body::from(first)),
        None if lines.rest.is_empty() => (StatusCode::OK, first).into_response(),
        None => {
            let first = stream::iter([Ok(Bytes::from(first))]);
            let answers = first.chain(lines.into_answers());
            Response::new(Body::from_stream(answers))
        }
    }
}

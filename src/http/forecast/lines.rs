//! JSON lines: each line of the body is a request of its own, and a line of the answer its answer.
//!
//! The lines are admitted together, so that they share batches; one that fails has its problem in
//! its place.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::future::join_all;

use crate::engine::{Terms, Timing};
use crate::http::forecast::query::ForecastQuery;
use crate::http::forecast::run::{self, Outcome, Prepared};
use crate::http::forecast::terms::draw;
use crate::http::forecast::{LARGE_BODY, call, json, off_runtime, write};
use crate::http::negotiation::preferred;
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::http::timing::Phases;
use crate::registry::Draw;

/// The media type of an answer.
pub(super) const JSON_LINES: &str = "application/jsonlines";

/// What an answer may be asked for as, all the same.
const ACCEPTED: [&str; 4] = [
    JSON_LINES,
    "application/x-ndjson",
    "application/jsonl",
    "application/json",
];

/// What else a body may be declared as. No name is registered; these are in use.
const DECLARED: [&str; 4] = [
    ACCEPTED[0],
    ACCEPTED[1],
    ACCEPTED[2],
    "application/x-jsonlines",
];

/// Whether `headers` declare a body of JSON lines.
pub(super) fn are_declared(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE);
    let essence = declared
        .and_then(|declared| declared.to_str().ok()?.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    essence.is_some_and(|essence| DECLARED.contains(&essence.as_str()))
}

/// The media type of the answer that `headers` prefer; they are all the same lines.
///
/// # Errors
/// [`Code::NotAcceptable`] lists what is written.
pub(super) fn accepted(headers: &HeaderMap) -> Result<&'static str, Problem> {
    preferred(headers, ACCEPTED, |media_type| media_type)
}

/// Answers a body of JSON lines with `media_type`.
///
/// # Errors
/// The problem of the body as a whole: too many series, no line, a query for tables.
pub(super) async fn answer(
    state: &AppState,
    (headers, query): (&HeaderMap, ForecastQuery),
    (body, media_type): (Bytes, &'static str),
    terms: Terms,
) -> Result<Response<Body>, Problem> {
    let allow_nan = query.only_allow_nan()?;
    let started = Instant::now();
    let large = body.len() >= LARGE_BODY;
    let prepared = if large {
        let (state, headers) = (state.clone(), headers.clone());
        off_runtime(move || prepare(&state, &body, allow_nan, draw(&headers))).await?
    } else {
        prepare(state, &body, allow_nan, draw(headers))?
    };
    let parse = started.elapsed();
    let outcomes = join_all(prepared.into_iter().map(|line| async {
        match line {
            Ok(prepared) => prepared.run(terms, state.registry.shadows()).await,
            Err(problem) => Err(problem),
        }
    }))
    .await;
    let mut phases = phases(&outcomes, (started, parse));
    let mut response = if large {
        off_runtime(move || Ok(to_response(outcomes, media_type))).await?
    } else {
        to_response(outcomes, media_type)
    };
    if let Some(phases) = &mut phases {
        phases.write = phases.writing.elapsed();
        response.extensions_mut().insert(phases.clone());
    }
    Ok(response)
}

/// Reads the lines of a body; those that are blank are left out.
fn prepare(
    state: &AppState,
    body: &[u8],
    allow_nan: bool,
    draw: Draw<'_>,
) -> Result<Vec<Result<Prepared, Problem>>, Problem> {
    let limit = state.limits.series;
    let mut prepared = Vec::new();
    let mut series = 0;
    for line in body.split(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let call = json::read(line, allow_nan, &state.limits);
        series += call.as_ref().map_or(1, |call| call.series.len());
        if series > limit {
            return Err(call::too_many_series(series, limit));
        }
        prepared.push(call.and_then(|call| run::prepare(call, draw, state)));
    }
    if prepared.is_empty() {
        let detail = "the body has no line; send a JSON object with values and horizon on each";
        return Err(Problem::new(Code::NoSeries, detail));
    }
    state.metrics.series.observe(series as f64);
    Ok(prepared)
}

/// What took longest of the lines that have an answer, under the model of the first of them.
fn phases(
    outcomes: &[Result<Outcome, Problem>],
    (started, parse): (Instant, Duration),
) -> Option<Phases> {
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

/// A line for each outcome. The status is that of the first problem when no line has an answer.
fn to_response(
    outcomes: Vec<Result<Outcome, Problem>>,
    media_type: &'static str,
) -> Response<Body> {
    let none_answered = outcomes.iter().all(Result::is_err);
    let mut refusal = None;
    let mut body = Vec::new();
    for outcome in outcomes {
        let written = outcome.and_then(|outcome| {
            write::json(&outcome, &mut body).map_err(|error| Problem::new(Code::Internal, error))
        });
        if let Err(problem) = written {
            // A problem is made of texts and numbers, and writing to memory cannot fail.
            let _infallible = serde_json::to_writer(&mut body, &problem);
            refusal.get_or_insert(problem);
        }
        body.push(b'\n');
    }
    // The head of the first problem brings its status, and when to come again.
    let mut response = match refusal.filter(|_| none_answered) {
        Some(problem) => problem.into_response().map(|_document| Body::from(body)),
        None => (StatusCode::OK, body).into_response(),
    };
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

//! `POST /forecast` and `GET /forecast`.

mod answer;
mod format;
pub(in crate::http) mod json;
mod lines;
pub(super) mod query;
pub(super) mod schema;
mod write;

pub(in crate::http) use answer::ForecastAnswer;
pub(super) use format::BodyFormat;
pub(in crate::http) use schema::ForecastBody;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use memchr::memmem;

use almanac_engine::Terms;

use crate::call::{CallCode, CallError, ForecastCall, PreparedForecast, SeriesCall, off_runtime};
use crate::http::layers::timing::Phases;
use crate::http::native::forecast::query::ForecastQuery;
use crate::http::native::forecast::write::ForecastFormat;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::http::{body, terms};

/// Bodies of at least this size are parsed on the blocking pool, so that health checks do not wait
/// behind them. Parsing takes a millisecond for each 150 KiB; detecting the season of a series that
/// names none takes up to two, and a body of this size may hold a few such series.
pub(in crate::http) const LARGE_BODY: usize = 8 * 1_024;

/// Bodies of at least this size most likely hold more than one batch: a value takes some six bytes, and
/// a batch has 16,384 steps unless configured otherwise.
const MORE_THAN_A_BATCH: usize = 96 * 1_024;

/// Answers with more steps than this, over all series, are written on the blocking pool too.
const LARGE_ANSWER: usize = 8 * 1_024;

/// The series that `GET /forecast` forecasts: airline passengers by month, Box and Jenkins (1976).
const EXAMPLE: &str = include_str!("../../../examples/air_passengers.csv");

/// Forecasts one series or many
///
/// The body is JSON, or CSV with its settings in the query. A series that cannot be forecast has its
/// own error in place; when every series fails, the answer is a problem document. In a body of JSON
/// lines each line is a request of its own, and the answer has a line for each, in the same order.
#[utoipa::path(
    post,
    path = "/forecast",
    tag = "forecast",
    params(ForecastQuery),
    request_body(
        content(
            (ForecastBody = "application/json"),
            (String = "text/csv", example = "month,passengers\n1949-01-01,112\n1949-02-01,118\n1949-03-01,132\n"),
            (String = "application/jsonlines", example = "{\"values\":[1,2,3],\"horizon\":2}\n{\"values\":[4,5,6],\"horizon\":2}\n")
        )
    ),
    responses(
        (status = 200, description = "Forecasts, at least one", content(
            (ForecastAnswer<'_> = "application/json"), (String = "text/csv"), (String = "application/jsonlines")
        )),
        (status = "4XX", description = "Invalid request", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
        (status = "5XX", description = "The server cannot answer", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
    )
)]
pub(crate) async fn post_forecast(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response<Body>, Problem> {
    respond(&state, request.into_parts(), None).await
}

/// Answers a forecast request, with `model` if its path names one.
///
/// The request is split into its parts and not passed to extractors: those copy the headers.
pub(in crate::http) async fn respond(
    state: &AppState,
    (Parts { headers, uri, .. }, body): (Parts, Body),
    model: Option<Arc<str>>,
) -> Result<Response<Body>, Problem> {
    let terms = terms::terms(&headers, Instant::now(), state.request_timeout)?;
    let query = ForecastQuery::parse(uri.query().unwrap_or_default())?;
    if lines::are_declared(&headers) {
        let media_type = lines::accepted(&headers)?;
        let body = body::receive(&headers, body, state.max_body).await?;
        admit(state, &body, BodyFormat::Json, model.as_deref(), terms)?;
        let request = lines::LinesRequest {
            headers,
            query,
            model,
            body,
            media_type,
            terms,
        };
        return lines::answer(state, request).await;
    }
    let format = ForecastFormat::preferred(&headers)?;
    let body_format = BodyFormat::of(&headers).map_err(|problem| {
        problem.expected(format::SUPPORTED.into_iter().chain([lines::JSON_LINES]))
    })?;
    let body = body::receive(&headers, body, state.max_body).await?;
    let named = model.as_deref().or(query.model.as_deref());
    admit(state, &body, body_format, named, terms)?;
    let (started, is_small) = (Instant::now(), body.len() < LARGE_BODY);
    let parse = move |state: &AppState| -> Result<PreparedForecast, Problem> {
        let call = parse(state, body_format, query, &body)?;
        let call = with_path_model(call, model.as_deref())?;
        Ok(state.calls.prepare(call, terms::draw(&headers))?)
    };
    let prepared = if is_small {
        parse(state)?
    } else {
        let state = state.clone();
        off_runtime(move || parse(&state)).await?
    };
    answer(state, prepared, format, started, terms).await
}

/// Forecasts an example
///
/// Shows a real forecast with no body: monthly airline passengers from 1949 to 1960.
#[utoipa::path(
    get,
    path = "/forecast",
    tag = "forecast",
    params(ForecastQuery),
    responses(
        (status = 200, description = "The forecast of the example", content(
            (ForecastAnswer<'_> = "application/json"), (String = "text/csv")
        )),
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_forecast(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let started = Instant::now();
    let terms = terms::terms(&headers, started, state.request_timeout)?;
    let format = ForecastFormat::preferred(&headers)?;
    let mut query = ForecastQuery::parse(query.as_deref().unwrap_or_default())?;
    query.horizon = query.horizon.or(Some(12));
    let example = Bytes::from_static(EXAMPLE.as_bytes());
    let call = parse(&state, BodyFormat::Csv, query, &example)?;
    let prepared = state.calls.prepare(call, terms::draw(&headers))?;
    answer(&state, prepared, format, started, terms).await
}

/// Refuses a request that its model would not admit before its body is parsed: parsing costs more than
/// all else that is done for a refused request. `model` is the one that is named outside of the body.
fn admit(
    state: &AppState,
    body: &[u8],
    format: BodyFormat,
    model: Option<&str>,
    terms: Terms,
) -> Result<(), CallError> {
    state.metrics.body_bytes.observe(body.len() as f64);
    let is_large = body.len() > MORE_THAN_A_BATCH;
    if model.is_none() && format == BodyFormat::Json && may_name_a_model(body) {
        state.calls.admit_any(terms, is_large)
    } else {
        state.calls.admit(model, terms, is_large)
    }
}

/// Returns true if JSON may have a key `model`: it is there literally, or there is an escape.
fn may_name_a_model(body: &[u8]) -> bool {
    [&b"\"model\""[..], b"\\u"]
        .iter()
        .any(|part| memmem::find(body, part).is_some())
}

/// Sets the model that the path of the request names.
///
/// # Errors
/// [`CallCode::ConflictingFields`] when the body names another.
fn with_path_model(call: ForecastCall, model: Option<&str>) -> Result<ForecastCall, CallError> {
    let Some(model) = model else {
        return Ok(call);
    };
    if let Some(other) = call.model.as_deref().filter(|other| *other != model) {
        let detail = format!(
            "the path names the model {model}, and the body names {other:?}; leave model out of the body"
        );
        return Err(CallError::new(CallCode::ConflictingFields, detail)
            .at("/model")
            .received(other));
    }
    Ok(ForecastCall {
        model: Some(model.to_owned()),
        ..call
    })
}

/// Parses a body; pure computation.
fn parse(
    state: &AppState,
    format: BodyFormat,
    query: ForecastQuery,
    body: &Bytes,
) -> Result<ForecastCall, Problem> {
    let limits = &state.calls.limits;
    let call = match format {
        BodyFormat::Json => json::parse(body, query.only_allow_nan()?, limits)?,
        BodyFormat::Csv => parse_csv(state, query, body)?,
    };
    state.metrics.series.observe(call.series.len() as f64);
    Ok(call)
}

/// Parses a table, and applies the parameters of the query to its series.
pub(super) fn parse_csv(
    state: &AppState,
    query: ForecastQuery,
    body: &Bytes,
) -> Result<ForecastCall, CallError> {
    let table = almanac_frame::read_csv(body.as_ref(), &query.columns(), &state.calls.limits)?;
    Ok(query.into_call(table.series.into_iter().map(SeriesCall::from)))
}

async fn answer(
    state: &AppState,
    prepared: PreparedForecast,
    format: ForecastFormat,
    started: Instant,
    terms: Terms,
) -> Result<Response<Body>, Problem> {
    let parse = started.elapsed();
    let outcome = prepared.run(terms, state.calls.registry.shadows()).await?;
    let mut phases = Phases {
        model: Arc::clone(&outcome.model),
        n_series: outcome.series.len(),
        started,
        parse,
        queue: outcome.timing.queue,
        inference: outcome.timing.inference,
        writing: Instant::now(),
        write: Duration::ZERO,
    };
    let large = outcome.series.len() * outcome.spec.horizon.steps() > LARGE_ANSWER;
    let mut response = if large {
        off_runtime(move || format.write(outcome)).await?
    } else {
        format.write(outcome)?
    };
    phases.write = phases.writing.elapsed();
    response.extensions_mut().insert(phases);
    Ok(response)
}

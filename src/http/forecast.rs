//! `POST /forecast` and `GET /forecast`.

mod answer;
pub(super) mod body;
pub(super) mod call;
pub(super) mod json;
mod lines;
pub(super) mod query;
pub(super) mod run;
pub(super) mod terms;
mod write;

pub(super) use answer::ForecastAnswer;
pub(super) use call::ForecastBody;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use bytes::Bytes;
use memchr::memmem;

use crate::http::forecast::body::BodyFormat;
use crate::http::forecast::call::ForecastCall;
use crate::http::forecast::query::ForecastQuery;
use crate::http::forecast::run::Prepared;
use crate::http::forecast::terms::draw;
use crate::http::forecast::write::AnswerFormat;
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::http::timing::Phases;
use almanac_engine::Terms;
use almanac_frame as frame;

/// Bodies from this size on are read off the runtime's threads, for health checks must not wait
/// behind them. Parsing takes a millisecond for each 150 KiB; finding the season of a series that
/// names none takes up to two, and a body of this size may hold a few such series.
pub(super) const LARGE_BODY: usize = 8 * 1_024;

/// Bodies from this size on most likely hold more than one batch: a value takes some six bytes, and a
/// batch has 16,384 steps unless configured otherwise.
const MORE_THAN_A_BATCH: usize = 96 * 1_024;

/// Answers of more steps than this, over all series, are written off the runtime's threads too.
const LARGE_ANSWER: usize = 8 * 1_024;

/// The series that `GET /forecast` forecasts: airline passengers by month, Box and Jenkins (1976).
const EXAMPLE: &str = include_str!("../../examples/air_passengers.csv");

/// Forecasts one series or many
///
/// The body is JSON, or CSV with its settings in the query. Each series that cannot be forecast has
/// its own error in place; when none can, the answer is a problem document. In a body of JSON lines
/// each line is a request of its own, and the answer has a line for each, in their order.
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
        (status = "4XX", description = "The request is wrong", content(
            (Problem = "application/problem+json"), (String = "application/jsonlines")
        )),
        (status = "5XX", description = "The server cannot answer now", content(
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

/// Answers a request for forecasts, by `model` where its path names one.
///
/// It is taken apart and not extracted from: that would copy its headers.
pub(super) async fn respond(
    state: &AppState,
    (Parts { headers, uri, .. }, body): (Parts, Body),
    model: Option<Arc<str>>,
) -> Result<Response<Body>, Problem> {
    let terms = terms::terms(&headers, Instant::now(), state.request_timeout)?;
    let query = ForecastQuery::parse(uri.query().unwrap_or_default())?;
    if lines::are_declared(&headers) {
        let media_type = lines::accepted(&headers)?;
        let body = body::receive(&headers, body, state.max_body).await?;
        admit(state, &body, (BodyFormat::Json, model.as_deref()), terms)?;
        let asked = (&headers, query, model);
        return lines::answer(state, asked, (body, media_type), terms).await;
    }
    let format = AnswerFormat::preferred(&headers)?;
    let body_format = BodyFormat::of(&headers)
        .map_err(|problem| problem.expected(body::READ.into_iter().chain([lines::JSON_LINES])))?;
    let body = body::receive(&headers, body, state.max_body).await?;
    let named = model.as_deref().or(query.model.as_deref());
    admit(state, &body, (body_format, named), terms)?;
    let (started, is_small) = (Instant::now(), body.len() < LARGE_BODY);
    let read = move |state: &AppState| {
        let call = read(state, (body_format, query), &body)?.of_model(model.as_deref())?;
        run::prepare(call, draw(&headers), state)
    };
    let prepared = if is_small {
        read(state)?
    } else {
        let state = state.clone();
        off_runtime(move || read(&state)).await?
    };
    answer(state, prepared, format, (started, terms)).await
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
        (status = "4XX", description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_forecast(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let started = Instant::now();
    let terms = terms::terms(&headers, started, state.request_timeout)?;
    let format = AnswerFormat::preferred(&headers)?;
    let mut query = ForecastQuery::parse(query.as_deref().unwrap_or_default())?;
    query.horizon = query.horizon.or(Some(12));
    let example = Bytes::from_static(EXAMPLE.as_bytes());
    let call = read(&state, (BodyFormat::Csv, query), &example)?;
    let prepared = run::prepare(call, draw(&headers), &state)?;
    answer(&state, prepared, format, (started, terms)).await
}

/// Refuses what the model would not admit, before it is read: reading costs more than all else that is
/// done for a request that is refused. `named` is the model that stands outside of the body.
fn admit(
    state: &AppState,
    body: &[u8],
    (format, named): (BodyFormat, Option<&str>),
    terms: Terms,
) -> Result<(), Problem> {
    state.metrics.body_bytes.observe(body.len() as f64);
    let is_large = body.len() > MORE_THAN_A_BATCH;
    if named.is_none() && format == BodyFormat::Json && may_name_a_model(body) {
        state.registry.any_admits(terms, is_large)?;
    } else {
        state.registry.admits(named, terms, is_large)?;
    }
    Ok(())
}

/// Whether JSON may have a key `model`. All that has one says so, plainly or with an escape.
fn may_name_a_model(body: &[u8]) -> bool {
    [&b"\"model\""[..], b"\\u"]
        .iter()
        .any(|part| memmem::find(body, part).is_some())
}

/// Reads a body; pure computation.
fn read(
    state: &AppState,
    (format, query): (BodyFormat, ForecastQuery),
    body: &Bytes,
) -> Result<ForecastCall, Problem> {
    let call = match format {
        BodyFormat::Json => json::read(body, query.only_allow_nan()?, &state.limits)?,
        BodyFormat::Csv => read_csv(state, query, body)?,
    };
    state.metrics.series.observe(call.series.len() as f64);
    Ok(call)
}

/// Reads a table, with what the query says of its series.
pub(super) fn read_csv(
    state: &AppState,
    query: ForecastQuery,
    body: &Bytes,
) -> Result<ForecastCall, Problem> {
    let table = frame::read_csv(body.as_ref(), &query.columns(), &state.limits)
        .map_err(|error| Problem::from(&error))?;
    let series = table.series.into_iter().map(|one| {
        let draft = one.draft.map_err(|error| Problem::from(&error));
        (one.id, draft)
    });
    Ok(query.into_call(series))
}

async fn answer(
    state: &AppState,
    prepared: Prepared,
    format: AnswerFormat,
    (started, terms): (Instant, Terms),
) -> Result<Response<Body>, Problem> {
    let parse = started.elapsed();
    let outcome = prepared.run(terms, state.registry.shadows()).await?;
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
    let large = outcome.series.len() * outcome.asked.horizon.steps() > LARGE_ANSWER;
    let mut response = if large {
        off_runtime(move || format.write(outcome)).await?
    } else {
        format.write(outcome)?
    };
    phases.write = phases.writing.elapsed();
    response.extensions_mut().insert(phases);
    Ok(response)
}

/// Runs `work` on the blocking pool.
pub(super) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            tracing::error!(%error, "reading or writing a large body failed");
            Err(Problem::new(
                Code::Internal,
                "the server failed on this body",
            ))
        })
}

//! `POST /backtest`.

mod answer;
mod call;
mod outcome;
mod query;
mod schema;
mod write;

pub use answer::BacktestAnswer;
pub use outcome::Outcome;

use std::time::Instant;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use bytes::Bytes;

use crate::backtest::backtest;
use crate::http::backtest::call::{Prepared, prepare};
use crate::http::backtest::query::BacktestQuery;
use crate::http::backtest::schema::BacktestBody;
use crate::http::backtest::write::AnswerFormat;
use crate::http::forecast::body::{self, BodyFormat};
use crate::http::forecast::{LARGE_BODY, json, off_runtime, read_csv, terms};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use almanac_engine::{Priority, Terms};

/// Compares models and baselines on series whose end is known
///
/// Each series is cut at moments of its past, and what would have been forecast is compared with what
/// happened. The body is that of `POST /forecast`, and says beyond that which windows and models. Each
/// series that has no window has its own error in place; when none has, the answer is a problem document.
#[utoipa::path(
    post,
    path = "/backtest",
    tag = "forecast",
    params(BacktestQuery),
    request_body(
        content(
            (BacktestBody = "application/json"),
            (String = "text/csv", example = "month,passengers\n1949-01-01,112\n1949-02-01,118\n1949-03-01,132\n")
        )
    ),
    responses(
        (status = 200, description = "The leaderboard", content(
            (BacktestAnswer = "application/json"), (String = "text/csv"), (String = "image/svg+xml")
        )),
        (status = "4XX", description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn post_backtest(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let terms = terms::terms(&headers, Instant::now(), state.request_timeout)?;
    let format = AnswerFormat::preferred(&headers)?;
    let body_format = BodyFormat::of(&headers)?;
    let query = BacktestQuery::parse(query.as_deref().unwrap_or_default())?;
    let body = body::receive(&headers, body, state.max_body).await?;
    // Many forecasts that nobody waits for one by one, whatever the client says.
    let bulk = Terms {
        priority: Some(Priority::Bulk),
        ..terms
    };
    state.registry.any_admits(bulk, true)?;
    let prepared = if body.len() < LARGE_BODY {
        read(&state, body_format, query, &body)?
    } else {
        let state = state.clone();
        off_runtime(move || read(&state, body_format, query, &body)).await?
    };
    let Prepared {
        series,
        requests,
        models,
        left_out,
        mut options,
    } = prepared;
    options.deadline = Some(bulk.deadline);
    let report = backtest(&models, requests, &options, &()).await?;
    let outcome = Outcome::new(report, series, left_out, options.plan)?;
    off_runtime(move || format.write(&outcome)).await
}

fn read(
    state: &AppState,
    format: BodyFormat,
    query: BacktestQuery,
    body: &Bytes,
) -> Result<Prepared, Problem> {
    let (call, fields) = match format {
        BodyFormat::Json => {
            let allow_nan = query.only_allow_nan()?;
            json::read_backtest(body, allow_nan, &state.limits)?
        }
        BodyFormat::Csv => (read_csv(state, query.forecast, body)?, query.backtest),
    };
    prepare(call, fields, state)
}

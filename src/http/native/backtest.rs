//! `POST /backtest`.

mod answer;
mod query;
mod write;

pub use answer::BacktestAnswer;

use std::time::Instant;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use bytes::Bytes;

use almanac_engine::{Priority, Terms};

use crate::call::{PreparedBacktest, off_runtime};
use crate::http::native::backtest::query::BacktestQuery;
use crate::http::native::backtest::write::BacktestFormat;
use crate::http::native::forecast::schema::BacktestBody;
use crate::http::native::forecast::{BodyFormat, LARGE_BODY, json, parse_csv};
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::http::{body, terms};

/// Compares models and baselines on the past of series
///
/// Each series is cut at several points of its past, and the forecasts from there are compared with the
/// actual values. The body is that of `POST /forecast`, with the windows and the models in addition. A
/// series that is too short for a window has its own error in place; when all are, the answer is a
/// problem document.
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
        (status = "4XX", description = "Invalid request", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", description = "The server cannot answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn post_backtest(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let terms = terms::terms(&headers, Instant::now(), state.request_timeout)?;
    let format = BacktestFormat::preferred(&headers)?;
    let body_format = BodyFormat::of(&headers)?;
    let query = BacktestQuery::parse(query.as_deref().unwrap_or_default())?;
    let body = body::receive(&headers, body, state.max_body).await?;
    // Always bulk: the result is complete only with its last forecast.
    let bulk = Terms {
        priority: Some(Priority::Bulk),
        ..terms
    };
    state.calls.admit_any(bulk, true)?;
    let prepared = if body.len() < LARGE_BODY {
        prepare(&state, body_format, query, &body)?
    } else {
        let state = state.clone();
        off_runtime(move || prepare(&state, body_format, query, &body)).await?
    };
    let outcome = prepared.run(Some(bulk.deadline), &()).await?;
    off_runtime(move || format.write(&outcome)).await
}

fn prepare(
    state: &AppState,
    format: BodyFormat,
    query: BacktestQuery,
    body: &Bytes,
) -> Result<PreparedBacktest, Problem> {
    let (call, backtest) = match format {
        BodyFormat::Json => {
            json::parse_backtest(body, query.only_allow_nan()?, &state.calls.limits)?
        }
        BodyFormat::Csv => (parse_csv(state, query.forecast, body)?, query.backtest),
    };
    Ok(state.calls.prepare_backtest(call, backtest)?)
}

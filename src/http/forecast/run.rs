//! From a call to the outcome of each of its series.

use std::sync::Arc;

use crate::backtest::learn;
use crate::http::forecast::answer::Echo;
use crate::http::forecast::call::{Asked, ForecastCall, SeriesCall};
use crate::http::forecast::off_runtime;
use crate::http::problem::{Code, FailedSeries, Problem, of_draft, of_failure};
use crate::http::state::AppState;
use almanac_engine::registry::{Draw, LiveModel, Routed, Shadows};
use almanac_engine::{Outcomes, SeriesFailure, Terms, Timing};
use almanac_forecast::{
    Forecast, ForecastRequest, Horizon, Limits, Plan, PlanDraft, QuantileLevels,
};

/// A call whose model and levels are known and whose series are requests or problems.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) routed: Routed,
    pub(crate) asked: Asked,
    series: Vec<Result<(Echo, ForecastRequest), FailedSeries>>,
}

/// What became of a call: for each series its forecast or its problem.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) model: Arc<LiveModel>,
    pub(crate) asked: Asked,
    pub(crate) series: Vec<Result<(Echo, Forecast), FailedSeries>>,
    pub(crate) timing: Timing,
}

/// Checks `call` against the domain and finds its model; `draw` says which of its versions answers.
///
/// # Errors
/// The problem of the request as a whole.
pub(crate) fn prepare(
    call: ForecastCall,
    draw: Draw<'_>,
    state: &AppState,
) -> Result<Prepared, Problem> {
    let limits = &state.limits;
    let mut asked = call.asked(limits)?;
    asked.calibration = calibration(&call, &asked, state)?;
    let routed = state
        .registry
        .route(call.model.as_deref(), draw)
        .map_err(|error| Problem::from(error).at("/model"))?;
    let levels = asked.all_levels();
    let prepare = |series: SeriesCall| {
        let (id, pointer, request) = to_request(series, asked.horizon, &levels, limits)?;
        Ok((Echo::of(id, pointer, &request)?, request))
    };
    let series = call.series.into_iter().map(prepare).collect();
    Ok(Prepared {
        routed,
        asked,
        series,
    })
}

/// Which windows of the past calibrate the intervals of `call`, if any.
fn calibration(
    call: &ForecastCall,
    asked: &Asked,
    state: &AppState,
) -> Result<Option<Plan>, Problem> {
    let Some(windows) = call.calibrate_windows else {
        return Ok(None);
    };
    let draft = PlanDraft {
        windows,
        step: None,
        calibrated: false,
    };
    let (longest, bounds) = (state.limits.values, state.backtest);
    let plan = Plan::new(asked.horizon, draft, bounds.windows, longest);
    let plan = plan.map_err(|error| Problem::from(error).at("/calibrate_windows"))?;
    let (forecasts, limit) = (call.series.len() * plan.windows(), bounds.forecasts);
    if forecasts > limit {
        return Err(too_many_forecasts(forecasts, limit).at("/calibrate_windows"));
    }
    Ok(Some(plan))
}

/// The problem of windows that need `forecasts` of their own.
pub(crate) fn too_many_forecasts(forecasts: usize, limit: usize) -> Problem {
    let detail = format!(
        "{forecasts} forecasts, one for each series, window and model, are over the limit of {limit}; send fewer series, windows or models"
    );
    Problem::new(Code::BacktestTooLarge, detail)
        .limit(limit)
        .received(forecasts)
}

/// The request for a series of a call, with its id and the pointer to it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn to_request(
    series: SeriesCall,
    horizon: Horizon,
    levels: &QuantileLevels,
    limits: &Limits,
) -> Result<(Option<String>, String, ForecastRequest), FailedSeries> {
    let SeriesCall {
        id,
        draft,
        pointer,
        common,
    } = series;
    let request = draft.and_then(|draft| {
        draft
            .into_request(horizon, levels.clone(), limits)
            .map_err(|error| {
                let is_common = common.contains(&error.field());
                of_draft(&error, if is_common { "" } else { &pointer })
            })
    });
    match request {
        Ok(request) => Ok((id, pointer, request)),
        Err(error) => Err(FailedSeries { id, error }),
    }
}

impl Prepared {
    /// Runs the series that can be run, until the deadline of `terms`.
    ///
    /// # Errors
    /// The problem of the request as a whole: refused, too late, or no series with a forecast.
    pub(crate) async fn run(
        self,
        terms: Terms,
        shadows: Option<&Shadows>,
    ) -> Result<Outcome, Problem> {
        let Self {
            routed: Routed { model, shadow },
            asked,
            series,
        } = self;
        let mut requests = Vec::with_capacity(series.len());
        let waiting: Vec<_> = series
            .into_iter()
            .map(|one| {
                one.map(|(echo, request)| {
                    requests.push(request);
                    echo
                })
            })
            .collect();
        let (outcomes, timing) = match asked.calibration {
            None => {
                let shadow = shadows
                    .zip(shadow)
                    .and_then(|(shadows, shadow)| shadows.prepare(shadow, &requests));
                let answered = answered(&model, requests, terms).await?;
                if let Some(shadow) = shadow {
                    shadow.answered(&answered.0);
                }
                answered
            }
            Some(plan) => {
                let levels = asked.all_levels();
                calibrated(&model, requests, (plan, levels), terms).await?
            }
        };
        let series = in_place(waiting, outcomes);
        if series.iter().all(Result::is_err) {
            return Err(Problem::of_all(
                series.into_iter().filter_map(Result::err).collect(),
            ));
        }
        Ok(Outcome {
            model,
            asked,
            series,
            timing,
        })
    }
}

/// What `model` makes of `requests`, counted.
async fn answered(
    model: &LiveModel,
    requests: Vec<ForecastRequest>,
    terms: Terms,
) -> Result<(Outcomes, Timing), Problem> {
    let answer = model.engine.submit(requests, terms)?.outcomes().await;
    model.answered(&answer);
    Ok(answer?)
}

/// The outcomes of the series that waited for one, among those that failed before.
fn in_place(
    waiting: Vec<Result<Echo, FailedSeries>>,
    outcomes: Outcomes,
) -> Vec<Result<(Echo, Forecast), FailedSeries>> {
    let mut outcomes = outcomes.into_iter();
    let mut take = |echo: Echo| match outcomes.next() {
        Some(Ok(forecast)) => Ok((echo, forecast)),
        Some(Err(failure)) => Err(failed(echo, &failure)),
        None => unreachable!("the engine gives one outcome for each request"),
    };
    waiting.into_iter().map(|one| take(one?)).collect()
}

/// The outcomes of `requests`, their intervals calibrated on windows of the same series.
async fn calibrated(
    model: &LiveModel,
    requests: Vec<ForecastRequest>,
    (plan, levels): (Plan, QuantileLevels),
    terms: Terms,
) -> Result<(Outcomes, Timing), Problem> {
    let learned = learn(model, requests, (plan, levels), Some(terms.deadline), &()).await?;
    let (outcomes, mut timing) = answered(model, learned.series, terms).await?;
    timing.queue += learned.timing.queue;
    timing.inference += learned.timing.inference;
    let apply = move || {
        let pairs = outcomes.into_iter().zip(learned.scales);
        pairs
            .map(|(outcome, scale)| Ok(learned.calibration.apply(&outcome?, scale)))
            .collect()
    };
    let outcomes = off_runtime(move || Ok(apply())).await?;
    Ok((outcomes, timing))
}

fn failed(echo: Echo, failure: &SeriesFailure) -> FailedSeries {
    FailedSeries {
        error: of_failure(failure, &echo.pointer),
        id: echo.id,
    }
}

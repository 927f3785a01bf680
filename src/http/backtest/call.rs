//! From a call to what is run.

use std::sync::Arc;

use crate::backtest::{BacktestOptions, Choice, LeftOut, choose};
use crate::http::forecast::call::{Asked, BacktestFields, ForecastCall};
use crate::http::forecast::run::{to_request, too_many_forecasts};
use crate::http::problem::{Code, FailedSeries, Problem};
use crate::http::state::AppState;
use almanac_engine::registry::LiveModel;
use almanac_forecast::{ForecastRequest, Horizon, Measures, Plan, PlanDraft};

/// A backtest whose models and windows are known and whose series are requests or problems.
#[derive(Debug)]
pub(super) struct Prepared {
    /// For each series its id and its pointer in the body, or its problem.
    pub(super) series: Vec<Result<(Option<String>, String), FailedSeries>>,
    /// The series that are none, in their order.
    pub(super) requests: Vec<ForecastRequest>,
    pub(super) models: Vec<Arc<LiveModel>>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) options: BacktestOptions,
}

/// How many windows when a call does not say.
const USUAL_WINDOWS: u64 = 3;

/// Checks a call against the domain and finds its models.
///
/// # Errors
/// The problem of the request as a whole.
pub(super) fn prepare(
    call: ForecastCall,
    fields: BacktestFields,
    state: &AppState,
) -> Result<Prepared, Problem> {
    let asked = call.asked(&state.limits)?;
    let draft = PlanDraft {
        windows: fields.windows.unwrap_or(USUAL_WINDOWS),
        step: fields.step,
        calibrated: fields.calibrate.unwrap_or(false),
    };
    let (longest, most) = (state.limits.values, state.backtest.windows);
    let plan = Plan::new(asked.horizon, draft, most, longest)?;
    let measures = measures(&call, &asked);
    let names = names(&call, fields.models)?;
    let Choice { models, left_out } = choose(&state.registry, names.as_deref(), asked.horizon)?;
    // The baselines alone are work too.
    let rivals = models.len().max(1);
    let forecasts = call.series.len() * plan.windows() * rivals;
    let limit = state.backtest.forecasts;
    if forecasts > limit {
        return Err(too_many_forecasts(forecasts, limit).at("/windows"));
    }
    let (series, requests) = requests(call, asked.horizon, &measures, state);
    Ok(Prepared {
        series,
        requests,
        models,
        left_out,
        options: BacktestOptions {
            plan,
            measures,
            deadline: None,
        },
    })
}

/// What is scored: the levels that were asked for, or the usual ones.
fn measures(call: &ForecastCall, asked: &Asked) -> Measures {
    let mut measures = Measures::usual();
    if call
        .quantiles
        .as_ref()
        .is_some_and(|levels| !levels.is_empty())
    {
        measures.quantiles.clone_from(&asked.quantiles);
    }
    if !asked.levels.is_empty() {
        measures.levels.clone_from(&asked.levels);
    }
    measures
}

/// The models that were named, if any.
fn names(call: &ForecastCall, models: Option<Vec<String>>) -> Result<Option<Vec<String>>, Problem> {
    match (&call.model, models) {
        (Some(_), Some(_)) => {
            let detail = "model and models exclude each other; send one of them";
            Err(Problem::new(Code::ConflictingFields, detail).at("/models"))
        }
        (Some(model), None) => Ok(Some(vec![model.clone()])),
        (None, models) => Ok(models),
    }
}

type Series = Vec<Result<(Option<String>, String), FailedSeries>>;

fn requests(
    call: ForecastCall,
    horizon: Horizon,
    measures: &Measures,
    state: &AppState,
) -> (Series, Vec<ForecastRequest>) {
    let levels = measures.all_levels();
    let mut requests = Vec::with_capacity(call.series.len());
    let series = call.series.into_iter().map(|series| {
        let (id, pointer, request) = to_request(series, horizon, &levels, &state.limits)?;
        requests.push(request);
        Ok((id, pointer))
    });
    (series.collect(), requests)
}

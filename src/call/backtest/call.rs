//! A backtest call as an edge parsed it, and what it runs once it is checked.

use std::sync::Arc;
use std::time::Instant;

use almanac_engine::registry::LiveModel;
use almanac_forecast::{
    BacktestLimits, BacktestPlan, BacktestPlanDraft, ForecastLimits, ForecastRequest, Horizon,
    Measures,
};

use crate::call::backtest::outcome::ScoredCall;
use crate::call::backtest::{
    BacktestOptions, BacktestOutcome, Choice, SkippedModel, backtest, choose,
};
use crate::call::forecast::too_many_forecasts;
use crate::call::{
    CallCode, CallContext, CallError, FailedSeries, ForecastCall, ForecastSpec, Progress,
};

/// The parameters of a backtest beyond those of a forecast.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BacktestCall {
    /// The number of windows of each series.
    pub windows: Option<u64>,
    /// The number of steps between two windows.
    pub step: Option<u64>,
    /// The names of the models.
    pub models: Option<Vec<String>>,
    /// If true, earlier windows calibrate the forecasts of the last ones.
    pub calibrate: Option<bool>,
}

/// A backtest whose models and windows are known, and whose series are requests or errors.
#[derive(Debug)]
pub struct PreparedBacktest {
    series: Vec<Result<ScoredCall, FailedSeries>>,
    requests: Vec<ForecastRequest>,
    models: Vec<Arc<LiveModel>>,
    skipped: Vec<SkippedModel>,
    options: BacktestOptions,
}

/// The number of windows of a call that names none.
const DEFAULT_WINDOWS: u64 = 3;

impl BacktestCall {
    /// Checks the windows.
    ///
    /// # Errors
    /// The error of the first invalid field.
    pub fn plan(
        &self,
        horizon: Horizon,
        limits: &ForecastLimits,
        backtest: BacktestLimits,
    ) -> Result<BacktestPlan, CallError> {
        let draft = BacktestPlanDraft {
            windows: self.windows.unwrap_or(DEFAULT_WINDOWS),
            step: self.step,
            calibrated: self.calibrate.unwrap_or(false),
        };
        Ok(BacktestPlan::new(
            horizon,
            draft,
            backtest.windows,
            limits.values,
        )?)
    }
}

impl CallContext {
    /// Checks a backtest of the series of `call`, and finds its models.
    ///
    /// # Errors
    /// The error of the call as a whole. A series that is invalid fails alone.
    pub fn prepare_backtest(
        &self,
        call: ForecastCall,
        backtest: BacktestCall,
    ) -> Result<PreparedBacktest, CallError> {
        call.check_series_count(&self.limits)?;
        let spec = call.spec(&self.limits, self.backtest)?;
        let plan = backtest.plan(spec.horizon, &self.limits, self.backtest)?;
        let horizon = spec.horizon;
        let measures = requested_measures(call.quantiles.as_deref(), spec);
        let names = model_names(call.model, backtest.models)?;
        let Choice { models, skipped } = choose(&self.registry, names.as_deref(), horizon)?;
        check_size(
            call.series.len(),
            plan,
            models.len(),
            self.backtest.forecasts,
        )?;
        let levels = measures.all_levels();
        let mut requests = Vec::with_capacity(call.series.len());
        let series = call
            .series
            .into_iter()
            .map(|one| {
                let identified = one.into_request(horizon, &levels, &self.limits)?;
                requests.push(identified.request);
                Ok(ScoredCall {
                    id: identified.id,
                    path: identified.path,
                })
            })
            .collect();
        Ok(PreparedBacktest {
            series,
            requests,
            models,
            skipped,
            options: BacktestOptions {
                plan,
                measures,
                deadline: None,
            },
        })
    }
}

impl PreparedBacktest {
    /// Forecasts and scores every window, by `deadline` if there is one. Dropping the future ends the
    /// work.
    ///
    /// # Errors
    /// The error of the call as a whole: an engine refuses, or no series has a window.
    pub async fn run(
        mut self,
        deadline: Option<Instant>,
        progress: &dyn Progress,
    ) -> Result<BacktestOutcome, CallError> {
        self.options.deadline = deadline;
        let report = backtest(&self.models, self.requests, &self.options, progress).await?;
        BacktestOutcome::new(report, self.series, self.skipped, self.options.plan)
    }
}

/// Returns the scores to compute: on the levels of the call, and on the standard ones where it names none.
fn requested_measures(quantiles: Option<&[f64]>, spec: ForecastSpec) -> Measures {
    let mut measures = Measures::standard();
    if quantiles.is_some_and(|levels| !levels.is_empty()) {
        measures.quantiles = spec.quantiles;
    }
    if !spec.levels.is_empty() {
        measures.levels = spec.levels;
    }
    measures
}

/// Returns the names of the models to compare; all that are ready when `None`.
fn model_names(
    model: Option<String>,
    models: Option<Vec<String>>,
) -> Result<Option<Vec<String>>, CallError> {
    match (model, models) {
        (Some(_), Some(_)) => {
            let detail = "model and models exclude each other; send one of them";
            Err(CallError::new(CallCode::ConflictingFields, detail).at("/models"))
        }
        (Some(model), None) => Ok(Some(vec![model])),
        (None, models) => Ok(models),
    }
}

fn check_size(
    n_series: usize,
    plan: BacktestPlan,
    n_models: usize,
    limit: usize,
) -> Result<(), CallError> {
    // The baselines alone are work too.
    let forecasts = n_series
        .saturating_mul(plan.windows())
        .saturating_mul(n_models.max(1));
    if forecasts > limit {
        return Err(too_many_forecasts(forecasts, limit).at("/windows"));
    }
    Ok(())
}

//! Calibration of the intervals of a model by its errors on the past of the same series.

use std::time::Instant;

use almanac_engine::registry::LiveModel;
use almanac_engine::{Outcomes, Terms, Timing};
use almanac_forecast::{BacktestPlan, Calibration, ForecastRequest, QuantileLevels, Residuals};

use crate::call::windows::{self, CHUNK_STEPS, Cuts, WindowError, error_scale};
use crate::call::{CallError, Progress, off_runtime, submit};

/// A calibration with the series that it was learned from.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) calibration: Calibration,
    /// The series, as they were given.
    series: Vec<ForecastRequest>,
    /// The scale of the errors of each series.
    scales: Vec<Option<f64>>,
    /// The time spent in the engine.
    timing: Timing,
}

/// The parameters of a calibration.
#[derive(Debug)]
pub(super) struct CalibrationOptions {
    /// The windows to learn from.
    pub(super) plan: BacktestPlan,
    /// The quantile levels of the forecasts.
    pub(super) levels: QuantileLevels,
    /// The deadline of the caller, if there is one.
    pub(super) deadline: Option<Instant>,
}

/// Forecasts `requests` with `model`, calibrated on windows of their own past.
///
/// # Errors
/// The error of the engine.
pub(super) async fn forecast(
    model: &LiveModel,
    requests: Vec<ForecastRequest>,
    plan: BacktestPlan,
    levels: QuantileLevels,
    terms: Terms,
) -> Result<(Outcomes, Timing), CallError> {
    let options = CalibrationOptions {
        plan,
        levels,
        deadline: Some(terms.deadline),
    };
    let learned = learn(model, requests, options, &()).await?;
    let (outcomes, mut timing) = submit::forecast(model, learned.series, terms).await?;
    timing.queue += learned.timing.queue;
    timing.inference += learned.timing.inference;
    let (calibration, scales) = (learned.calibration, learned.scales);
    let outcomes = off_runtime(move || {
        let calibrated = outcomes
            .into_iter()
            .zip(scales)
            .map(|(outcome, scale)| Ok(calibration.apply(&outcome?, scale)))
            .collect();
        Ok::<_, CallError>(calibrated)
    })
    .await?;
    Ok((outcomes, timing))
}

/// Forecasts the windows of `series` with `model`, and learns from all of them.
///
/// A window that the model cannot forecast is skipped. Dropping the future ends the work.
///
/// # Errors
/// [`WindowError`] of the first chunk that the engine does not answer in time.
pub(super) async fn learn(
    model: &LiveModel,
    series: Vec<ForecastRequest>,
    options: CalibrationOptions,
    progress: &dyn Progress,
) -> Result<Learned, WindowError> {
    let (horizon, deadline) = (options.plan.horizon(), options.deadline);
    let context = &model.engine.manifest().context;
    let (min_context, max_context) = (context.min_context_length(), context.max_context_length());
    let mut residuals = Residuals::new(&options.levels, horizon.steps());
    let cut = move || Cuts::new(series, options.plan, options.levels, min_context);
    let mut cuts = tokio::task::spawn_blocking(cut).await?;
    progress.begin(cuts.counts().scored + cuts.counts().calibrating);
    let mut timing = Timing::default();
    loop {
        let chunk;
        (cuts, chunk) = tokio::task::spawn_blocking(move || {
            let chunk = cuts.next_chunk(CHUNK_STEPS, max_context);
            (cuts, chunk)
        })
        .await?;
        let Some(chunk) = chunk else { break };
        let (outcomes, spent) = windows::forecast(model, &chunk, deadline).await?;
        timing.queue += spent.queue;
        timing.inference += spent.inference;
        progress.advance(chunk.requests.len());
        (cuts, residuals) = tokio::task::spawn_blocking(move || {
            let windows = chunk.jobs.iter().zip(&chunk.requests).zip(outcomes);
            for ((job, request), outcome) in windows {
                if let Ok(forecast) = outcome {
                    residuals.record(&forecast, cuts.actual(*job), error_scale(request));
                }
            }
            (cuts, residuals)
        })
        .await?;
    }
    let conclude = move || {
        let series = cuts.into_series();
        Learned {
            calibration: residuals.fit(),
            scales: series.iter().map(error_scale).collect(),
            series,
            timing,
        }
    };
    Ok(tokio::task::spawn_blocking(conclude).await?)
}

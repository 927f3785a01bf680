//! What a model's past says of the intervals it gives now.

use std::time::Instant;

use crate::backtest::cuts::{Cuts, scale_of};
use crate::backtest::{BacktestError, CHUNK_STEPS, Progress, run};
use almanac_engine::Timing;
use almanac_engine::registry::LiveModel;
use almanac_forecast::{Calibration, ForecastRequest, Plan, QuantileLevels, Residuals};

/// What was learnt of a model from some series.
#[derive(Debug)]
pub struct Learned {
    /// How its intervals are to be moved.
    pub calibration: Calibration,
    /// The series, as they were given.
    pub series: Vec<ForecastRequest>,
    /// What errors are divided by, for each series.
    pub scales: Vec<Option<f64>>,
    /// Where the time of the model went.
    pub timing: Timing,
}

/// Forecasts the windows of `series` by `plan` with `model`, on `levels`, and learns from all of them.
///
/// A window that the model cannot forecast teaches nothing. Dropping the future ends the work.
///
/// # Errors
/// [`BacktestError`] of the first chunk that the engine does not answer until `deadline`.
pub async fn learn(
    model: &LiveModel,
    series: Vec<ForecastRequest>,
    (plan, levels): (Plan, QuantileLevels),
    deadline: Option<Instant>,
    progress: &(dyn Progress + Sync),
) -> Result<Learned, BacktestError> {
    let context = &model.engine.manifest().context;
    let (least, most_context) = (context.least(), context.reach());
    let mut residuals = Residuals::new(&levels, plan.horizon().steps());
    let cut = move || Cuts::new(series, plan, levels, least);
    let mut cuts = tokio::task::spawn_blocking(cut).await?;
    progress.begin(cuts.counts().scored + cuts.counts().calibrating);
    let mut timing = Timing::default();
    loop {
        let chunk;
        (cuts, chunk) = tokio::task::spawn_blocking(move || {
            let chunk = cuts.next_chunk(CHUNK_STEPS, most_context);
            (cuts, chunk)
        })
        .await?;
        let Some(chunk) = chunk else { break };
        let (outcomes, spent) = run(model, &chunk, deadline).await?;
        timing.queue += spent.queue;
        timing.inference += spent.inference;
        progress.advance(chunk.requests.len());
        (cuts, residuals) = tokio::task::spawn_blocking(move || {
            let windows = chunk.jobs.iter().zip(&chunk.requests).zip(outcomes);
            for ((job, request), outcome) in windows {
                if let Ok(forecast) = outcome {
                    residuals.record(&forecast, cuts.actual(*job), scale_of(request));
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
            scales: series.iter().map(scale_of).collect(),
            series,
            timing,
        }
    };
    Ok(tokio::task::spawn_blocking(conclude).await?)
}

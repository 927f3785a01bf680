//! Backtests: the accuracy of models on the past of series.
//!
//! Windows are submitted to the engines in chunks, as bulk, one model after the other, so that each is
//! timed alone. Cutting and scoring are computation and happen on the blocking pool. A window that a
//! model cannot forecast is counted, and nothing else fails with it. The source of the series and the
//! presentation of the leaderboard are the caller's.

mod call;
mod choice;
mod outcome;
mod referee;

pub use call::{BacktestCall, PreparedBacktest};
pub use choice::{Choice, ChoiceError, SkippedModel, choose};
pub use outcome::{BacktestOutcome, BacktestedSeries};

use std::sync::Arc;
use std::time::{Duration, Instant};

use almanac_engine::registry::LiveModel;
use almanac_forecast::backtest::TooShort;
use almanac_forecast::{BacktestPlan, ForecastRequest, Leaderboard, Measures};

use crate::call::Progress;
use crate::call::backtest::referee::Referee;
use crate::call::windows::{self, WindowError};

/// The parameters of a backtest.
#[derive(Clone, Debug)]
pub struct BacktestOptions {
    /// The windows of each series.
    pub plan: BacktestPlan,
    /// The scores to compute.
    pub measures: Measures,
    /// The deadline of the caller. Without one, no chunk may take longer than an hour.
    pub deadline: Option<Instant>,
}

/// The result of a backtest.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scores of the models and the baselines.
    pub leaderboard: Leaderboard,
    /// The series without a window, by position.
    pub too_short: Vec<(usize, TooShort)>,
    /// The number of windows that were scored.
    pub windows: usize,
    /// The number of windows that calibrated.
    pub calibrating: usize,
    /// The number of series with fewer scored windows than requested.
    pub fewer_windows: usize,
    /// True if there was a window to calibrate with.
    pub is_calibrated: bool,
    /// The time from the first chunk to the last score.
    pub duration: Duration,
}

/// Compares `models` and the baselines on `series`. Dropping the future ends the work.
///
/// # Errors
/// [`WindowError`] of the first chunk that an engine does not answer.
pub async fn backtest(
    models: &[Arc<LiveModel>],
    series: Vec<ForecastRequest>,
    options: &BacktestOptions,
    progress: &dyn Progress,
) -> Result<Report, WindowError> {
    let started = Instant::now();
    let mut names = Vec::with_capacity(models.len());
    let (mut min_context, mut max_context) = (0, 0);
    for model in models {
        let manifest = model.engine.manifest();
        names.push(manifest.name.clone());
        min_context = min_context.max(manifest.context.min_context_length());
        max_context = max_context.max(manifest.context.max_context_length());
    }
    let cut_options = options.clone();
    let cut = move || Referee::new(names, series, &cut_options, min_context);
    let mut referee = tokio::task::spawn_blocking(cut).await?;
    let counts = referee.cuts.counts().clone();
    progress.begin((counts.scored + counts.calibrating) * models.len());
    loop {
        let chunk;
        (referee, chunk) = tokio::task::spawn_blocking(move || {
            let chunk = referee.cuts.next_chunk(windows::CHUNK_STEPS, max_context);
            (referee, chunk)
        })
        .await?;
        let Some(chunk) = chunk else { break };
        let mut outcomes = Vec::with_capacity(models.len());
        for model in models {
            let answered = windows::forecast(model, &chunk, options.deadline).await?;
            progress.advance(chunk.requests.len());
            outcomes.push(answered);
        }
        referee = tokio::task::spawn_blocking(move || {
            referee.score(&chunk, outcomes);
            referee
        })
        .await?;
    }
    Ok(Report {
        is_calibrated: referee.is_calibrated(),
        leaderboard: referee.finish(),
        too_short: counts.too_short,
        windows: counts.scored,
        calibrating: counts.calibrating,
        fewer_windows: counts.fewer,
        duration: started.elapsed(),
    })
}

impl Report {
    /// Returns the caveats of the scores: a stable code and a sentence each.
    #[must_use]
    pub fn warnings(&self, plan: BacktestPlan) -> Vec<(&'static str, String)> {
        let mut warnings = Vec::new();
        if self.fewer_windows > 0 {
            let detail = format!(
                "{} series have room for fewer scored windows than {}",
                self.fewer_windows,
                plan.scored()
            );
            warnings.push(("fewer_windows", detail));
        }
        if plan.is_calibrated() && !self.is_calibrated {
            let detail =
                "there is no window before those that are scored, so nothing is calibrated";
            warnings.push(("not_calibrated", detail.to_owned()));
        }
        for standing in &self.leaderboard.standings {
            if let Some(reason) = &standing.first_failure {
                let (name, failed) = (&standing.entrant, standing.failed);
                let detail = format!("{name} failed on {failed} windows; the first: {reason}");
                warnings.push(("windows_failed", detail));
            }
        }
        warnings
    }
}

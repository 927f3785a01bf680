//! How good the models would have been on series whose end is known.
//!
//! Windows go to the engines in chunks, as bulk, one model after the other, so that each is timed alone.
//! Cutting and scoring are computation and happen on the blocking pool. A window that a model cannot
//! forecast is counted, and nothing else fails with it. Where the series come from and how the
//! leaderboard is shown is not known here.

mod call;
mod choice;
mod outcome;
mod referee;

pub use call::{BacktestCall, PreparedBacktest};
pub use choice::{Choice, ChoiceError, LeftOut, choose};
pub use outcome::{BacktestOutcome, ScoredSeries};

use std::sync::Arc;
use std::time::{Duration, Instant};

use almanac_engine::registry::LiveModel;
use almanac_forecast::backtest::TooShort;
use almanac_forecast::{ForecastRequest, Leaderboard, Measures, Plan};

use crate::call::Progress;
use crate::call::backtest::referee::Referee;
use crate::call::windows::{self, WindowError};

/// What to compare, and how.
#[derive(Clone, Debug)]
pub struct BacktestOptions {
    /// Where histories are cut.
    pub plan: Plan,
    /// What is scored.
    pub measures: Measures,
    /// When its caller gives up. Without one, no chunk may take longer than an hour.
    pub deadline: Option<Instant>,
}

/// What came of a backtest.
#[derive(Clone, Debug)]
pub struct Report {
    /// Everybody's standing.
    pub leaderboard: Leaderboard,
    /// Series without a window, by their position.
    pub too_short: Vec<(usize, TooShort)>,
    /// Windows that were scored.
    pub windows: usize,
    /// Windows that calibrated.
    pub calibrating: usize,
    /// Series with fewer scored windows than were asked for.
    pub fewer_windows: usize,
    /// Whether there was anything to calibrate with.
    pub is_calibrated: bool,
    /// From the first chunk to the last score.
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
    let manifests = models.iter().map(|model| model.engine.manifest());
    let names = manifests.clone().map(|manifest| manifest.name.clone());
    let least = manifests.clone().map(|manifest| manifest.context.least());
    let most_context = manifests.map(|manifest| manifest.context.reach()).max();
    let (names, least, cut) = (names.collect(), least.max().unwrap_or(0), options.clone());
    let cut = move || Referee::new(names, series, &cut, least);
    let mut referee = tokio::task::spawn_blocking(cut).await?;
    let counts = referee.cuts.counts().clone();
    progress.begin((counts.scored + counts.calibrating) * models.len());
    loop {
        let cost = most_context.unwrap_or(0);
        let chunk;
        (referee, chunk) = tokio::task::spawn_blocking(move || {
            let chunk = referee.cuts.next_chunk(windows::CHUNK_STEPS, cost);
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
    /// What should be known of the scores: a stable code and a sentence each.
    #[must_use]
    pub fn warnings(&self, plan: Plan) -> Vec<(&'static str, String)> {
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
            let detail = "no window lies before those that are scored, so nothing is calibrated";
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

//! The outcome of a backtest call.

use almanac_forecast::{BacktestPlan, Leaderboard};

use crate::call::backtest::{Report, SkippedModel};
use crate::call::{CallError, FailedSeries};

/// The outcome of a backtest: a leaderboard, and a place in it or an error for each series.
#[derive(Debug)]
pub struct BacktestOutcome {
    report: Report,
    series: Vec<Result<BacktestedSeries, FailedSeries>>,
    skipped: Vec<SkippedModel>,
    plan: BacktestPlan,
}

/// A series with scores.
#[derive(Clone, Debug)]
pub struct BacktestedSeries {
    /// The id of the series, as it was received.
    pub id: Option<String>,
    /// The index of its scores in the leaderboard.
    pub position: usize,
}

/// A series that is backtested, without its request.
#[derive(Debug)]
pub(super) struct ScoredCall {
    pub(super) id: Option<String>,
    /// JSON pointer to the series.
    pub(super) path: String,
}

impl BacktestOutcome {
    /// Joins `report` with the series of the call.
    ///
    /// # Errors
    /// The error of the call as a whole: no series has a window.
    pub(super) fn new(
        report: Report,
        series: Vec<Result<ScoredCall, FailedSeries>>,
        skipped: Vec<SkippedModel>,
        plan: BacktestPlan,
    ) -> Result<Self, CallError> {
        let mut too_short = report.too_short.iter().peekable();
        let mut next = 0;
        let series: Vec<_> = series
            .into_iter()
            .map(|one| {
                let ScoredCall { id, path } = one?;
                let position = next;
                next += 1;
                match too_short.next_if(|(short, _)| *short == position) {
                    None => Ok(BacktestedSeries { id, position }),
                    Some((_, short)) => {
                        let error = CallError::from(*short).at(format!("{path}/values"));
                        Err(FailedSeries { id, error })
                    }
                }
            })
            .collect();
        if series.iter().all(Result::is_err) {
            let failed = series.into_iter().filter_map(Result::err);
            return Err(CallError::all_failed(failed.collect()));
        }
        Ok(Self {
            report,
            series,
            skipped,
            plan,
        })
    }

    /// Returns the leaderboard.
    #[must_use]
    pub const fn leaderboard(&self) -> &Leaderboard {
        &self.report.leaderboard
    }

    /// Returns the report of the run.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the windows that were cut.
    #[must_use]
    pub const fn plan(&self) -> BacktestPlan {
        self.plan
    }

    /// Returns each series with its place in the leaderboard, or its error, in the caller's order.
    pub fn series(&self) -> &[Result<BacktestedSeries, FailedSeries>] {
        &self.series
    }

    /// Returns the caveats of the scores: a stable code and a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<(&'static str, String)> {
        let skipped = self
            .skipped
            .iter()
            .map(|model| ("model_left_out", model.to_string()));
        skipped.chain(self.report.warnings(self.plan)).collect()
    }
}

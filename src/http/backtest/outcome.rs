//! What came of the series of a backtest.

use crate::backtest::{LeftOut, Report};
use crate::http::problem::{FailedSeries, Problem};
use almanac_forecast::{Leaderboard, Plan};
use almanac_frame::ScoredId;

/// What came of a backtest, and of which series.
#[derive(Debug)]
pub struct Outcome {
    pub(super) report: Report,
    /// For each series its id and its place among the scores, or its problem.
    pub(super) series: Vec<Result<(Option<String>, usize), FailedSeries>>,
    left_out: Vec<LeftOut>,
    pub(super) plan: Plan,
}

impl Outcome {
    /// Of `report`, where `series` says what each series of the body is called, or what is wrong with it.
    ///
    /// # Errors
    /// The problem of the request as a whole: no series has a window.
    pub fn new(
        report: Report,
        series: Vec<Result<(Option<String>, String), FailedSeries>>,
        left_out: Vec<LeftOut>,
        plan: Plan,
    ) -> Result<Self, Problem> {
        let mut too_short = report.too_short.iter().peekable();
        let mut next = 0;
        let series: Vec<_> = series
            .into_iter()
            .map(|one| {
                let (id, pointer) = one?;
                let position = next;
                next += 1;
                match too_short.next_if(|(short, _)| *short == position) {
                    None => Ok((id, position)),
                    Some((_, short)) => {
                        let error = Problem::from(*short).at(format!("{pointer}/values"));
                        Err(FailedSeries { id, error })
                    }
                }
            })
            .collect();
        if series.iter().all(Result::is_err) {
            let failed = series.into_iter().filter_map(Result::err);
            return Err(Problem::of_all(failed.collect()));
        }
        Ok(Self {
            report,
            series,
            left_out,
            plan,
        })
    }
}

impl Outcome {
    /// The leaderboard.
    #[must_use]
    pub const fn leaderboard(&self) -> &Leaderboard {
        &self.report.leaderboard
    }

    /// What came of the models.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Each series, for a table.
    #[must_use]
    pub fn scored_series(&self) -> Vec<ScoredId<'_>> {
        let series = self.series.iter().map(|one| match one {
            Ok((id, position)) => ScoredId {
                id: id.as_deref(),
                place: Ok(*position),
            },
            Err(FailedSeries { id, error }) => ScoredId {
                id: id.as_deref(),
                place: Err(format!("{}: {}", error.code.as_str(), error.detail)),
            },
        });
        series.collect()
    }

    /// What should be known of the scores: a code and a sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<(&'static str, String)> {
        let left_out = self.left_out.iter();
        let mut warnings: Vec<_> = left_out
            .map(|one| ("model_left_out", one.to_string()))
            .collect();
        warnings.extend(self.report.warnings(self.plan));
        warnings
    }
}

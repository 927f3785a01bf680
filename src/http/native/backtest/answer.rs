//! The response of `/backtest`, also printed by `almanac backtest --json`.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use almanac_forecast::backtest::{Entrant, LeaderboardEntry, SeriesScores};
use almanac_forecast::{CentralLevel, Scores};
use almanac_frame::DisplayValue;

use crate::call::BacktestOutcome;
use crate::http::problem::SeriesProblem;

/// The comparison of the models with each other and with the baselines.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacktestAnswer {
    /// The number of steps of each forecast.
    horizon: usize,
    /// The maximum number of windows of a series.
    windows: usize,
    /// The number of steps between two windows.
    step: usize,
    /// The number of windows that are scored, the last ones; the earlier ones calibrate.
    scored_windows: usize,
    /// The models and baselines, by `relative_mase`, smallest first.
    leaderboard: Vec<StandingBody>,
    /// Each series, in the order of the request.
    series: Vec<SeriesBody>,
    /// Caveats of the scores.
    warnings: Vec<BacktestWarning>,
}

/// The scores of one model or baseline.
#[derive(Debug, Serialize, ToSchema)]
struct StandingBody {
    /// Name of the model or baseline.
    #[schema(example = "almanac")]
    name: String,
    /// `model`, `calibrated` or `baseline`.
    #[schema(value_type = String, example = "model")]
    kind: &'static str,
    /// MASE relative to seasonal naive, the geometric mean over series; better below 1.
    #[schema(value_type = Option<f64>)]
    relative_mase: Option<DisplayValue>,
    /// Weighted quantile loss relative to seasonal naive, in the same way.
    #[schema(value_type = Option<f64>)]
    relative_wql: Option<DisplayValue>,
    #[serde(flatten)]
    scores: ScoresBody,
    /// The number of series with a forecast.
    series: usize,
    /// The number of windows with a forecast.
    windows: usize,
    /// The number of windows that failed.
    failed: usize,
    /// The time of all forecasts, in seconds.
    #[schema(value_type = f64)]
    seconds: DisplayValue,
    /// The scores of each step of the horizon.
    by_step: Vec<ScoresBody>,
}

/// The accuracy of forecasts; `null` if no value was observed.
#[derive(Debug, Serialize, ToSchema)]
struct ScoresBody {
    /// Mean absolute scaled error.
    #[schema(value_type = Option<f64>)]
    mase: Option<DisplayValue>,
    /// Symmetric mean absolute percentage error, from 0 to 200.
    #[schema(value_type = Option<f64>)]
    smape: Option<DisplayValue>,
    /// Weighted quantile loss.
    #[schema(value_type = Option<f64>)]
    wql: Option<DisplayValue>,
    /// The share of values within each central interval, by its level in percent.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    coverage: BTreeMap<String, Option<DisplayValue>>,
}

/// One series: its scores, or its error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum SeriesBody {
    /// The series was scored.
    Scored(ScoredSeries),
    /// The series has no scores.
    Failed(SeriesProblem),
}

/// The scores of one series.
#[derive(Debug, Serialize, ToSchema)]
struct ScoredSeries {
    /// The id of the series, as it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The scores in the order of the leaderboard, without those that failed on the series.
    scores: Vec<NamedScores>,
}

/// The scores of one model or baseline on one series.
#[derive(Debug, Serialize, ToSchema)]
struct NamedScores {
    /// Name of the model or baseline.
    name: String,
    /// `model`, `calibrated` or `baseline`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// The number of windows.
    windows: usize,
    #[serde(flatten)]
    scores: ScoresBody,
}

/// A caveat of a leaderboard.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct BacktestWarning {
    /// Stable code to match on.
    #[schema(value_type = String, example = "fewer_windows")]
    code: &'static str,
    /// The caveat, with values.
    detail: String,
}

impl BacktestAnswer {
    /// Creates the answer from `outcome`.
    #[must_use]
    pub fn of(outcome: &BacktestOutcome) -> Self {
        let (board, plan) = (outcome.leaderboard(), outcome.plan());
        let levels = &board.measures.levels;
        let standings = board.standings.iter();
        let series = outcome.series().iter().map(|one| match one {
            Ok(series) => {
                let id = series.id.as_deref();
                SeriesBody::Scored(scored(id, &board.standings, series.position, levels))
            }
            Err(failed) => SeriesBody::Failed(failed.clone().into()),
        });
        Self {
            horizon: plan.horizon().steps(),
            windows: plan.windows(),
            step: plan.step(),
            scored_windows: plan.scored(),
            leaderboard: standings.map(|one| StandingBody::of(one, levels)).collect(),
            series: series.collect(),
            warnings: outcome
                .warnings()
                .into_iter()
                .map(|(code, detail)| BacktestWarning { code, detail })
                .collect(),
        }
    }
}

fn scored(
    id: Option<&str>,
    standings: &[LeaderboardEntry],
    position: usize,
    levels: &[CentralLevel],
) -> ScoredSeries {
    let scores = standings.iter().filter_map(|standing| {
        let SeriesScores { scores, windows } = standing.by_series.get(position)?.as_ref()?;
        let Entrant { name, kind } = &standing.entrant;
        Some(NamedScores {
            name: name.clone(),
            kind: kind.as_str(),
            windows: *windows,
            scores: ScoresBody::of(scores, levels),
        })
    });
    ScoredSeries {
        id: id.map(str::to_owned),
        scores: scores.collect(),
    }
}

impl StandingBody {
    fn of(standing: &LeaderboardEntry, levels: &[CentralLevel]) -> Self {
        let steps = standing.by_step.iter();
        Self {
            name: standing.entrant.name.clone(),
            kind: standing.entrant.kind.as_str(),
            relative_mase: standing.relative_mase.map(DisplayValue::from),
            relative_wql: standing.relative_wql.map(DisplayValue::from),
            scores: ScoresBody::of(&standing.scores, levels),
            series: standing.series,
            windows: standing.windows,
            failed: standing.failed,
            seconds: standing.duration.as_secs_f64().into(),
            by_step: steps.map(|one| ScoresBody::of(one, levels)).collect(),
        }
    }
}

impl ScoresBody {
    fn of(scores: &Scores, levels: &[CentralLevel]) -> Self {
        let coverage = levels.iter().enumerate().map(|(position, level)| {
            let share = scores.coverage.get(position).copied().flatten();
            (level.to_string(), share.map(DisplayValue::from))
        });
        Self {
            mase: scores.mase.map(DisplayValue::from),
            smape: scores.smape.map(DisplayValue::from),
            wql: scores.wql.map(DisplayValue::from),
            coverage: coverage.collect(),
        }
    }
}

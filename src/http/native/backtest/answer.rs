//! What `/backtest` answers, and `almanac backtest --json` prints.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use almanac_forecast::backtest::{Entrant, SeriesStanding, Standing};
use almanac_forecast::{CentralLevel, Scores};
use almanac_frame::Presented;

use crate::call::BacktestOutcome;
use crate::http::problem::SeriesProblem;

/// How the models compare with each other and with the baselines.
#[derive(Debug, Serialize, ToSchema)]
pub struct BacktestAnswer {
    /// Steps ahead.
    horizon: usize,
    /// The most windows of one series.
    windows: usize,
    /// Steps between two windows.
    step: usize,
    /// How many of the last windows are scored; the earlier ones calibrate.
    scored_windows: usize,
    /// Everybody, by `relative_mase`, smallest first.
    leaderboard: Vec<StandingBody>,
    /// Each series, in the order of the request.
    series: Vec<SeriesBody>,
    /// What should be known of these scores.
    warnings: Vec<BacktestWarning>,
}

/// How one of them did.
#[derive(Debug, Serialize, ToSchema)]
struct StandingBody {
    /// Name of the model or baseline.
    #[schema(example = "almanac")]
    name: String,
    /// `model`, `calibrated` or `baseline`.
    #[schema(value_type = String, example = "model")]
    kind: &'static str,
    /// MASE relative to seasonal naive: the geometric mean over series. Under 1 is better.
    #[schema(value_type = Option<f64>)]
    relative_mase: Option<Presented>,
    /// The same of the weighted quantile loss.
    #[schema(value_type = Option<f64>)]
    relative_wql: Option<Presented>,
    #[serde(flatten)]
    scores: ScoresBody,
    /// Series with a forecast.
    series: usize,
    /// Windows with a forecast.
    windows: usize,
    /// Windows on which it failed.
    failed: usize,
    /// Seconds it took.
    #[schema(value_type = f64)]
    seconds: Presented,
    /// The scores of each step ahead.
    by_step: Vec<ScoresBody>,
}

/// How good forecasts were; `null` where nothing observed says.
#[derive(Debug, Serialize, ToSchema)]
struct ScoresBody {
    /// Mean absolute scaled error.
    #[schema(value_type = Option<f64>)]
    mase: Option<Presented>,
    /// Symmetric mean absolute percentage error, from 0 to 200.
    #[schema(value_type = Option<f64>)]
    smape: Option<Presented>,
    /// Weighted quantile loss.
    #[schema(value_type = Option<f64>)]
    wql: Option<Presented>,
    /// The share of values within each central interval, by its percentage.
    #[schema(value_type = BTreeMap<String, Option<f64>>)]
    coverage: BTreeMap<String, Option<Presented>>,
}

/// One series: what everybody scored, or why it was not cut.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum SeriesBody {
    /// Its scores.
    Scored(ScoredSeries),
    /// It has none.
    Failed(SeriesProblem),
}

/// The scores of one series.
#[derive(Debug, Serialize, ToSchema)]
struct ScoredSeries {
    /// The series' id, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// In the order of the leaderboard; those that failed on it are missing.
    scores: Vec<NamedScores>,
}

/// What one of them scored on one series.
#[derive(Debug, Serialize, ToSchema)]
struct NamedScores {
    /// Name of the model or baseline.
    name: String,
    /// `model`, `calibrated` or `baseline`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// Windows.
    windows: usize,
    #[serde(flatten)]
    scores: ScoresBody,
}

/// Something that should be known of a leaderboard.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct BacktestWarning {
    /// Stable code to match on.
    #[schema(value_type = String, example = "fewer_windows")]
    code: &'static str,
    /// What it is, with values.
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
    standings: &[Standing],
    position: usize,
    levels: &[CentralLevel],
) -> ScoredSeries {
    let scores = standings.iter().filter_map(|standing| {
        let SeriesStanding { scores, windows } = standing.by_series.get(position)?.as_ref()?;
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
    fn of(standing: &Standing, levels: &[CentralLevel]) -> Self {
        let steps = standing.by_step.iter();
        Self {
            name: standing.entrant.name.clone(),
            kind: standing.entrant.kind.as_str(),
            relative_mase: standing.relative_mase.map(Presented::from),
            relative_wql: standing.relative_wql.map(Presented::from),
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
            (level.to_string(), share.map(Presented::from))
        });
        Self {
            mase: scores.mase.map(Presented::from),
            smape: scores.smape.map(Presented::from),
            wql: scores.wql.map(Presented::from),
            coverage: coverage.collect(),
        }
    }
}

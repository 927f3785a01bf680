//! The evaluation of a backtest, and the leaderboard that it results in.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use crate::accuracy::{Measures, ScoreAccumulator, Scores, loss_ratio, mean_ratio};
use crate::{Baseline, Forecast};

/// A forecaster that takes part in a backtest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrant {
    /// The name of the model or baseline.
    pub name: String,
    /// The kind of forecaster.
    pub kind: EntrantKind,
}

/// The kind of an entrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntrantKind {
    /// A model, as it is served.
    Model,
    /// A model whose intervals are calibrated on earlier windows.
    Calibrated,
    /// A baseline, which needs no model.
    Baseline,
}

/// A backtest in progress, which compares the forecasts of each entrant with the observed values.
///
/// ```
/// use almanac_forecast::backtest::{BacktestEvaluation, Entrant, EntrantKind, WindowForecast};
/// use almanac_forecast::{Baseline, ForecastRequest, Horizon, Measures, SeasonChoice, Series};
///
/// // Forecast the last two of eight values from the six before them.
/// let values = [1.0, 5.0, 2.0, 6.0, 1.0, 5.0, 2.0, 6.0];
/// let (history, actual) = values.split_at(6);
/// let measures = Measures::standard();
/// let request = ForecastRequest::new(
///     Series::new(history.to_vec(), None, 100)?,
///     Horizon::new(2, 100)?,
///     measures.all_levels(),
///     SeasonChoice::Given(2),
/// );
///
/// let baselines = [Baseline::Mean, Baseline::SeasonalNaive];
/// let entrants = baselines.map(|baseline| Entrant {
///     name: baseline.name().to_owned(),
///     kind: EntrantKind::Baseline,
/// });
/// let mut contest = BacktestEvaluation::new(measures, 2, 1, entrants.into());
/// for (entrant_idx, baseline) in baselines.into_iter().enumerate() {
///     let forecast = baseline.forecast(&request).ok_or("not finite")?;
///     let window = WindowForecast { forecast: &forecast, actual, scale: Some(1.0) };
///     contest.record(entrant_idx, 0, window);
/// }
/// let leaderboard = contest.finish();
/// assert_eq!(leaderboard.standings[0].entrant.name, "seasonal_naive");
/// // The errors of the mean are twice as large.
/// assert_eq!(leaderboard.standings[1].relative_mase, Some(2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BacktestEvaluation {
    measures: Measures,
    entrants: Vec<EntrantProgress>,
}

/// A forecast of one window, and the values that were observed in it.
#[derive(Clone, Copy, Debug)]
pub struct WindowForecast<'a> {
    /// The forecast.
    pub forecast: &'a Forecast,
    /// The observed values, one per step, `NaN` where missing.
    pub actual: &'a [f64],
    /// The scale of the history that the forecast was made from; see [`scale`](crate::accuracy::scale).
    pub scale: Option<f64>,
}

/// The errors of one entrant so far.
#[derive(Clone, Debug)]
struct EntrantProgress {
    entrant: Entrant,
    by_series: Vec<SeriesProgress>,
    by_step: Vec<ScoreAccumulator>,
    duration: Duration,
    failed: usize,
    first_failure: Option<String>,
}

/// The errors of one entrant on one series so far.
#[derive(Clone, Debug, Default)]
struct SeriesProgress {
    errors: ScoreAccumulator,
    windows: usize,
}

/// The results of a backtest, best entrant first.
///
/// [`BacktestEvaluation`] has an example.
#[derive(Clone, Debug)]
pub struct Leaderboard {
    /// The quantile levels and intervals that were scored.
    pub measures: Measures,
    /// The entrants by their mean scaled error relative to seasonal naive, smallest first.
    pub standings: Vec<LeaderboardEntry>,
}

/// The results of one entrant.
#[derive(Clone, Debug)]
pub struct LeaderboardEntry {
    /// The entrant.
    pub entrant: Entrant,
    /// The overall scores. MASE and sMAPE are means over series, all with equal weight; quantile loss and
    /// coverage are computed over all steps together.
    pub scores: Scores,
    /// The geometric mean over series of the MASE relative to seasonal naive; under 1 is better.
    pub relative_mase: Option<f64>,
    /// The geometric mean over series of the quantile loss relative to seasonal naive; under 1 is better.
    pub relative_wql: Option<f64>,
    /// The results of each series, in the order of the series; `None` for a series without a forecast.
    pub by_series: Vec<Option<SeriesScores>>,
    /// The scores of each step ahead, over all series and windows.
    pub by_step: Vec<Scores>,
    /// The number of series with a forecast.
    pub series: usize,
    /// The number of windows with a forecast.
    pub windows: usize,
    /// The number of windows for which the forecast failed.
    pub failed: usize,
    /// The reason of the first failure.
    pub first_failure: Option<String>,
    /// The total time of the entrant.
    pub duration: Duration,
}

/// The results of one entrant on one series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesScores {
    /// The scores over all windows of the series.
    pub scores: Scores,
    /// The number of windows with a forecast.
    pub windows: usize,
}

impl fmt::Display for Entrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EntrantKind::Model | EntrantKind::Baseline => f.write_str(&self.name),
            EntrantKind::Calibrated => write!(f, "{}, calibrated", self.name),
        }
    }
}

impl EntrantKind {
    /// Returns the name of this kind in the API and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Calibrated => "calibrated",
            Self::Baseline => "baseline",
        }
    }
}

impl BacktestEvaluation {
    /// Creates a contest of `entrants` over `n_series` series, with windows of `horizon` steps.
    #[must_use]
    pub fn new(
        measures: Measures,
        horizon: usize,
        n_series: usize,
        entrants: Vec<Entrant>,
    ) -> Self {
        let entrants = entrants
            .into_iter()
            .map(|entrant| EntrantProgress {
                entrant,
                by_series: vec![SeriesProgress::default(); n_series],
                by_step: vec![ScoreAccumulator::default(); horizon],
                duration: Duration::ZERO,
                failed: 0,
                first_failure: None,
            })
            .collect();
        Self { measures, entrants }
    }

    /// Scores the forecast of one window of the series at `series_idx` by the entrant at `entrant_idx`.
    pub fn record(&mut self, entrant_idx: usize, series_idx: usize, window: WindowForecast<'_>) {
        let progress = &mut self.entrants[entrant_idx];
        let series = &mut progress.by_series[series_idx];
        series.windows += 1;
        for (step, (step_errors, actual)) in
            progress.by_step.iter_mut().zip(window.actual).enumerate()
        {
            let errors = ScoreAccumulator::from_step(
                &self.measures,
                window.forecast,
                step,
                *actual,
                window.scale,
            );
            series.errors.add(&errors);
            step_errors.add(&errors);
        }
    }

    /// Records that the entrant at `entrant_idx` failed to forecast a window.
    pub fn failed(&mut self, entrant_idx: usize, reason: impl fmt::Display) {
        let progress = &mut self.entrants[entrant_idx];
        progress.failed += 1;
        progress
            .first_failure
            .get_or_insert_with(|| reason.to_string());
    }

    /// Adds `duration` to the time of the entrant at `entrant_idx`.
    pub fn add_duration(&mut self, entrant_idx: usize, duration: Duration) {
        self.entrants[entrant_idx].duration += duration;
    }

    /// Returns the leaderboard, best entrant first. Ties keep the order of the entrants.
    #[must_use]
    pub fn finish(self) -> Leaderboard {
        let mut standings: Vec<_> = self
            .entrants
            .into_iter()
            .map(EntrantProgress::finish)
            .collect();
        let reference = standings
            .iter()
            .find(|standing| standing.is_seasonal_naive())
            .map_or_else(Vec::new, |standing| standing.by_series.clone());
        for standing in &mut standings {
            standing.relative_mase = standing.relative_loss(&reference, |scores| scores.mase);
            standing.relative_wql = standing.relative_loss(&reference, |scores| scores.wql);
        }
        standings.sort_by(by_relative_mase);
        Leaderboard {
            measures: self.measures,
            standings,
        }
    }
}

impl LeaderboardEntry {
    fn is_seasonal_naive(&self) -> bool {
        let Entrant { name, kind } = &self.entrant;
        *kind == EntrantKind::Baseline && name == Baseline::SeasonalNaive.name()
    }

    /// Returns the geometric mean over series of a loss relative to that of `reference`.
    fn relative_loss(
        &self,
        reference: &[Option<SeriesScores>],
        loss: fn(&Scores) -> Option<f64>,
    ) -> Option<f64> {
        let pairs = self.by_series.iter().zip(reference);
        mean_ratio(pairs.filter_map(|(own, reference)| {
            let (own, reference) = (own.as_ref()?, reference.as_ref()?);
            Some(loss_ratio(loss(&own.scores)?, loss(&reference.scores)?))
        }))
    }
}

/// Orders standings by relative MASE, smallest first, and those without one last.
fn by_relative_mase(left: &LeaderboardEntry, right: &LeaderboardEntry) -> Ordering {
    let key = |standing: &LeaderboardEntry| standing.relative_mase.unwrap_or(f64::INFINITY);
    key(left).total_cmp(&key(right))
}

impl EntrantProgress {
    fn finish(self) -> LeaderboardEntry {
        let mut total_errors = ScoreAccumulator::default();
        let mut windows = 0;
        let mut by_series = Vec::with_capacity(self.by_series.len());
        for series in &self.by_series {
            total_errors.add(&series.errors);
            windows += series.windows;
            by_series.push((series.windows > 0).then(|| SeriesScores {
                scores: series.errors.scores(),
                windows: series.windows,
            }));
        }
        let scores = Scores {
            mase: mean_over_series(&by_series, |scores| scores.mase),
            smape: mean_over_series(&by_series, |scores| scores.smape),
            ..total_errors.scores()
        };
        LeaderboardEntry {
            entrant: self.entrant,
            scores,
            relative_mase: None,
            relative_wql: None,
            series: by_series.iter().flatten().count(),
            by_series,
            by_step: self.by_step.iter().map(ScoreAccumulator::scores).collect(),
            windows,
            failed: self.failed,
            first_failure: self.first_failure,
            duration: self.duration,
        }
    }
}

/// Returns the mean of a score over the series that have it, or `None` if no series has it.
fn mean_over_series(
    by_series: &[Option<SeriesScores>],
    score: fn(&Scores) -> Option<f64>,
) -> Option<f64> {
    let (sum, count) = by_series
        .iter()
        .flatten()
        .filter_map(|series| score(&series.scores))
        .fold((0.0, 0_u32), |(sum, count), score| (sum + score, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

//! Who took part in a backtest, and how they compare.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use crate::accuracy::{Measures, Scores, Tally, mean_ratio, ratio};
use crate::{Baseline, Forecast};

/// Who forecasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrant {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What an entrant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A model, as it serves.
    Model,
    /// A model whose intervals were calibrated on earlier windows.
    Calibrated,
    /// A rule that needs no model.
    Baseline,
}

/// A backtest under way: what each entrant forecast, compared with what happened.
#[derive(Clone, Debug)]
pub struct Contest {
    measures: Measures,
    entrants: Vec<Progress>,
}

/// What is known of an entrant so far.
#[derive(Clone, Debug)]
struct Progress {
    entrant: Entrant,
    /// For each series, and how many of its windows.
    by_series: Vec<(Tally, usize)>,
    by_step: Vec<Tally>,
    duration: Duration,
    failed: usize,
    first_failure: Option<String>,
}

/// All entrants, best first.
#[derive(Clone, Debug)]
pub struct Leaderboard {
    /// What was scored.
    pub measures: Measures,
    /// The entrants by their mean scaled error relative to seasonal naive, smallest first.
    pub standings: Vec<Standing>,
}

/// How an entrant did.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Who.
    pub entrant: Entrant,
    /// MASE and sMAPE are means over series, each counting once; quantile loss and coverage are of all
    /// steps together.
    pub scores: Scores,
    /// Geometric mean over series of MASE relative to seasonal naive; under 1 is better than it.
    pub relative_mase: Option<f64>,
    /// The same of the quantile loss.
    pub relative_wql: Option<f64>,
    /// The scores of each series, in the order of the series; `None` of one without a forecast.
    pub by_series: Vec<Option<SeriesStanding>>,
    /// The scores of each step ahead, over all series and windows.
    pub by_step: Vec<Scores>,
    /// Series with a forecast.
    pub series: usize,
    /// Windows with a forecast.
    pub windows: usize,
    /// Windows on which it failed.
    pub failed: usize,
    /// Why it failed first.
    pub first_failure: Option<String>,
    /// The time it took.
    pub duration: Duration,
}

/// How an entrant did on one series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesStanding {
    /// Its scores.
    pub scores: Scores,
    /// How many windows.
    pub windows: usize,
}

impl fmt::Display for Entrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Model | Kind::Baseline => f.write_str(&self.name),
            Kind::Calibrated => write!(f, "{}, calibrated", self.name),
        }
    }
}

impl Kind {
    /// The word for it, in the API and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Calibrated => "calibrated",
            Self::Baseline => "baseline",
        }
    }
}

impl Contest {
    /// A contest of `entrants` over `n_series` series.
    #[must_use]
    pub fn new(
        measures: Measures,
        horizon: usize,
        n_series: usize,
        entrants: Vec<Entrant>,
    ) -> Self {
        let entrants = entrants.into_iter().map(|entrant| Progress {
            entrant,
            by_series: vec![Default::default(); n_series],
            by_step: vec![Tally::default(); horizon],
            duration: Duration::ZERO,
            failed: 0,
            first_failure: None,
        });
        Self {
            measures,
            entrants: entrants.collect(),
        }
    }

    /// Scores what the entrant at `entrant_idx` forecast of the series at `series_idx` when `actual`
    /// happened. `scale` is that of the history which was forecast from.
    pub fn record(
        &mut self,
        (entrant_idx, series_idx): (usize, usize),
        forecast: &Forecast,
        actual: &[f64],
        scale: Option<f64>,
    ) {
        let progress = &mut self.entrants[entrant_idx];
        let (of_series, windows) = &mut progress.by_series[series_idx];
        *windows += 1;
        for (step, of_step) in progress.by_step.iter_mut().enumerate() {
            let Some(value) = actual.get(step) else { break };
            let tally = Tally::of_step(&self.measures, forecast, (step, *value), scale);
            of_series.add(&tally);
            of_step.add(&tally);
        }
    }

    /// The entrant at `entrant_idx` had no forecast of a window.
    pub fn failed(&mut self, entrant_idx: usize, reason: impl fmt::Display) {
        let progress = &mut self.entrants[entrant_idx];
        progress.failed += 1;
        progress
            .first_failure
            .get_or_insert_with(|| reason.to_string());
    }

    /// The entrant at `entrant_idx` took this much more time.
    pub fn took(&mut self, entrant_idx: usize, duration: Duration) {
        self.entrants[entrant_idx].duration += duration;
    }

    /// Everybody's standing, best first; of equals, in the order of the entrants.
    #[must_use]
    pub fn finish(self) -> Leaderboard {
        let mut standings: Vec<_> = self.entrants.into_iter().map(Progress::finish).collect();
        let is_reference = |standing: &&Standing| {
            let Entrant { name, kind } = &standing.entrant;
            *kind == Kind::Baseline && name == Baseline::SeasonalNaive.name()
        };
        let reference = standings.iter().find(is_reference);
        let reference = reference.map_or_else(Vec::new, |found| found.by_series.clone());
        for standing in &mut standings {
            let relative = |loss: fn(&Scores) -> Option<f64>| {
                let pairs = standing.by_series.iter().zip(&reference);
                mean_ratio(pairs.filter_map(|(own, other)| {
                    let (own, other) = (own.as_ref()?, other.as_ref()?);
                    Some(ratio(loss(&own.scores)?, loss(&other.scores)?))
                }))
            };
            let (mase, wql) = (relative(|one| one.mase), relative(|one| one.wql));
            (standing.relative_mase, standing.relative_wql) = (mase, wql);
        }
        standings.sort_by(by_relative_mase);
        Leaderboard {
            measures: self.measures,
            standings,
        }
    }
}

/// Smallest first, and those without last.
fn by_relative_mase(left: &Standing, right: &Standing) -> Ordering {
    let key = |standing: &Standing| standing.relative_mase.unwrap_or(f64::INFINITY);
    key(left).total_cmp(&key(right))
}

impl Progress {
    fn finish(self) -> Standing {
        let mut all = Tally::default();
        let mut windows = 0;
        let by_series: Vec<_> = self
            .by_series
            .iter()
            .map(|(tally, count)| {
                all.add(tally);
                windows += count;
                (*count > 0).then(|| SeriesStanding {
                    scores: tally.scores(),
                    windows: *count,
                })
            })
            .collect();
        let mean = |score: fn(&Scores) -> Option<f64>| {
            let known = by_series
                .iter()
                .flatten()
                .filter_map(|one| score(&one.scores));
            let (sum, count) = known.fold((0.0, 0_u32), |(sum, count), one| (sum + one, count + 1));
            (count > 0).then(|| sum / f64::from(count))
        };
        let scores = Scores {
            mase: mean(|one| one.mase),
            smape: mean(|one| one.smape),
            ..all.scores()
        };
        Standing {
            entrant: self.entrant,
            scores,
            relative_mase: None,
            relative_wql: None,
            series: by_series.iter().flatten().count(),
            by_series,
            by_step: self.by_step.iter().map(Tally::scores).collect(),
            windows,
            failed: self.failed,
            first_failure: self.first_failure,
            duration: self.duration,
        }
    }
}

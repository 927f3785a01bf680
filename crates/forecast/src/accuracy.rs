//! How near forecasts came to what happened.
//!
//! Arithmetic on numbers alone: which forecasts are compared, and over which windows, is told by
//! [`backtest`](crate::backtest). A value that was not observed is left out everywhere.

use crate::{CentralLevel, Forecast, QuantileLevel, QuantileLevels};

/// Which quantiles and intervals are scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// The levels over which the quantile loss is averaged.
    pub quantiles: Vec<QuantileLevel>,
    /// The central intervals whose coverage is counted.
    pub levels: Vec<CentralLevel>,
}

/// Sums of the errors of some steps, from which [`Scores`] are made. Adding two tallies gives that of
/// both their steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    steps: usize,
    /// Absolute errors by the scale of their series, and how many steps had one.
    scaled: f64,
    scaled_steps: usize,
    percentage: f64,
    /// Pinball losses, averaged over the levels.
    pinball: f64,
    /// Absolute values of what happened.
    actual: f64,
    /// Steps that lay within each interval.
    covered: Vec<usize>,
}

/// How good the forecasts of some steps were. `None` where the steps do not say: every value was
/// missing, or what an error is divided by is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Mean absolute scaled error of the median; 1 is as far off as the seasonal naive forecast was in
    /// the history, one step ahead.
    pub mase: Option<f64>,
    /// Symmetric mean absolute percentage error of the median, from 0 to 200.
    pub smape: Option<f64>,
    /// Weighted quantile loss, averaged over the levels.
    pub wql: Option<f64>,
    /// The share of values within each central interval, ends included.
    pub coverage: Vec<Option<f64>>,
    /// Steps that were observed, and so scored.
    pub steps: usize,
}

/// Ratios beyond these, above or below, count as these in a mean: one series that a forecaster gets
/// exactly right would otherwise decide it. The bounds of the fev benchmark (Shchur et al., "fev-bench",
/// 2025).
const RATIOS: [f64; 2] = [0.01, 100.0];

impl Measures {
    /// The nine deciles, and the interval of 80 %.
    ///
    /// # Panics
    /// Never: the levels are constants.
    #[must_use]
    pub fn usual() -> Self {
        let decile = |tenth| QuantileLevel::new(f64::from(tenth) / 10.0).expect("within (0, 1)");
        Self {
            quantiles: (1..=9).map(decile).collect(),
            levels: vec![CentralLevel::new(80.0).expect("within (0, 100)")],
        }
    }

    /// Every quantile level that a forecast needs to be scored.
    #[must_use]
    pub fn all_levels(&self) -> QuantileLevels {
        let ends = self.levels.iter();
        let ends = ends.flat_map(|level| [level.lower(), level.upper()]);
        QuantileLevels::with_median(self.quantiles.iter().copied().chain(ends))
    }
}

/// The mean absolute difference of values one season apart: what an error is divided by in MASE
/// (Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006, equation 3).
///
/// Values one step apart are taken where none is a season apart. `None` when there are none either, or
/// when all are equal, for then no error has a measure.
#[must_use]
pub fn scale(history: &[f64], season_length: usize) -> Option<f64> {
    let mean = |lag: usize| {
        let pairs = history.iter().zip(history.get(lag..)?);
        let (mut sum, mut count) = (0.0, 0_u32);
        for (before, after) in pairs.filter(|(before, after)| observed(**before, **after)) {
            sum += (after - before).abs();
            count += 1;
        }
        (count > 0).then(|| sum / f64::from(count))
    };
    mean(season_length.max(1))
        .or_else(|| mean(1))
        .filter(|scale| *scale > 0.0 && scale.is_finite())
}

fn observed(before: f64, after: f64) -> bool {
    !before.is_nan() && !after.is_nan()
}

/// The symmetric percentage error of one value, from 0 to 200, where 0 of 0 is no error.
///
/// The form of the M4 competition (Makridakis, Spiliotis and Assimakopoulos, 2020): 200 times the
/// error over the sum of both absolute values.
#[must_use]
pub fn symmetric_percentage(actual: f64, point: f64) -> f64 {
    // Halved first, for the sum of two large values may not be finite.
    let half = actual.abs() / 2.0 + point.abs() / 2.0;
    if half > 0.0 {
        100.0 * (actual / half - point / half).abs()
    } else {
        0.0
    }
}

/// The quantile loss at `level`: the error weighted by `level` when the value lies above, by the rest
/// when it lies below (Koenker and Bassett, "Regression quantiles", 1978).
#[must_use]
pub fn pinball(actual: f64, quantile: f64, level: QuantileLevel) -> f64 {
    let error = actual - quantile;
    (level.value() * error).max((level.value() - 1.0) * error)
}

/// The geometric mean of `ratios`, each within 0.01 and 100; `None` of no ratio.
///
/// The order of two forecasters by it does not depend on which third they are compared to (Fleming and
/// Wallace, "How not to lie with statistics", 1986).
#[must_use]
pub fn mean_ratio(ratios: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for ratio in ratios {
        sum += ratio.clamp(RATIOS[0], RATIOS[1]).ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

/// `loss` over that of the reference. Two losses of 0 are equal; a loss over 0 is worse than any.
#[must_use]
pub fn ratio(loss: f64, reference: f64) -> f64 {
    if reference > 0.0 {
        loss / reference
    } else if loss > 0.0 {
        RATIOS[1]
    } else {
        1.0
    }
}

impl Tally {
    /// The errors of step `step` of `forecast`, at which `actual` happened. `scale` is that of the
    /// history which was forecast from.
    #[must_use]
    pub fn of_step(
        measures: &Measures,
        forecast: &Forecast,
        (step, actual): (usize, f64),
        scale: Option<f64>,
    ) -> Self {
        let at = |level| {
            forecast
                .quantile(level)
                .and_then(|values| values.get(step).copied())
        };
        let (Some(point), false) = (at(QuantileLevel::MEDIAN), actual.is_nan()) else {
            return Self::default();
        };
        let losses = measures.quantiles.iter().filter_map(|&level| {
            let quantile = at(level)?;
            Some(pinball(actual, quantile, level))
        });
        let within = |level: &CentralLevel| {
            let ends = at(level.lower()).zip(at(level.upper()));
            usize::from(ends.is_some_and(|(low, high)| low <= actual && actual <= high))
        };
        Self {
            steps: 1,
            scaled: scale.map_or(0.0, |scale| (actual - point).abs() / scale),
            scaled_steps: usize::from(scale.is_some()),
            percentage: symmetric_percentage(actual, point),
            pinball: losses.sum::<f64>() / measures.quantiles.len().max(1) as f64,
            actual: actual.abs(),
            covered: measures.levels.iter().map(within).collect(),
        }
    }

    /// Adds the steps of `other`.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.scaled += other.scaled;
        self.scaled_steps += other.scaled_steps;
        self.percentage += other.percentage;
        self.pinball += other.pinball;
        self.actual += other.actual;
        let missing = other.covered.len().saturating_sub(self.covered.len());
        self.covered.extend(std::iter::repeat_n(0, missing));
        for (own, more) in self.covered.iter_mut().zip(&other.covered) {
            *own += more;
        }
    }

    /// The scores of all steps together.
    ///
    /// The quantile loss is twice the sum of pinball losses over the sum of absolute values (as in
    /// GluonTS; Ansari et al., "Chronos: learning the language of time series", 2024, section 5.3).
    #[must_use]
    pub fn scores(&self) -> Scores {
        let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        Scores {
            mase: mean(self.scaled, self.scaled_steps),
            smape: mean(self.percentage, self.steps),
            wql: (self.actual > 0.0).then(|| 2.0 * self.pinball / self.actual),
            coverage: self
                .covered
                .iter()
                .map(|covered| mean(*covered as f64, self.steps))
                .collect(),
            steps: self.steps,
        }
    }
}

#[cfg(test)]
mod tests;

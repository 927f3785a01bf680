//! Measures of forecast accuracy.
//!
//! This module is arithmetic on numbers; [`backtest`](crate::backtest) decides which forecasts are
//! compared, and over which windows. Missing values are ignored throughout.

use crate::{CentralLevel, Forecast, QuantileLevel, QuantileLevels};

/// The quantile levels and central intervals to score.
///
/// ```
/// use almanac_forecast::Measures;
///
/// let measures = Measures::standard();
/// assert_eq!(measures.quantiles.len(), 9);
/// // The ends of the 80 % interval are deciles already.
/// assert_eq!(measures.all_levels().as_slice(), measures.quantiles);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// The levels over which the quantile loss is averaged.
    pub quantiles: Vec<QuantileLevel>,
    /// The central intervals whose coverage is measured.
    pub levels: Vec<CentralLevel>,
}

/// The summed errors of several steps, from which [`Scores`] are computed.
///
/// ```
/// use almanac_forecast::accuracy::ScoreAccumulator;
/// use almanac_forecast::{Forecast, Measures, QuantileGrid, QuantileLevels};
///
/// let levels = QuantileLevels::with_median([]);
/// let grid = QuantileGrid::new(levels.clone(), vec![10.0, 10.0]).ok_or("no grid")?;
/// let forecast = Forecast::from_grid(&grid, &levels, None);
/// let measures = Measures::standard();
///
/// let mut errors = ScoreAccumulator::default();
/// for (step, actual) in [11.0, 13.0].into_iter().enumerate() {
///     errors.add(&ScoreAccumulator::from_step(&measures, &forecast, step, actual, Some(2.0)));
/// }
/// assert_eq!(errors.scores().mase, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreAccumulator {
    steps: usize,
    /// The sum of absolute errors divided by the scale of their series.
    scaled: f64,
    /// The number of steps whose series has a scale.
    scaled_steps: usize,
    percentage: f64,
    /// The sum of pinball losses, averaged over the levels.
    pinball: f64,
    /// The sum of absolute observed values.
    actual: f64,
    /// The number of steps within each interval.
    covered: Vec<usize>,
}

/// The accuracy of the forecasts of several steps. A score is `None` if it is undefined: every value was
/// missing, or the denominator of the score is 0.
///
/// [`ScoreAccumulator`] has an example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// The mean absolute scaled error of the median. An error of 1 is the mean error of the seasonal naive
    /// forecast in the history, one step ahead.
    pub mase: Option<f64>,
    /// The symmetric mean absolute percentage error of the median, from 0 to 200.
    pub smape: Option<f64>,
    /// The weighted quantile loss, averaged over the levels.
    pub wql: Option<f64>,
    /// The share of values within each central interval, ends included.
    pub coverage: Vec<Option<f64>>,
    /// The number of observed, and therefore scored, steps.
    pub steps: usize,
}

/// The bounds of a ratio in a mean; otherwise a single series that is forecast exactly would dominate the
/// mean. They are the bounds of the fev benchmark (Shchur et al., "fev-bench", 2025).
const RATIO_BOUNDS: [f64; 2] = [0.01, 100.0];

impl Measures {
    /// Creates the usual measures: the nine deciles, and the 80 % interval.
    ///
    /// # Panics
    /// Never panics: the levels are constants.
    #[must_use]
    pub fn standard() -> Self {
        let decile = |tenth| QuantileLevel::new(f64::from(tenth) / 10.0).expect("within (0, 1)");
        Self {
            quantiles: (1..=9).map(decile).collect(),
            levels: vec![CentralLevel::new(80.0).expect("within (0, 100)")],
        }
    }

    /// Returns every quantile level that a forecast must have to be scored.
    #[must_use]
    pub fn all_levels(&self) -> QuantileLevels {
        let interval_ends = self
            .levels
            .iter()
            .flat_map(|level| [level.lower(), level.upper()]);
        QuantileLevels::with_median(self.quantiles.iter().copied().chain(interval_ends))
    }
}

/// Returns the mean absolute difference of values one season apart, the denominator of MASE
/// (Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006, equation 3).
///
/// Falls back to values one step apart if no two values are a season apart. Returns `None` if there is no
/// such pair either, or if the mean is 0, because errors cannot be scaled then.
#[must_use]
pub fn scale(history: &[f64], season_length: usize) -> Option<f64> {
    let mean_difference = |lag: usize| {
        let (mut sum, mut count) = (0.0, 0_u32);
        for (earlier, later) in history.iter().zip(history.get(lag..)?) {
            if !earlier.is_nan() && !later.is_nan() {
                sum += (later - earlier).abs();
                count += 1;
            }
        }
        (count > 0).then(|| sum / f64::from(count))
    };
    mean_difference(season_length.max(1))
        .or_else(|| mean_difference(1))
        .filter(|scale| *scale > 0.0 && scale.is_finite())
}

/// Returns the symmetric percentage error of one value, from 0 to 200. It is 0 if both numbers are 0.
///
/// This is the form of the M4 competition (Makridakis, Spiliotis and Assimakopoulos, 2020): 200 times the
/// error divided by the sum of both absolute values.
#[must_use]
pub fn symmetric_percentage_error(actual: f64, point: f64) -> f64 {
    // Halved first, because the sum of two large values may not be finite.
    let half = actual.abs() / 2.0 + point.abs() / 2.0;
    if half > 0.0 {
        100.0 * (actual / half - point / half).abs()
    } else {
        0.0
    }
}

/// Returns the quantile loss at `level`: the error, weighted by `level` if the value is above the quantile,
/// and by `1 - level` if it is below (Koenker and Bassett, "Regression quantiles", 1978).
#[must_use]
pub fn pinball_loss(actual: f64, quantile: f64, level: QuantileLevel) -> f64 {
    let error = actual - quantile;
    (level.value() * error).max((level.value() - 1.0) * error)
}

/// Returns the geometric mean of `ratios`, each clamped to 0.01 and 100, or `None` if there are none.
///
/// The order of two forecasters by this mean does not depend on the reference of the ratios (Fleming and
/// Wallace, "How not to lie with statistics", 1986).
#[must_use]
pub fn mean_ratio(ratios: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for ratio in ratios {
        sum += ratio.clamp(RATIO_BOUNDS[0], RATIO_BOUNDS[1]).ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

/// Returns `loss` divided by `reference`. If the reference is 0, the ratio is 1 for a loss of 0, and the
/// upper bound of [`mean_ratio`] otherwise.
#[must_use]
pub fn loss_ratio(loss: f64, reference: f64) -> f64 {
    if reference > 0.0 {
        loss / reference
    } else if loss > 0.0 {
        RATIO_BOUNDS[1]
    } else {
        1.0
    }
}

impl ScoreAccumulator {
    /// Computes the errors of the step `step` of `forecast`, for which `actual` was observed. `scale` is
    /// the scale of the history that the forecast was made from.
    #[must_use]
    pub fn from_step(
        measures: &Measures,
        forecast: &Forecast,
        step: usize,
        actual: f64,
        scale: Option<f64>,
    ) -> Self {
        let quantile_at = |level| {
            forecast
                .quantile(level)
                .and_then(|values| values.get(step).copied())
        };
        let (Some(point), false) = (quantile_at(QuantileLevel::MEDIAN), actual.is_nan()) else {
            return Self::default();
        };
        let pinball_sum: f64 = measures
            .quantiles
            .iter()
            .filter_map(|&level| Some(pinball_loss(actual, quantile_at(level)?, level)))
            .sum();
        let is_covered = |level: &CentralLevel| {
            quantile_at(level.lower())
                .zip(quantile_at(level.upper()))
                .is_some_and(|(low, high)| low <= actual && actual <= high)
        };
        Self {
            steps: 1,
            scaled: scale.map_or(0.0, |scale| (actual - point).abs() / scale),
            scaled_steps: usize::from(scale.is_some()),
            percentage: symmetric_percentage_error(actual, point),
            pinball: pinball_sum / measures.quantiles.len().max(1) as f64,
            actual: actual.abs(),
            covered: measures
                .levels
                .iter()
                .map(|level| usize::from(is_covered(level)))
                .collect(),
        }
    }

    /// Adds the errors of other steps.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.scaled += other.scaled;
        self.scaled_steps += other.scaled_steps;
        self.percentage += other.percentage;
        self.pinball += other.pinball;
        self.actual += other.actual;
        // The accumulator of no steps has no intervals yet.
        let missing = other.covered.len().saturating_sub(self.covered.len());
        self.covered.extend(std::iter::repeat_n(0, missing));
        for (own, added) in self.covered.iter_mut().zip(&other.covered) {
            *own += added;
        }
    }

    /// Computes the scores of all steps together.
    ///
    /// The quantile loss is twice the sum of pinball losses divided by the sum of absolute values (as in
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

//! Baseline forecasts that models are compared with.
//!
//! The four baselines are the simple methods of Hyndman and Athanasopoulos, "Forecasting: principles and practice", 3rd
//! edition, sections 5.2 and 5.5: points from the history, and quantiles of a normal distribution whose
//! standard deviation comes from the residuals in the history. Each costs one or two passes over the history.

use statrs::distribution::{ContinuousCDF as _, Normal};

use crate::{Forecast, ForecastRequest, QuantileGrid, QuantileLevel};

/// A forecasting method that needs no model.
///
/// ```
/// use almanac_forecast::{Baseline, ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};
///
/// let series = Series::new(vec![1.0, 5.0, 2.0, 6.0], None, 4)?;
/// let levels = QuantileLevels::with_median([]);
/// let request = ForecastRequest::new(series, Horizon::new(3, 3)?, levels, SeasonChoice::Given(2));
/// let forecast = Baseline::SeasonalNaive.forecast(&request).ok_or("not finite")?;
/// assert_eq!(forecast.point(), [2.0, 6.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Repeats the last season. Relative scores are relative to this baseline.
    SeasonalNaive,
    /// Repeats the last value.
    Naive,
    /// Extends the line through the first and the last value.
    Drift,
    /// Repeats the mean of the history.
    Mean,
}

/// The normal distribution of each step ahead.
struct NormalForecast {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

/// The history of a series, with its first and last observed value and their positions.
struct ObservedHistory<'a> {
    values: &'a [f64],
    first: (usize, f64),
    last: (usize, f64),
}

impl Baseline {
    /// All baselines.
    pub const ALL: [Self; 4] = [Self::SeasonalNaive, Self::Naive, Self::Drift, Self::Mean];

    /// Returns the name of the baseline in the API and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Naive => "naive",
            Self::Drift => "drift",
            Self::Mean => "mean",
        }
    }

    /// Forecasts `request`. Missing values are skipped, and the steps of a missing tail count as steps
    /// ahead.
    ///
    /// Returns `None` if a quantile is not finite, which values near the largest float can cause.
    #[must_use]
    pub fn forecast(self, request: &ForecastRequest) -> Option<Forecast> {
        let history = ObservedHistory::new(request.series().values())?;
        let steps = request.horizon().steps();
        let normal_forecast = match self {
            Self::SeasonalNaive => history.seasonal_naive(request.season_length(), steps),
            Self::Naive => history.naive(steps),
            Self::Drift => history.drift(steps),
            Self::Mean => history.mean(steps),
        };
        let levels = request.levels();
        let mut quantiles = Vec::with_capacity(levels.as_slice().len() * steps);
        for level in levels.as_slice() {
            normal_forecast.extend_at(*level, &mut quantiles);
        }
        let grid = QuantileGrid::new(levels.clone(), quantiles)?;
        let mut forecast = Forecast::from_grid(&grid, levels, None);
        forecast.season_length = request.season_length();
        forecast.context_length = request.series().values().len();
        Some(forecast)
    }
}

impl<'a> ObservedHistory<'a> {
    fn new(values: &'a [f64]) -> Option<Self> {
        let mut present = values
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, value)| !value.is_nan());
        let first = present.next()?;
        let last = present.next_back().unwrap_or(first);
        Some(Self {
            values,
            first,
            last,
        })
    }

    /// Returns the number of steps from the last observed value to `step`, which counts from 0.
    fn steps_ahead(&self, step: usize) -> usize {
        self.values.len() - self.last.0 + step
    }

    /// Returns the differences of values `lag` steps apart.
    fn differences(&self, lag: usize) -> impl Iterator<Item = f64> {
        let later = self.values.get(lag..).unwrap_or_default();
        self.values
            .iter()
            .zip(later)
            .map(|(earlier, later)| later - earlier)
            .filter(|difference| !difference.is_nan())
    }

    /// Repeats the last season. A missing value of it is taken from an earlier season. The variance grows
    /// with each whole season.
    fn seasonal_naive(&self, season_length: usize, steps: usize) -> NormalForecast {
        // A history shorter than a season has nothing to repeat.
        if season_length <= 1 || season_length >= self.values.len() {
            return self.naive(steps);
        }
        let deviation = residual_deviation(self.differences(season_length), 0);
        let mut forecast = NormalForecast::with_capacity(steps);
        let season: Vec<_> = (0..season_length.min(steps))
            .map(|step| self.latest_of_phase(step, season_length))
            .collect();
        for step in 0..steps {
            let (value, seasons_back) = season[step % season_length];
            let seasons = seasons_back + step / season_length;
            forecast.push(value, deviation * (seasons as f64).sqrt());
        }
        forecast
    }

    /// Returns the latest observed value that lies a whole number of seasons before `step`, and this
    /// number. Falls back to the last observed value, one season back.
    fn latest_of_phase(&self, step: usize, season_length: usize) -> (f64, usize) {
        let end = self.values.len() + step;
        let mut seasons_back = 1;
        while let Some(position) = end.checked_sub(seasons_back * season_length) {
            if let Some(value) = self.values.get(position).filter(|value| !value.is_nan()) {
                return (*value, seasons_back);
            }
            seasons_back += 1;
        }
        (self.last.1, 1)
    }

    fn naive(&self, steps: usize) -> NormalForecast {
        let deviation = residual_deviation(self.differences(1), 0);
        let mut forecast = NormalForecast::with_capacity(steps);
        for step in 0..steps {
            let growth = (self.steps_ahead(step) as f64).sqrt();
            forecast.push(self.last.1, deviation * growth);
        }
        forecast
    }

    fn drift(&self, steps: usize) -> NormalForecast {
        let span = (self.last.0 - self.first.0) as f64;
        if span < 1.0 {
            return self.naive(steps);
        }
        let slope = (self.last.1 - self.first.1) / span;
        let residuals = self.differences(1).map(|difference| difference - slope);
        let deviation = residual_deviation(residuals, 1);
        let mut forecast = NormalForecast::with_capacity(steps);
        for step in 0..steps {
            let ahead = self.steps_ahead(step) as f64;
            let growth = (ahead * (1.0 + ahead / span)).sqrt();
            forecast.push(self.last.1 + slope * ahead, deviation * growth);
        }
        forecast
    }

    fn mean(&self, steps: usize) -> NormalForecast {
        let observed = || self.values.iter().copied().filter(|value| !value.is_nan());
        let count = observed().count() as f64;
        // Divided before summing, so that values near the largest float do not overflow.
        let mean: f64 = observed().map(|value| value / count).sum();
        let deviation = residual_deviation(observed().map(|value| value - mean), 1);
        NormalForecast {
            means: vec![mean; steps],
            deviations: vec![deviation * (1.0 + 1.0 / count).sqrt(); steps],
        }
    }
}

impl NormalForecast {
    fn with_capacity(steps: usize) -> Self {
        Self {
            means: Vec::with_capacity(steps),
            deviations: Vec::with_capacity(steps),
        }
    }

    fn push(&mut self, mean: f64, deviation: f64) {
        self.means.push(mean);
        self.deviations.push(deviation);
    }

    /// Appends the quantiles at `level`, one per step, to `quantiles`.
    fn extend_at(&self, level: QuantileLevel, quantiles: &mut Vec<f64>) {
        let standard_quantile = Normal::standard().inverse_cdf(level.value());
        let steps = self.means.iter().zip(&self.deviations);
        quantiles.extend(steps.map(|(mean, deviation)| mean + standard_quantile * deviation));
    }
}

/// Returns the standard deviation of `residuals` around 0, for a method that estimates this number of
/// `parameters` (equation 5.1 of the same book), or 0 if there are too few residuals.
fn residual_deviation(residuals: impl Iterator<Item = f64>, parameters: u32) -> f64 {
    let (mut squares, mut count) = (0.0, 0_u32);
    for residual in residuals {
        squares += residual * residual;
        count += 1;
    }
    if count > parameters {
        (squares / f64::from(count - parameters)).sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;

//! Forecasts by rule, for a model to be measured against.
//!
//! The four simple methods of Hyndman and Athanasopoulos, "Forecasting: principles and practice", 3rd
//! edition, sections 5.2 and 5.5: points from the history, and quantiles of a normal distribution whose
//! spread comes from the residuals in the history. Each costs one or two passes over the history.

mod normal;

use crate::{Forecast, ForecastRequest, QuantileGrid};

/// A forecast by rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The last season again. What every relative score is relative to.
    SeasonalNaive,
    /// The last value.
    Naive,
    /// The line through the first value and the last.
    Drift,
    /// The mean of the history.
    Mean,
}

/// Points and spreads of the steps ahead.
struct Outlook {
    points: Vec<f64>,
    /// Standard deviation at each step.
    spreads: Vec<f64>,
}

/// The observed values of a history, each with its position.
struct Observed<'a> {
    values: &'a [f64],
    first: (usize, f64),
    last: (usize, f64),
}

impl Baseline {
    /// Every baseline.
    pub const ALL: [Self; 4] = [Self::SeasonalNaive, Self::Naive, Self::Drift, Self::Mean];

    /// Its name, in the API and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Naive => "naive",
            Self::Drift => "drift",
            Self::Mean => "mean",
        }
    }

    /// The forecast of `request`. A missing value is passed over, and a missing tail is forecast over.
    ///
    /// `None` when a number of it is not finite, which values near the largest float can cause.
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
    #[must_use]
    pub fn forecast(self, request: &ForecastRequest) -> Option<Forecast> {
        let observed = Observed::of(request.series().values())?;
        let steps = request.horizon().steps();
        let outlook = match self {
            Self::SeasonalNaive => observed.seasonal_naive(request.season_length(), steps),
            Self::Naive => observed.naive(steps),
            Self::Drift => observed.drift(steps),
            Self::Mean => observed.mean(steps),
        };
        let levels = request.levels();
        let mut quantiles = Vec::with_capacity(levels.as_slice().len() * steps);
        for level in levels.as_slice() {
            let deviations = normal::quantile(*level);
            let steps = outlook.points.iter().zip(&outlook.spreads);
            quantiles.extend(steps.map(|(point, spread)| point + deviations * spread));
        }
        let grid = QuantileGrid::new(levels.clone(), quantiles)?;
        let mut forecast = Forecast::from_grid(&grid, levels, None);
        forecast.season_length = request.season_length();
        forecast.context_length = request.series().values().len();
        Some(forecast)
    }
}

impl<'a> Observed<'a> {
    fn of(values: &'a [f64]) -> Option<Self> {
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

    /// Steps after the last value that `step`, from 0, is ahead.
    fn ahead(&self, step: usize) -> usize {
        self.values.len() - self.last.0 + step
    }

    /// The differences of values `lag` apart.
    fn differences(&self, lag: usize) -> impl Iterator<Item = f64> {
        let later = self.values.get(lag..).unwrap_or_default();
        let pairs = self.values.iter().zip(later);
        pairs
            .map(|(before, after)| after - before)
            .filter(|one| !one.is_nan())
    }

    /// The last season, repeated; a place that was missing in it comes from the season before. The
    /// variance grows with each whole season.
    fn seasonal_naive(&self, season_length: usize, steps: usize) -> Outlook {
        // With less than a season of history, there is nothing to repeat.
        if season_length <= 1 || season_length >= self.values.len() {
            return self.naive(steps);
        }
        let spread = deviation(self.differences(season_length), 0);
        let mut outlook = Outlook::with_capacity(steps);
        let season: Vec<_> = (0..season_length.min(steps))
            .map(|place| self.latest_of_phase(place, season_length))
            .collect();
        for step in 0..steps {
            let (point, back) = season[step % season_length];
            let seasons = back + step / season_length;
            outlook.push(point, spread * (seasons as f64).sqrt());
        }
        outlook
    }

    /// The last observed value that lies a number of seasons before the step `place`, and that number.
    /// The last value of all where there is none.
    fn latest_of_phase(&self, place: usize, season_length: usize) -> (f64, usize) {
        let end = self.values.len() + place;
        let mut back = 1;
        while let Some(position) = end.checked_sub(back * season_length) {
            if let Some(value) = self.values.get(position).filter(|value| !value.is_nan()) {
                return (*value, back);
            }
            back += 1;
        }
        (self.last.1, 1)
    }

    fn naive(&self, steps: usize) -> Outlook {
        let spread = deviation(self.differences(1), 0);
        let mut outlook = Outlook::with_capacity(steps);
        for step in 0..steps {
            outlook.push(self.last.1, spread * (self.ahead(step) as f64).sqrt());
        }
        outlook
    }

    fn drift(&self, steps: usize) -> Outlook {
        let span = (self.last.0 - self.first.0) as f64;
        if span < 1.0 {
            return self.naive(steps);
        }
        let slope = (self.last.1 - self.first.1) / span;
        let spread = deviation(self.differences(1).map(|one| one - slope), 1);
        let mut outlook = Outlook::with_capacity(steps);
        for step in 0..steps {
            let ahead = self.ahead(step) as f64;
            let growth = (ahead * (1.0 + ahead / span)).sqrt();
            outlook.push(self.last.1 + slope * ahead, spread * growth);
        }
        outlook
    }

    fn mean(&self, steps: usize) -> Outlook {
        let present = || self.values.iter().copied().filter(|value| !value.is_nan());
        let count = present().count() as f64;
        // Divided before it is summed, so that values near the largest float do not overflow.
        let mean: f64 = present().map(|value| value / count).sum();
        let spread = deviation(present().map(|value| value - mean), 1);
        Outlook {
            points: vec![mean; steps],
            spreads: vec![spread * (1.0 + 1.0 / count).sqrt(); steps],
        }
    }
}

impl Outlook {
    fn with_capacity(steps: usize) -> Self {
        Self {
            points: Vec::with_capacity(steps),
            spreads: Vec::with_capacity(steps),
        }
    }

    fn push(&mut self, point: f64, spread: f64) {
        self.points.push(point);
        self.spreads.push(spread);
    }
}

/// The standard deviation of `residuals` around 0, of a method that estimates `parameters` of them
/// (equation 5.1 there); 0 when there are too few to say.
fn deviation(residuals: impl Iterator<Item = f64>, parameters: u32) -> f64 {
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

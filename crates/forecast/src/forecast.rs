//! The forecast of one series.

use crate::{QuantileGrid, QuantileLevel, QuantileLevels, Warning};

/// The forecast of one series: quantiles on the requested levels, median included.
///
/// ```
/// use almanac_forecast::{Forecast, QuantileGrid, QuantileLevel, QuantileLevels};
///
/// let low = QuantileLevel::new(0.1)?;
/// let levels = QuantileLevels::with_median([low, QuantileLevel::new(0.9)?]);
/// let grid = QuantileGrid::new(levels.clone(), vec![8.0, 7.0, 10.0, 10.0, 12.0, 13.0]).ok_or("no grid")?;
/// let forecast = Forecast::from_grid(&grid, &levels, None);
/// assert_eq!(forecast.point(), [10.0, 10.0]);
/// assert_eq!(forecast.quantile(low), Some(&[8.0, 7.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    levels: QuantileLevels,
    /// The quantiles of the first level, one per step, then those of the next level.
    quantiles: Vec<f64>,
    /// The lower bound of all values.
    floor: Option<f64>,
    /// The number of steps per season that the model was given; 1 means no season.
    pub season_length: usize,
    /// The number of values of the series, counted from its end, that the model used.
    pub context_length: usize,
    /// The warnings about this forecast.
    pub warnings: Vec<Warning>,
}

impl Forecast {
    /// Creates a forecast on `levels` from the quantiles of `grid`, without season or context length.
    ///
    /// `floor` is a lower bound of every value, extrapolated ones included.
    #[must_use]
    pub fn from_grid(grid: &QuantileGrid, levels: &QuantileLevels, floor: Option<f64>) -> Self {
        let mut quantiles = Vec::with_capacity(levels.as_slice().len() * grid.steps());
        for level in levels.as_slice() {
            grid.extend_at(*level, &mut quantiles);
        }
        if let Some(floor) = floor {
            for value in &mut quantiles {
                *value = value.max(floor);
            }
        }
        Self {
            levels: levels.clone(),
            quantiles,
            floor,
            season_length: 1,
            context_length: 0,
            warnings: grid.level_warnings(levels),
        }
    }

    /// Returns this forecast with the quantiles of every step replaced by `adjust`.
    ///
    /// `adjust` takes the step and its values in the order of the levels, and must keep them sorted. The
    /// floor is applied to the result.
    pub(super) fn map_steps(&self, mut adjust: impl FnMut(usize, &mut [f64])) -> Self {
        let (count, steps) = (self.levels.as_slice().len(), self.steps());
        let mut adjusted = self.clone();
        let mut column = vec![0.0; count];
        for step in 0..steps {
            for (row, value) in column.iter_mut().enumerate() {
                *value = self.quantiles[row * steps + step];
            }
            adjust(step, &mut column);
            for (row, value) in column.iter().enumerate() {
                let floored = self.floor.map_or(*value, |floor| value.max(floor));
                adjusted.quantiles[row * steps + step] = floored;
            }
        }
        adjusted
    }

    /// Returns this forecast with every value rounded to a whole number.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for value in &mut self.quantiles {
            *value = value.round();
        }
        self
    }

    /// Returns this forecast with `warning` appended, if there is one.
    pub(super) fn with_warning(mut self, warning: Option<Warning>) -> Self {
        self.warnings.extend(warning);
        self
    }

    /// Returns the quantile levels, median included.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// Returns the median, one value per step.
    #[must_use]
    pub fn point(&self) -> &[f64] {
        self.quantile(QuantileLevel::MEDIAN).unwrap_or_default()
    }

    /// Returns the quantiles at `level`, one per step, or `None` if that level was not requested.
    #[must_use]
    pub fn quantile(&self, level: QuantileLevel) -> Option<&[f64]> {
        let steps = self.steps();
        self.levels
            .position(level)
            .map(|position| &self.quantiles[position * steps..][..steps])
    }

    /// Returns the number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.quantiles.len() / self.levels.as_slice().len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn levels(raw: &[f64]) -> QuantileLevels {
        QuantileLevels::with_median(raw.iter().map(|&level| QuantileLevel::new(level).unwrap()))
    }

    proptest! {
        #[test]
        fn quantiles_on_any_levels_never_cross(
            values in prop::collection::vec(-1e9..1e9, 20),
            requested in prop::collection::vec(0.000_1..0.999_9, 1..12),
        ) {
            let grid = QuantileGrid::new(levels(&[0.1, 0.3, 0.7, 0.9]), values).unwrap();
            let requested = levels(&requested);
            let forecast = Forecast::from_grid(&grid, &requested, None);
            for pair in requested.as_slice().windows(2) {
                let low = forecast.quantile(pair[0]).unwrap();
                let high = forecast.quantile(pair[1]).unwrap();
                // Interpolation rounds, by at most an ulp of the largest value.
                prop_assert!(low.iter().zip(high).all(|(low, high)| *low <= high + 1e-5));
            }
        }

        #[test]
        fn quantiles_on_the_models_own_levels_are_sorted_at_each_step(
            values in prop::collection::vec(-1e9..1e9, 9),
        ) {
            let own = levels(&[0.1, 0.9]);
            let grid = QuantileGrid::new(own.clone(), values.clone()).unwrap();
            let forecast = Forecast::from_grid(&grid, &own, None);
            for (level, row) in own.as_slice().iter().zip(grid.rows()) {
                prop_assert_eq!(forecast.quantile(*level).unwrap(), row);
            }
            for step in 0..3 {
                let mut expected = [values[step], values[3 + step], values[6 + step]];
                expected.sort_by(f64::total_cmp);
                let column: Vec<_> = grid.rows().map(|row| row[step]).collect();
                prop_assert_eq!(column, expected);
            }
        }
    }

    #[test]
    fn warns_about_extrapolated_levels() {
        let grid = QuantileGrid::new(levels(&[0.1, 0.9]), vec![1.0, 2.0, 3.0]).unwrap();
        let forecast = Forecast::from_grid(&grid, &levels(&[0.01, 0.2]), None);
        assert_eq!(
            forecast.warnings,
            [Warning::Extrapolated {
                level: 0.01,
                outermost: 0.1
            }],
        );
    }

    #[test]
    fn warns_once_about_a_point_forecast_without_intervals() {
        let grid = QuantileGrid::new(levels(&[]), vec![1.5, 2.4]).unwrap();
        let forecast = Forecast::from_grid(&grid, &levels(&[0.1, 0.9]), None);
        assert_eq!(forecast.warnings, [Warning::NoBand]);
        let low = QuantileLevel::new(0.1).unwrap();
        assert_eq!(forecast.quantile(low).unwrap(), [1.5, 2.4]);
        assert!(
            Forecast::from_grid(&grid, &levels(&[]), None)
                .warnings
                .is_empty()
        );
        assert_eq!(forecast.rounded().point(), [2.0, 2.0]);
    }

    #[test]
    fn the_floor_applies_to_extrapolated_levels() {
        let grid = QuantileGrid::new(levels(&[0.1, 0.9]), vec![0.0, 2.0, 3.0]).unwrap();
        let low = QuantileLevel::new(0.001).unwrap();
        let forecast = Forecast::from_grid(&grid, &levels(&[0.001]), Some(0.0));
        assert_eq!(forecast.quantile(low).unwrap(), [0.0]);
    }
}

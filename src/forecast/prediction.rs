//! What a model answers, and the forecast made of it.

use std::fmt;

use crate::forecast::{QuantileLevel, QuantileLevels};

/// Quantiles of one series on a model's own levels: `[level][step]`, never crossing.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileGrid {
    levels: QuantileLevels,
    values: Vec<Vec<f64>>,
}

/// The forecast of one series: quantiles on the levels that were asked for, median included.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    levels: QuantileLevels,
    quantiles: Vec<Vec<f64>>,
    /// Steps per season that the model was told; 1 means none.
    pub season_length: usize,
    /// How many values of the series, counted from its end, the model saw.
    pub context_length: usize,
    /// What the client should know about this forecast.
    pub warnings: Vec<Warning>,
}

/// Something true of a forecast that its reader could otherwise miss. Never an error.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The model saw only the end of the series.
    ContextTruncated {
        /// Values that were sent.
        given: usize,
        /// Values that the model saw.
        used: usize,
    },
    /// Missing steps between timestamps were filled with missing values.
    GapsFilled {
        /// How many steps.
        steps: usize,
    },
    /// The start does not lie on the frequency's anchor; its own phase was kept.
    OffAnchor {
        /// The start, as it was written.
        start: String,
        /// The frequency, in canonical form.
        frequency: String,
    },
    /// A quantile lies outside the levels that the model gives, and was extrapolated.
    Extrapolated {
        /// The level asked for.
        level: f64,
        /// The outermost level of the model on that side.
        outermost: f64,
    },
    /// The season is longer than the model can use, so it was told that there is none.
    SeasonIgnored {
        /// Steps per season.
        season_length: usize,
        /// The longest season the model can use.
        longest: usize,
    },
}

impl Warning {
    /// The stable code of this warning in the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ContextTruncated { .. } => "context_truncated",
            Self::GapsFilled { .. } => "gaps_filled",
            Self::OffAnchor { .. } => "off_anchor",
            Self::Extrapolated { .. } => "quantile_extrapolated",
            Self::SeasonIgnored { .. } => "season_ignored",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContextTruncated { given, used } => {
                write!(f, "the model saw the last {used} of {given} values")
            }
            Self::GapsFilled { steps } => {
                write!(
                    f,
                    "{steps} steps without a timestamp were filled as missing"
                )
            }
            Self::OffAnchor { start, frequency } => write!(
                f,
                "{start} does not lie on the anchor of {frequency}; its own phase was kept"
            ),
            Self::Extrapolated { level, outermost } => write!(
                f,
                "level {level} lies beyond the model's outermost level {outermost} and was extrapolated"
            ),
            Self::SeasonIgnored {
                season_length,
                longest,
            } => write!(
                f,
                "a season of {season_length} steps is longer than the {longest} that the model can use, and was ignored"
            ),
        }
    }
}

impl QuantileGrid {
    /// The grid of `values[level][step]`; `None` when the shapes disagree or a value is not finite.
    ///
    /// Crossing quantiles are put in order step by step, which never makes the quantile loss worse
    /// (Chernozhukov, Fernández-Val and Galichon, "Quantile and probability curves without
    /// crossing", 2010).
    #[must_use]
    pub fn new(levels: QuantileLevels, mut values: Vec<Vec<f64>>) -> Option<Self> {
        let steps = values.first()?.len();
        let shaped = values.len() == levels.as_slice().len()
            && values
                .iter()
                .all(|row| row.len() == steps && row.iter().all(|v| v.is_finite()));
        if !shaped {
            return None;
        }
        let mut column = Vec::with_capacity(values.len());
        for step in 0..steps {
            if values.windows(2).any(|pair| pair[0][step] > pair[1][step]) {
                column.clear();
                column.extend(values.iter().map(|row| row[step]));
                column.sort_by(f64::total_cmp);
                for (row, value) in values.iter_mut().zip(&column) {
                    row[step] = *value;
                }
            }
        }
        Some(Self { levels, values })
    }

    /// The values, `[level][step]`, on the model's own levels.
    #[must_use]
    pub fn values(&self) -> &[Vec<f64>] {
        &self.values
    }

    /// This grid with every value raised to at least `floor`.
    #[must_use]
    pub fn clipped_below(mut self, floor: f64) -> Self {
        for value in self.values.iter_mut().flatten() {
            *value = value.max(floor);
        }
        self
    }

    /// The quantiles at `level`, one per step.
    ///
    /// A level between two of the model's is interpolated linearly in the logit of the level; one
    /// beyond the outermost is extrapolated with the slope of the outermost pair, which gives
    /// logistic tails. A grid with a single level has no width: that level answers for all.
    #[must_use]
    pub fn at(&self, level: QuantileLevel) -> Vec<f64> {
        if let Some(position) = self.levels.position(level) {
            return self.values[position].clone();
        }
        let levels = self.levels.as_slice();
        if levels.len() == 1 {
            return self.values[0].clone();
        }
        let above = levels
            .partition_point(|own| *own < level)
            .clamp(1, levels.len() - 1);
        let (low, high) = (logit(levels[above - 1]), logit(levels[above]));
        let share = (logit(level) - low) / (high - low);
        self.values[above - 1]
            .iter()
            .zip(&self.values[above])
            .map(|(low, high)| low + share * (high - low))
            .collect()
    }

    /// What `levels` need that this grid must extrapolate.
    fn extrapolations<'a>(
        &'a self,
        levels: &'a QuantileLevels,
    ) -> impl Iterator<Item = Warning> + 'a {
        let own = self.levels.as_slice();
        let (lowest, highest) = (own[0], own[own.len() - 1]);
        levels.as_slice().iter().filter_map(move |&level| {
            let outermost = if level < lowest {
                lowest
            } else if level > highest {
                highest
            } else {
                return None;
            };
            Some(Warning::Extrapolated {
                level: level.value(),
                outermost: outermost.value(),
            })
        })
    }
}

impl Forecast {
    /// The forecast on `levels` that `grid` holds, with the facts of `context` about how it was made.
    ///
    /// `floor` bounds every value from below, extrapolated ones too.
    #[must_use]
    pub fn from_grid(grid: &QuantileGrid, levels: &QuantileLevels, floor: Option<f64>) -> Self {
        let mut quantiles: Vec<Vec<f64>> = levels
            .as_slice()
            .iter()
            .map(|&level| grid.at(level))
            .collect();
        if let Some(floor) = floor {
            for value in quantiles.iter_mut().flatten() {
                *value = value.max(floor);
            }
        }
        Self {
            levels: levels.clone(),
            quantiles,
            season_length: 1,
            context_length: 0,
            warnings: grid.extrapolations(levels).collect(),
        }
    }

    /// The median, one value per step.
    #[must_use]
    pub fn point(&self) -> &[f64] {
        self.quantile(QuantileLevel::MEDIAN).unwrap_or_default()
    }

    /// The quantiles at `level`, one per step; `None` when that level was not asked for.
    #[must_use]
    pub fn quantile(&self, level: QuantileLevel) -> Option<&[f64]> {
        self.levels
            .position(level)
            .map(|position| self.quantiles[position].as_slice())
    }

    /// The number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.point().len()
    }
}

/// The logit, the quantile function of the standard logistic distribution.
fn logit(level: QuantileLevel) -> f64 {
    let level = level.value();
    (level / (1.0 - level)).ln()
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
        fn any_levels_of_any_grid_never_cross(
            rows in prop::collection::vec(prop::collection::vec(-1e9..1e9, 4), 5),
            asked in prop::collection::vec(0.000_1..0.999_9, 1..12),
        ) {
            let grid = QuantileGrid::new(levels(&[0.1, 0.3, 0.7, 0.9]), rows).unwrap();
            let asked = levels(&asked);
            let forecast = Forecast::from_grid(&grid, &asked, None);
            for pair in asked.as_slice().windows(2) {
                let low = forecast.quantile(pair[0]).unwrap();
                let high = forecast.quantile(pair[1]).unwrap();
                // Interpolation rounds, by an ulp of the largest value at most.
                prop_assert!(low.iter().zip(high).all(|(low, high)| *low <= high + 1e-5));
            }
        }

        #[test]
        fn a_models_own_levels_come_back_unchanged(
            rows in prop::collection::vec(prop::collection::vec(-1e9..1e9, 3), 3),
        ) {
            let own = levels(&[0.1, 0.9]);
            let grid = QuantileGrid::new(own.clone(), rows).unwrap();
            let forecast = Forecast::from_grid(&grid, &own, None);
            for (level, row) in own.as_slice().iter().zip(grid.values()) {
                prop_assert_eq!(forecast.quantile(*level).unwrap(), row.as_slice());
            }
        }
    }

    #[test]
    fn refuses_values_that_are_not_finite_or_not_shaped() {
        let own = levels(&[0.1, 0.9]);
        assert!(
            QuantileGrid::new(own.clone(), vec![vec![1.0], vec![f64::NAN], vec![2.0]]).is_none()
        );
        assert!(
            QuantileGrid::new(own.clone(), vec![vec![1.0], vec![1.0, 2.0], vec![2.0]]).is_none()
        );
        assert!(QuantileGrid::new(own, vec![vec![1.0]]).is_none());
    }

    #[test]
    fn says_which_levels_were_extrapolated() {
        let grid =
            QuantileGrid::new(levels(&[0.1, 0.9]), vec![vec![1.0], vec![2.0], vec![3.0]]).unwrap();
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
    fn the_floor_holds_for_extrapolated_levels_too() {
        let grid =
            QuantileGrid::new(levels(&[0.1, 0.9]), vec![vec![0.0], vec![2.0], vec![3.0]]).unwrap();
        let low = QuantileLevel::new(0.001).unwrap();
        let forecast = Forecast::from_grid(&grid, &levels(&[0.001]), Some(0.0));
        assert_eq!(forecast.quantile(low).unwrap(), [0.0]);
    }
}

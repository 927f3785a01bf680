//! What a model answers, and the forecast made of it.

use std::fmt;

use crate::{QuantileLevel, QuantileLevels};

/// Quantiles of one series on a model's own levels, never crossing.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileGrid {
    levels: QuantileLevels,
    /// Those of the first level, then those of the next.
    values: Vec<f64>,
}

/// The forecast of one series: quantiles on the levels that were asked for, median included.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    levels: QuantileLevels,
    /// Those of the first level, then those of the next.
    quantiles: Vec<f64>,
    /// What no value lies below.
    floor: Option<f64>,
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
    /// The model gives a point and no band, so every level repeats the point.
    NoBand,
    /// The steps after the model's own were forecast from its median, as if that had been observed.
    RolledOut {
        /// Steps that the model gives itself.
        native: usize,
    },
    /// The season is longer than the model can use, so it was told that there is none.
    SeasonIgnored {
        /// Steps per season.
        season_length: usize,
        /// The longest season the model can use.
        longest: usize,
    },
    /// Covariates that the model does not take.
    CovariatesIgnored {
        /// Their names.
        names: Vec<String>,
    },
    /// The model looks further ahead than the covariates are known; the rest was filled as its manifest
    /// says.
    CovariatesExtended {
        /// Steps ahead that are known.
        known: usize,
        /// Steps ahead that the model looks at.
        seen: usize,
    },
    /// Intervals were to be calibrated, and nothing in the past says how.
    NotCalibrated,
    /// Windows of the past were too few for an interval to be calibrated to what it promises.
    CalibratedOnFew {
        /// The interval in percent.
        percent: f64,
        /// Values to compare with.
        values: usize,
        /// The fewest that would be enough.
        needed: usize,
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
            Self::NoBand => "no_band",
            Self::RolledOut { .. } => "rolled_out",
            Self::SeasonIgnored { .. } => "season_ignored",
            Self::CovariatesIgnored { .. } => "covariates_ignored",
            Self::CovariatesExtended { .. } => "covariates_extended",
            Self::NotCalibrated => "not_calibrated",
            Self::CalibratedOnFew { .. } => "calibrated_on_few",
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
            Self::NoBand => f.write_str(
                "the model gives a point and no band, so every level repeats the point; ask with calibrate_windows for intervals measured on the past of the series",
            ),
            Self::RolledOut { native } => write!(
                f,
                "steps after {native} were forecast from the model's own median, so their intervals are too narrow"
            ),
            Self::SeasonIgnored {
                season_length,
                longest,
            } => write!(
                f,
                "a season of {season_length} steps is longer than the {longest} that the model can use, and was ignored"
            ),
            Self::CovariatesIgnored { names } => {
                let names = names.join(", ");
                write!(f, "the model does not take these covariates, which were ignored: {names}")
            }
            Self::CovariatesExtended { known, seen } => write!(
                f,
                "the model looks {seen} steps ahead and its covariates end after {known}; steps beyond were filled in, so ask for {seen} steps where they are known"
            ),
            Self::NotCalibrated => f.write_str(
                "nothing in the past says how to calibrate, so the intervals are the model's own",
            ),
            Self::CalibratedOnFew {
                percent,
                values,
                needed,
            } => write!(
                f,
                "the interval of {percent} % was calibrated with {values} values of the past where it needs {needed}, so it reaches as far as the farthest"
            ),
        }
    }
}

impl QuantileGrid {
    /// The grid of `values`, those of the first level before those of the next; `None` when they do
    /// not divide into the levels or one is not finite.
    ///
    /// Crossing quantiles are put in order step by step, which never makes the quantile loss worse
    /// (Chernozhukov, Fernández-Val and Galichon, "Quantile and probability curves without
    /// crossing", 2010).
    #[must_use]
    pub fn new(levels: QuantileLevels, mut values: Vec<f64>) -> Option<Self> {
        let count = levels.as_slice().len();
        let shaped = !values.is_empty() && values.len().is_multiple_of(count);
        if !shaped || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let steps = values.len() / count;
        // One pass over neighbours finds out, and most grids need no more.
        let in_order = values
            .iter()
            .zip(&values[steps..])
            .all(|(low, high)| low <= high);
        if !in_order {
            let mut column = Vec::with_capacity(count);
            for step in 0..steps {
                column.clear();
                column.extend(values.iter().skip(step).step_by(steps));
                column.sort_by(f64::total_cmp);
                for (row, value) in column.iter().enumerate() {
                    values[row * steps + step] = *value;
                }
            }
        }
        Some(Self { levels, values })
    }

    /// The values of each of the model's own levels, one per step.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.steps())
    }

    fn steps(&self) -> usize {
        self.values.len() / self.levels.as_slice().len()
    }

    fn row(&self, position: usize) -> &[f64] {
        &self.values[position * self.steps()..][..self.steps()]
    }

    /// This grid with every value raised to at least `floor`.
    #[must_use]
    pub fn clipped_below(mut self, floor: f64) -> Self {
        for value in &mut self.values {
            *value = value.max(floor);
        }
        self
    }

    /// This grid with every value rounded to a whole number.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for value in &mut self.values {
            *value = value.round();
        }
        self
    }

    /// Appends the quantiles at `level`, one per step, to `quantiles`.
    ///
    /// A level between two of the model's is interpolated linearly in the logit of the level; one
    /// beyond the outermost is extrapolated with the slope of the outermost pair, which gives
    /// logistic tails. A grid with a single level has no width: that level answers for all.
    fn extend_at(&self, level: QuantileLevel, quantiles: &mut Vec<f64>) {
        if let Some(position) = self.levels.position(level) {
            return quantiles.extend_from_slice(self.row(position));
        }
        let levels = self.levels.as_slice();
        if levels.len() == 1 {
            return quantiles.extend_from_slice(self.row(0));
        }
        let above = levels
            .partition_point(|own| *own < level)
            .clamp(1, levels.len() - 1);
        let (low, high) = (logit(levels[above - 1]), logit(levels[above]));
        let share = (logit(level) - low) / (high - low);
        let pairs = self.row(above - 1).iter().zip(self.row(above));
        quantiles.extend(pairs.map(|(low, high)| low + share * (high - low)));
    }

    /// What `levels` need that this grid must make up.
    fn made_up(&self, levels: &QuantileLevels) -> Vec<Warning> {
        let own = self.levels.as_slice();
        let asked = levels.as_slice();
        if own.len() == 1 {
            let beside = asked.iter().any(|level| *level != own[0]);
            return beside.then_some(Warning::NoBand).into_iter().collect();
        }
        let (lowest, highest) = (own[0], own[own.len() - 1]);
        let extrapolated = asked.iter().filter_map(|&level| {
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
        });
        extrapolated.collect()
    }
}

impl Forecast {
    /// The forecast on `levels` that `grid` holds, with the facts of `context` about how it was made.
    ///
    /// `floor` bounds every value from below, extrapolated ones too.
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
            warnings: grid.made_up(levels),
        }
    }

    /// This forecast with every quantile put through `change`, which takes the values of one step in
    /// the order of the levels. It must keep them in order; the floor holds for what it gives.
    pub(super) fn changed(&self, mut change: impl FnMut(usize, &mut [f64])) -> Self {
        let (count, steps) = (self.levels.as_slice().len(), self.steps());
        let mut changed = self.clone();
        let mut column = vec![0.0; count];
        for step in 0..steps {
            for (row, value) in column.iter_mut().enumerate() {
                *value = self.quantiles[row * steps + step];
            }
            change(step, &mut column);
            for (row, value) in column.iter().enumerate() {
                let floored = self.floor.map_or(*value, |floor| value.max(floor));
                changed.quantiles[row * steps + step] = floored;
            }
        }
        changed
    }

    /// This forecast with every value rounded to a whole number.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for value in &mut self.quantiles {
            *value = value.round();
        }
        self
    }

    /// This forecast with more that its reader should know.
    pub(super) fn with_warning(mut self, warning: Option<Warning>) -> Self {
        self.warnings.extend(warning);
        self
    }

    /// The quantile levels, median included.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// The median, one value per step.
    #[must_use]
    pub fn point(&self) -> &[f64] {
        self.quantile(QuantileLevel::MEDIAN).unwrap_or_default()
    }

    /// The quantiles at `level`, one per step; `None` when that level was not asked for.
    #[must_use]
    pub fn quantile(&self, level: QuantileLevel) -> Option<&[f64]> {
        let steps = self.steps();
        self.levels
            .position(level)
            .map(|position| &self.quantiles[position * steps..][..steps])
    }

    /// The number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.quantiles.len() / self.levels.as_slice().len()
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
            values in prop::collection::vec(-1e9..1e9, 20),
            asked in prop::collection::vec(0.000_1..0.999_9, 1..12),
        ) {
            let grid = QuantileGrid::new(levels(&[0.1, 0.3, 0.7, 0.9]), values).unwrap();
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
        fn a_models_own_levels_come_back_in_order_step_by_step(
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
    fn refuses_values_that_are_not_finite_or_not_shaped() {
        let own = levels(&[0.1, 0.9]);
        assert!(QuantileGrid::new(own.clone(), vec![1.0, f64::NAN, 2.0]).is_none());
        assert!(QuantileGrid::new(own.clone(), vec![1.0, 1.0, 2.0, 2.0]).is_none());
        assert!(QuantileGrid::new(own, vec![]).is_none());
    }

    #[test]
    fn says_which_levels_were_extrapolated() {
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
    fn a_point_has_no_band_and_says_so_once() {
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
    fn the_floor_holds_for_extrapolated_levels_too() {
        let grid = QuantileGrid::new(levels(&[0.1, 0.9]), vec![0.0, 2.0, 3.0]).unwrap();
        let low = QuantileLevel::new(0.001).unwrap();
        let forecast = Forecast::from_grid(&grid, &levels(&[0.001]), Some(0.0));
        assert_eq!(forecast.quantile(low).unwrap(), [0.0]);
    }
}

//! The quantiles that a model returns, on its own levels.

use crate::{QuantileLevel, QuantileLevels, Warning};

/// Quantiles of one series on a model's own levels, never crossing.
///
/// ```
/// use almanac_forecast::{QuantileGrid, QuantileLevel, QuantileLevels};
///
/// // Two steps: first both values of level 0.1, then of 0.5, then of 0.9.
/// let levels = QuantileLevels::with_median([QuantileLevel::new(0.1)?, QuantileLevel::new(0.9)?]);
/// let grid = QuantileGrid::new(levels, vec![8.0, 7.0, 10.0, 10.0, 12.0, 13.0]).ok_or("no grid")?;
/// assert_eq!(grid.rows().nth(2), Some(&[12.0, 13.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileGrid {
    levels: QuantileLevels,
    /// The values of the first level, one per step, then those of the next level.
    values: Vec<f64>,
}

impl QuantileGrid {
    /// Creates a grid of `values`, all of the first level before those of the next. Returns `None` if
    /// their number is not a multiple of the number of levels, or one of them is not finite.
    ///
    /// Crossing quantiles are sorted step by step, which never increases the quantile loss
    /// (Chernozhukov, Fernández-Val and Galichon, "Quantile and probability curves without
    /// crossing", 2010).
    #[must_use]
    pub fn new(levels: QuantileLevels, mut values: Vec<f64>) -> Option<Self> {
        let count = levels.as_slice().len();
        let has_shape = !values.is_empty() && values.len().is_multiple_of(count);
        if !has_shape || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let steps = values.len() / count;
        // Most grids are sorted already, and one pass over neighbouring levels finds that out.
        let is_sorted = values
            .iter()
            .zip(&values[steps..])
            .all(|(low, high)| low <= high);
        if !is_sorted {
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

    /// Returns the values of each of the model's own levels, one per step.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.steps())
    }

    /// Returns the number of steps.
    pub(super) fn steps(&self) -> usize {
        self.values.len() / self.levels.as_slice().len()
    }

    fn row(&self, position: usize) -> &[f64] {
        &self.values[position * self.steps()..][..self.steps()]
    }

    /// Returns this grid with every value raised to at least `floor`.
    #[must_use]
    pub fn clipped_below(mut self, floor: f64) -> Self {
        for value in &mut self.values {
            *value = value.max(floor);
        }
        self
    }

    /// Returns this grid with every value rounded to a whole number.
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
    /// logistic tails. A grid with a single level has no width, so that level is used for every level.
    pub(super) fn extend_at(&self, level: QuantileLevel, quantiles: &mut Vec<f64>) {
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
        let weight = (logit(level) - low) / (high - low);
        let pairs = self.row(above - 1).iter().zip(self.row(above));
        quantiles.extend(pairs.map(|(low, high)| low + weight * (high - low)));
    }

    /// Returns the warnings for the `requested` levels that this grid can only extrapolate or repeat.
    pub(super) fn level_warnings(&self, requested: &QuantileLevels) -> Vec<Warning> {
        let own = self.levels.as_slice();
        let requested = requested.as_slice();
        if own.len() == 1 {
            let has_other_levels = requested.iter().any(|level| *level != own[0]);
            return has_other_levels
                .then_some(Warning::NoBand)
                .into_iter()
                .collect();
        }
        let (lowest, highest) = (own[0], own[own.len() - 1]);
        requested
            .iter()
            .filter_map(|&level| {
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
            .collect()
    }
}

/// Returns the logit of a level, the quantile function of the standard logistic distribution.
fn logit(level: QuantileLevel) -> f64 {
    let level = level.value();
    (level / (1.0 - level)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_values_that_are_not_finite_or_have_the_wrong_shape() {
        let levels =
            QuantileLevels::with_median([0.1, 0.9].map(|level| QuantileLevel::new(level).unwrap()));
        assert!(QuantileGrid::new(levels.clone(), vec![1.0, f64::NAN, 2.0]).is_none());
        assert!(QuantileGrid::new(levels.clone(), vec![1.0, 1.0, 2.0, 2.0]).is_none());
        assert!(QuantileGrid::new(levels, vec![]).is_none());
    }
}

//! Quantile levels, and central intervals, which are pairs of quantile levels.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A quantile level, strictly between 0 and 1.
///
/// ```
/// use almanac_forecast::{LevelError, QuantileLevel};
///
/// assert_eq!(QuantileLevel::new(0.9)?.value(), 0.9);
/// assert_eq!(QuantileLevel::new(1.0), Err(LevelError::Quantile(1.0)));
/// # Ok::<(), LevelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct QuantileLevel(f64);

/// The nominal coverage of a central interval in percent, strictly between 0 and 100.
///
/// ```
/// use almanac_forecast::{CentralLevel, LevelError, QuantileLevel};
///
/// let level = CentralLevel::new(80.0)?;
/// assert_eq!(level.lower(), QuantileLevel::new(0.1)?);
/// assert_eq!(level.upper(), QuantileLevel::new(0.9)?);
/// # Ok::<(), LevelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct CentralLevel(f64);

/// Unique quantile levels in ascending order, at least one. Cheap to clone: all series of a request
/// share them.
///
/// ```
/// use almanac_forecast::{LevelError, QuantileLevel, QuantileLevels};
///
/// let levels = QuantileLevels::with_median([QuantileLevel::new(0.9)?]);
/// assert_eq!(levels.as_slice(), [QuantileLevel::MEDIAN, QuantileLevel::new(0.9)?]);
/// assert_eq!(levels.position(QuantileLevel::new(0.9)?), Some(1));
/// # Ok::<(), LevelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileLevels(Arc<[QuantileLevel]>);

/// The error returned when a number is not a valid level.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum LevelError {
    /// A quantile level lies outside (0, 1).
    #[error("quantile level {0} is out of range; send a number strictly between 0 and 1")]
    Quantile(f64),
    /// A central level lies outside (0, 100).
    #[error("level {0} is out of range; send a percentage strictly between 0 and 100")]
    Central(f64),
}

impl QuantileLevel {
    /// The level of the median.
    pub const MEDIAN: Self = Self(0.5);

    /// Creates a quantile level in (0, 1).
    ///
    /// # Errors
    /// Returns [`LevelError::Quantile`] for a number outside (0, 1), and for `NaN`.
    pub fn new(level: f64) -> Result<Self, LevelError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(LevelError::Quantile(level))
        }
    }

    /// Returns the level as a number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl CentralLevel {
    /// Creates the level of a central interval that covers `percent`.
    ///
    /// # Errors
    /// Returns [`LevelError::Central`] for a number outside (0, 100), and for `NaN`.
    pub fn new(percent: f64) -> Result<Self, LevelError> {
        // Rounding must not move an end of the interval to 0 or 1.
        let level = Self(percent);
        let is_in_range = percent > 0.0 && percent < 100.0;
        if is_in_range && level.lower().0 > 0.0 && level.upper().0 < 1.0 {
            Ok(level)
        } else {
            Err(LevelError::Central(percent))
        }
    }

    /// Returns the coverage in percent.
    #[must_use]
    pub const fn percent(self) -> f64 {
        self.0
    }

    /// Returns the quantile level of the lower end.
    ///
    /// Computed with a single division, so that 80 gives exactly the number that is written 0.1.
    #[must_use]
    pub fn lower(self) -> QuantileLevel {
        QuantileLevel((100.0 - self.0) / 200.0)
    }

    /// Returns the quantile level of the upper end.
    #[must_use]
    pub fn upper(self) -> QuantileLevel {
        QuantileLevel((100.0 + self.0) / 200.0)
    }
}

impl fmt::Display for QuantileLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CentralLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl QuantileLevels {
    /// Creates the sorted, unique levels of `levels` and the median.
    ///
    /// The median is always included because every forecast has a point.
    pub fn with_median(levels: impl IntoIterator<Item = QuantileLevel>) -> Self {
        let mut levels: Vec<_> = levels.into_iter().chain([QuantileLevel::MEDIAN]).collect();
        levels.sort_by(|left, right| left.0.total_cmp(&right.0));
        levels.dedup();
        Self(levels.into())
    }

    /// Returns these levels and the mirror image of each: 0.9 for 0.1.
    ///
    /// A mirror image that differs from one of these levels by rounding alone is not added.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let mirror_images = self.0.iter().filter_map(|level| {
            let mirror_image = QuantileLevel::new(1.0 - level.0).ok()?;
            self.approximate_position(mirror_image)
                .is_none()
                .then_some(mirror_image)
        });
        Self::with_median(self.0.iter().copied().chain(mirror_images))
    }

    /// Returns the positions of the lower and upper level of each central interval, narrowest first.
    #[must_use]
    pub fn central_pairs(&self) -> Vec<(usize, usize)> {
        self.0
            .iter()
            .enumerate()
            .filter(|(_, level)| level.0 < 0.5)
            .filter_map(|(low, level)| {
                let high = self.approximate_position(QuantileLevel(1.0 - level.0))?;
                // A level may equal the median but for rounding, and the median is not an end.
                (self.0[high].0 > 0.5).then_some((low, high))
            })
            .rev()
            .collect()
    }

    /// Returns the position of the level that equals `level` up to rounding.
    fn approximate_position(&self, level: QuantileLevel) -> Option<usize> {
        // Far above the rounding error of 1 - level, far below the difference of two requested levels.
        const TOLERANCE: f64 = 1e-9;
        self.0
            .iter()
            .position(|own| (own.0 - level.0).abs() < TOLERANCE)
    }

    /// Returns the levels in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[QuantileLevel] {
        &self.0
    }

    /// Returns the position of `level`, or `None` if it is not one of these levels.
    #[must_use]
    pub fn position(&self, level: QuantileLevel) -> Option<usize> {
        self.0
            .binary_search_by(|probe| probe.0.total_cmp(&level.0))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn central_level_80_has_the_ends_0_1_and_0_9() {
        let level = CentralLevel::new(80.0).unwrap();
        assert_eq!(level.lower(), QuantileLevel::new(0.1).unwrap());
        assert_eq!(level.upper(), QuantileLevel::new(0.9).unwrap());
    }

    #[test]
    fn rejects_the_ends_of_the_range_and_levels_that_round_to_them() {
        for level in [0.0, 1.0, -0.1, 1.5, f64::NAN] {
            assert!(QuantileLevel::new(level).is_err(), "{level}");
        }
        for percent in [0.0, 100.0, 99.999_999_999_999_99, f64::NAN] {
            assert!(CentralLevel::new(percent).is_err(), "{percent}");
        }
    }

    proptest! {
        #[test]
        fn mirrored_levels_form_nested_intervals(
            raw in prop::collection::vec(0.001..0.999, 0..12),
        ) {
            let levels = QuantileLevels::with_median(
                raw.iter().map(|&level| QuantileLevel::new(level).unwrap()),
            );
            let mirrored = levels.mirrored();
            prop_assert!(levels.as_slice().iter().all(|level| mirrored.position(*level).is_some()));
            let pairs = mirrored.central_pairs();
            prop_assert_eq!(2 * pairs.len() + 1, mirrored.as_slice().len());
            prop_assert!(pairs.is_sorted_by(|inner, outer| outer.0 < inner.0 && inner.1 < outer.1));
            for (low, high) in pairs {
                let sum = mirrored.as_slice()[low].value() + mirrored.as_slice()[high].value();
                prop_assert!((sum - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn levels_are_ascending_and_unique(raw in prop::collection::vec(0.001..0.999, 0..20)) {
            let levels = QuantileLevels::with_median(
                raw.iter().chain(&raw).map(|&level| QuantileLevel::new(level).unwrap()),
            );
            prop_assert!(levels.as_slice().windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(levels.position(QuantileLevel::MEDIAN).is_some());
        }
    }
}

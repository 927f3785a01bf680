//! Quantile levels, and the central intervals that are pairs of them.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A number strictly between 0 and 1. The value of a forecast there is a quantile.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct QuantileLevel(f64);

/// A central interval in percent, strictly between 0 and 100: 80 reaches from 0.1 to 0.9.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct CentralLevel(f64);

/// Quantile levels in ascending order, each once, at least one. Cheap to clone: every series of a
/// request shares them.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantileLevels(Arc<[QuantileLevel]>);

/// Why a number is not a level.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum LevelError {
    /// A quantile level lies outside (0, 1).
    #[error("quantile level {0} is outside (0, 1), both ends excluded")]
    Quantile(f64),
    /// A central level lies outside (0, 100).
    #[error("level {0} is outside (0, 100) percent, both ends excluded")]
    Central(f64),
}

impl QuantileLevel {
    /// The median's level.
    pub const MEDIAN: Self = Self(0.5);

    /// A level in (0, 1).
    ///
    /// # Errors
    /// [`LevelError::Quantile`] outside it, and for `NaN`.
    pub fn new(level: f64) -> Result<Self, LevelError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(LevelError::Quantile(level))
        }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl CentralLevel {
    /// A central interval of `percent`.
    ///
    /// # Errors
    /// [`LevelError::Central`] outside (0, 100), and for `NaN`.
    pub fn new(percent: f64) -> Result<Self, LevelError> {
        // Rounding must not take an end of the interval to 0 or 1.
        let level = Self(percent);
        let inside = percent > 0.0 && percent < 100.0;
        if inside && level.lower().0 > 0.0 && level.upper().0 < 1.0 {
            Ok(level)
        } else {
            Err(LevelError::Central(percent))
        }
    }

    /// The percentage.
    #[must_use]
    pub const fn percent(self) -> f64 {
        self.0
    }

    /// The quantile level of the lower end.
    ///
    /// Divided once, so that 80 gives the very number that is written 0.1.
    #[must_use]
    pub fn lower(self) -> QuantileLevel {
        QuantileLevel((100.0 - self.0) / 200.0)
    }

    /// The quantile level of the upper end.
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
    /// The levels of `levels` and the median, in order, each once.
    ///
    /// The median is always among them because every forecast has a point.
    pub fn with_median(levels: impl IntoIterator<Item = QuantileLevel>) -> Self {
        let mut levels: Vec<_> = levels.into_iter().chain([QuantileLevel::MEDIAN]).collect();
        levels.sort_by(|left, right| left.0.total_cmp(&right.0));
        levels.dedup();
        Self(levels.into())
    }

    /// These levels and, for each, the one as far from the other end: 0.9 for 0.1.
    ///
    /// A level that differs from one of these by rounding alone counts as that one.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let others = self.0.iter().filter_map(|level| {
            let other = QuantileLevel::new(1.0 - level.0).ok()?;
            self.nearest(other).is_none().then_some(other)
        });
        Self::with_median(self.0.iter().copied().chain(others))
    }

    /// The pairs of positions whose levels are the ends of a central interval, the narrowest first.
    #[must_use]
    pub fn central_pairs(&self) -> Vec<(usize, usize)> {
        let below = self.0.iter().enumerate().filter(|(_, level)| level.0 < 0.5);
        let pairs = below.filter_map(|(low, level)| {
            let high = self.nearest(QuantileLevel(1.0 - level.0))?;
            // The median, which a level may all but equal, is no end.
            (self.0[high].0 > 0.5).then_some((low, high))
        });
        pairs.rev().collect()
    }

    /// Where a level stands that is `level` but for rounding.
    fn nearest(&self, level: QuantileLevel) -> Option<usize> {
        // Far over what 1 - level rounds by, far below what two levels of one request differ by.
        const SAME: f64 = 1e-9;
        self.0.iter().position(|own| (own.0 - level.0).abs() < SAME)
    }

    /// The levels, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[QuantileLevel] {
        &self.0
    }

    /// Where `level` stands among them.
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
    fn a_central_level_of_80_reaches_from_a_tenth_to_nine_tenths() {
        let level = CentralLevel::new(80.0).unwrap();
        assert_eq!(level.lower(), QuantileLevel::new(0.1).unwrap());
        assert_eq!(level.upper(), QuantileLevel::new(0.9).unwrap());
    }

    #[test]
    fn refuses_both_ends_and_what_rounds_to_them() {
        for level in [0.0, 1.0, -0.1, 1.5, f64::NAN] {
            assert!(QuantileLevel::new(level).is_err(), "{level}");
        }
        for percent in [0.0, 100.0, 99.999_999_999_999_99, f64::NAN] {
            assert!(CentralLevel::new(percent).is_err(), "{percent}");
        }
    }

    proptest! {
        #[test]
        fn mirrored_levels_are_ends_of_intervals_that_lie_in_each_other(
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

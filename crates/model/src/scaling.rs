//! The scaling that is applied to values outside the graph.

use crate::imputation;
use crate::manifest::Scaling;

/// The scaling of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Subtracted first.
    shift: f64,
    /// The divisor of the shifted value.
    pub(super) factor: f64,
    /// Whether to take the logarithm, `ln(1 + value)`, before shifting.
    log: bool,
}

impl Scale {
    const NONE: Self = Self {
        shift: 0.0,
        factor: 1.0,
        log: false,
    };

    /// Fits `scaling` to the observed values of `context`. A factor below `floor` is replaced by 1.
    pub(super) fn fit(context: &[f64], scaling: Scaling, floor: f64) -> Self {
        let affine = |statistics: fn(&[f64]) -> (f64, f64)| {
            let (shift, factor) = shift_and_factor(context, statistics);
            let is_usable = factor.is_finite() && factor >= floor;
            Self {
                shift,
                factor: if is_usable { factor } else { 1.0 },
                log: false,
            }
        };
        match scaling {
            Scaling::None => Self::NONE,
            Scaling::MeanAbs => Self {
                factor: nearest_power_of_two(mean_absolute(context)),
                ..Self::NONE
            },
            Scaling::Standard => affine(mean_and_deviation),
            Scaling::MinMax => affine(min_and_range),
            Scaling::Robust => affine(median_and_deviation),
            Scaling::Log1p => Self {
                log: true,
                ..Self::NONE
            },
        }
    }

    /// Scales a value of the series.
    pub(super) fn apply(self, value: f64) -> f64 {
        let value = if self.log { value.ln_1p() } else { value };
        (value - self.shift) / self.factor
    }

    /// Converts a value of the graph to the units of the series.
    pub(super) fn invert(self, value: f64) -> f64 {
        let value = value * self.factor + self.shift;
        if self.log { value.exp_m1() } else { value }
    }
}

/// Computes the shift and the factor of the observed values.
///
/// `statistics` receives the values divided by a power of two near the largest magnitude, so that the
/// squares of values near the largest float do not overflow.
fn shift_and_factor(context: &[f64], statistics: fn(&[f64]) -> (f64, f64)) -> (f64, f64) {
    let observed = || context.iter().filter(|value| !value.is_nan());
    let unit = nearest_power_of_two(observed().fold(0.0, |max, value| value.abs().max(max)));
    let normalized: Vec<_> = observed().map(|value| value / unit).collect();
    let (shift, factor) = statistics(&normalized);
    (shift * unit, factor * unit)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = imputation::mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (mean, (squares.sum::<f64>() / values.len() as f64).sqrt())
}

fn min_and_range(values: &[f64]) -> (f64, f64) {
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (min, max - min)
}

/// Returns the median and the median absolute deviation from it.
fn median_and_deviation(values: &[f64]) -> (f64, f64) {
    let center = median(values.to_vec());
    let deviations = values.iter().map(|value| (value - center).abs()).collect();
    (center, median(deviations))
}

/// Returns the median, which is the mean of the two middle values of an even number of values.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => values[middle - 1].midpoint(values[middle]),
    }
}

/// Returns the mean absolute value of the observed values, or 0 if there are none.
fn mean_absolute(context: &[f64]) -> f64 {
    let observed = || context.iter().filter(|value| !value.is_nan());
    let count = observed().count() as f64;
    // Each value is divided before the sum, so that values near the largest float do not overflow.
    observed().map(|value| value.abs() / count).sum()
}

/// Returns the power of two nearest to `magnitude` on the logarithmic scale, or 1 for 0.
fn nearest_power_of_two(magnitude: f64) -> f64 {
    if magnitude > 0.0 {
        // Limited to normal numbers, for which division and multiplication by it are exact.
        magnitude.log2().round().clamp(-1_021.0, 1_021.0).exp2()
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::tests::manifest;

    fn scale(scaling: &str, context: &[f64]) -> Scale {
        let manifest = manifest(&format!("scaling = \"{scaling}\""));
        Scale::fit(
            context,
            manifest.context.scaling,
            manifest.context.scale_floor,
        )
    }

    #[track_caller]
    fn check(scaling: &str, expected: [f64; 5]) {
        let context = [1.0, 2.0, f64::NAN, 3.0, 6.0];
        let scale = scale(scaling, &context);
        let scaled = context.map(|value| scale.apply(value));
        for (scaled, expected) in scaled.iter().zip(expected) {
            let near = (scaled - expected).abs() < 1e-12 || (scaled.is_nan() && expected.is_nan());
            assert!(near, "{scaling}: {scaled} {expected}");
        }
    }

    #[test]
    fn each_scaling_matches_its_definition() {
        let gap = f64::NAN;
        check("none", [1.0, 2.0, gap, 3.0, 6.0]);
        check("mean_abs", [0.25, 0.5, gap, 0.75, 1.5]);
        // The mean is 3 and the standard deviation the square root of 3.5.
        let deviation = 3.5_f64.sqrt();
        check(
            "standard",
            [
                -2.0 / deviation,
                -1.0 / deviation,
                gap,
                0.0,
                3.0 / deviation,
            ],
        );
        check("min_max", [0.0, 0.2, gap, 0.4, 1.0]);
        // The median is 2.5; the deviations are 1.5, 0.5, 0.5, 3.5, and their median is 1.
        check("robust", [-1.5, -0.5, gap, 0.5, 3.5]);
        check(
            "log1p",
            [2.0_f64.ln(), 3.0_f64.ln(), gap, 4.0_f64.ln(), 7.0_f64.ln()],
        );
    }

    #[test]
    fn a_constant_series_has_a_factor_of_one() {
        for scaling in ["standard", "min_max", "robust"] {
            let scale = scale(scaling, &[0.1; 7]);
            assert_eq!(scale.factor.to_bits(), 1.0_f64.to_bits(), "{scaling}");
            assert!(scale.apply(0.1).abs() < 1e-15, "{scaling}");
        }
    }

    proptest! {
        #[test]
        fn inverting_a_scaling_restores_the_value(
            values in prop::collection::vec(-0.99..1e6_f64, 2..50),
            scaling in prop::sample::select(vec!["none", "mean_abs", "standard", "min_max", "robust", "log1p"]),
        ) {
            let scale = scale(scaling, &values);
            let largest = values.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
            for value in values {
                let restored = scale.invert(scale.apply(value));
                prop_assert!((restored - value).abs() <= largest * 1e-12, "{scaling} {value} {restored}");
            }
        }
    }

    #[test]
    fn very_large_and_very_small_values_have_a_factor_of_their_magnitude() {
        for scaling in ["standard", "min_max", "robust"] {
            for unit in [1e300, 1e-5] {
                let scale = scale(scaling, &[unit, 2.0 * unit, 4.0 * unit]);
                assert!(
                    scale.factor > 0.5 * unit && scale.factor < 4.0 * unit,
                    "{scaling}"
                );
            }
        }
    }
}

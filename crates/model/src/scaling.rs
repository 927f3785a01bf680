//! Scaling outside the graph: how a value enters it, and how its answer is read.

use crate::imputation;
use crate::manifest::Scaling;

/// The scaling of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Taken off first.
    shift: f64,
    /// Divided by then.
    pub(super) factor: f64,
    /// Whether all that is done to logarithms.
    log: bool,
}

impl Scale {
    const NONE: Self = Self {
        shift: 0.0,
        factor: 1.0,
        log: false,
    };

    /// The scaling of `context`, of which the observed values count. A scale under `floor` is taken for 1.
    pub(super) fn of(context: &[f64], scaling: Scaling, floor: f64) -> Self {
        let affine = |measure: fn(&[f64]) -> (f64, f64)| {
            let (shift, factor) = measured(context, measure);
            let usable = factor.is_finite() && factor >= floor;
            Self {
                shift,
                factor: if usable { factor } else { 1.0 },
                log: false,
            }
        };
        match scaling {
            Scaling::None => Self::NONE,
            Scaling::MeanAbs => Self {
                factor: power_of_two_near(mean_absolute(context)),
                ..Self::NONE
            },
            Scaling::Standard => affine(mean_and_deviation),
            Scaling::MinMax => affine(least_and_range),
            Scaling::Robust => affine(median_and_deviation),
            Scaling::Log1p => Self {
                log: true,
                ..Self::NONE
            },
        }
    }

    /// A value of the series as the graph sees it.
    pub(super) fn apply(self, value: f64) -> f64 {
        let value = if self.log { value.ln_1p() } else { value };
        (value - self.shift) / self.factor
    }

    /// What the graph gives, in the units of the series.
    pub(super) fn undo(self, value: f64) -> f64 {
        let value = value * self.factor + self.shift;
        if self.log { value.exp_m1() } else { value }
    }
}

/// What `measure` says of the observed values, which it is given near 1: squares of values as large as a
/// float can be do not overflow.
fn measured(context: &[f64], measure: fn(&[f64]) -> (f64, f64)) -> (f64, f64) {
    let observed = context.iter().filter(|value| !value.is_nan());
    let unit = power_of_two_near(
        observed
            .clone()
            .fold(0.0, |most, value| value.abs().max(most)),
    );
    let near_one: Vec<_> = observed.map(|value| value / unit).collect();
    let (shift, factor) = measure(&near_one);
    (shift * unit, factor * unit)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = imputation::mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (mean, (squares.sum::<f64>() / values.len() as f64).sqrt())
}

fn least_and_range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most - least)
}

fn median_and_deviation(values: &[f64]) -> (f64, f64) {
    let median = median(values.to_vec());
    let from_it = values.iter().map(|value| (value - median).abs());
    (median, self::median(from_it.collect()))
}

/// The median; the mean of both middle values of an even number.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => values[middle - 1].midpoint(values[middle]),
    }
}

/// The mean absolute value of the observed values, 0 when there is none.
fn mean_absolute(context: &[f64]) -> f64 {
    let observed = || context.iter().filter(|value| !value.is_nan());
    let count = observed().count() as f64;
    // Divided before it is summed, so that values near the largest float do not overflow.
    observed().map(|value| value.abs() / count).sum()
}

/// The power of two nearest `magnitude` on the logarithmic scale, 1 for 0.
fn power_of_two_near(magnitude: f64) -> f64 {
    if magnitude > 0.0 {
        // Kept among the normal numbers, where dividing by it and multiplying with it are exact.
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
        Scale::of(
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
    fn each_scaling_does_what_its_name_says() {
        let gap = f64::NAN;
        check("none", [1.0, 2.0, gap, 3.0, 6.0]);
        check("mean_abs", [0.25, 0.5, gap, 0.75, 1.5]);
        // Mean 3, deviation the root of 3.5.
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
        // Median 2.5, deviations 1.5, 0.5, 0.5, 3.5, of which the median is 1.
        check("robust", [-1.5, -0.5, gap, 0.5, 3.5]);
        check(
            "log1p",
            [2.0_f64.ln(), 3.0_f64.ln(), gap, 4.0_f64.ln(), 7.0_f64.ln()],
        );
    }

    #[test]
    fn a_constant_series_is_divided_by_one() {
        for scaling in ["standard", "min_max", "robust"] {
            let scale = scale(scaling, &[0.1; 7]);
            assert_eq!(scale.factor.to_bits(), 1.0_f64.to_bits(), "{scaling}");
            assert!(scale.apply(0.1).abs() < 1e-15, "{scaling}");
        }
    }

    proptest! {
        #[test]
        fn scaling_is_undone_to_the_precision_of_an_f32(
            values in prop::collection::vec(-0.99..1e6_f64, 2..50),
            scaling in prop::sample::select(vec!["none", "mean_abs", "standard", "min_max", "robust", "log1p"]),
        ) {
            let scale = scale(scaling, &values);
            let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            for value in values {
                let back = scale.undo(scale.apply(value));
                prop_assert!((back - value).abs() <= largest * 1e-12, "{scaling} {value} {back}");
            }
        }
    }

    #[test]
    fn values_at_the_ends_of_the_range_have_a_scale() {
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

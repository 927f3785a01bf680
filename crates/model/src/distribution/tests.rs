//! Compares quantiles with closed forms and published values.

use super::*;
use Parameter::{Df, Loc, Logits, Probs, Rate, Scale, TotalCount};

#[track_caller]
fn check(distribution: ParametricDistribution, expected: &[(f64, f64)]) {
    for &(level, expected) in expected {
        let quantile = distribution.quantile(level);
        let is_close = (quantile - expected).abs() <= 1e-9 * expected.abs().max(1.0);
        assert!(
            is_close,
            "{distribution:?} at {level}: {quantile} {expected}"
        );
    }
}

#[test]
fn normal_quantiles() {
    let normal = ParametricDistribution::new(Family::Normal, &[Loc, Scale], &[10.0, 2.0]);
    check(
        normal,
        &[
            (0.5, 10.0),
            (0.1, 10.0 - 2.0 * 1.281_551_565_544_600_4),
            (0.975, 10.0 + 2.0 * 1.959_963_984_540_054),
        ],
    );
}

#[test]
fn laplace_quantiles() {
    let laplace = ParametricDistribution::new(Family::Laplace, &[Scale, Loc], &[2.0, 1.0]);
    // In closed form: the tail of the standard distribution is exp(-x) / 2.
    check(
        laplace,
        &[
            (0.5, 1.0),
            (0.1, 1.0 + 2.0 * 0.2_f64.ln()),
            (0.95, 1.0 - 2.0 * 0.1_f64.ln()),
        ],
    );
}

/// One and two degrees of freedom have closed forms; the other values are tabulated.
#[test]
fn student_t_quantiles() {
    let t =
        |df: f64| ParametricDistribution::new(Family::StudentT, &[Df, Loc, Scale], &[df, 0.0, 1.0]);
    let cauchy = |level: f64| (std::f64::consts::PI * (level - 0.5)).tan();
    let two = |level: f64| {
        let a = 4.0 * level * (1.0 - level);
        2.0 * (level - 0.5) * (2.0 / a).sqrt()
    };
    for level in [0.01, 0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.95, 0.999] {
        check(t(1.0), &[(level, cauchy(level))]);
        check(t(2.0), &[(level, two(level))]);
    }
    check(
        t(5.0),
        &[
            (0.975, 2.570_581_835_636_314),
            (0.1, -1.475_884_048_824_481_5),
        ],
    );
    check(t(30.0), &[(0.95, 1.697_260_886_593_957_3)]);
    // Close to a normal distribution.
    let large = t(1e9).quantile(0.975);
    assert!((large - 1.959_963_984_540_054).abs() < 1e-6, "{large}");
    // A heavy tail, for which Newton's method needs the bracket.
    let heavy = t(0.1).quantile(0.9);
    assert!(heavy.is_finite() && heavy > 100.0, "{heavy}");
}

#[test]
fn quantiles_of_counts_are_the_smallest_that_reach_the_level() {
    // P(X <= 0) = 0.0498, P(X <= 1) = 0.199, P(X <= 2) = 0.423, P(X <= 3) = 0.647 for a mean of 3.
    let poisson = ParametricDistribution::new(Family::Poisson, &[Rate], &[3.0]);
    check(
        poisson,
        &[
            (0.04, 0.0),
            (0.05, 1.0),
            (0.1, 1.0),
            (0.4, 2.0),
            (0.5, 3.0),
            (0.9, 5.0),
        ],
    );
    let large = ParametricDistribution::new(Family::Poisson, &[Rate], &[1e6]);
    check(large, &[(0.5, 1e6)]);
    // Failures of a fair coin before the first success: P(X <= k) = 1 - 2^-(k + 1).
    for (parameters, values) in [
        ([TotalCount, Logits], [1.0, 0.0]),
        ([TotalCount, Probs], [1.0, 0.5]),
    ] {
        let geometric = ParametricDistribution::new(Family::NegativeBinomial, &parameters, &values);
        check(
            geometric,
            &[
                (0.3, 0.0),
                (0.49, 0.0),
                (0.51, 1.0),
                (0.74, 1.0),
                (0.8, 2.0),
                (0.9, 3.0),
            ],
        );
    }
}

#[test]
fn an_invalid_distribution_has_nan_quantiles() {
    for (family, parameters, values) in [
        (Family::Normal, [Loc, Scale], [0.0, -1.0]),
        (Family::Laplace, [Loc, Scale], [f64::NAN, 1.0]),
        (Family::NegativeBinomial, [TotalCount, Logits], [0.0, 1.0]),
    ] {
        let distribution = ParametricDistribution::new(family, &parameters, &values);
        assert!(distribution.quantile(0.5).is_nan(), "{distribution:?}");
    }
}

#[test]
fn empirical_quantiles_match_numpy() {
    let draws = [1.0, 2.0, 4.0, 8.0, 16.0];
    for (level, expected) in [(0.1, 1.4), (0.5, 4.0), (0.9, 12.8), (0.999, 15.968)] {
        let quantile = empirical(&draws, level);
        assert!((quantile - expected).abs() < 1e-12, "{level}: {quantile}");
    }
    assert_eq!(empirical(&[7.0], 0.3).to_bits(), 7.0_f64.to_bits());
    assert!(empirical(&[1.0, f64::NAN], 0.1).is_nan());
    assert!(empirical(&[], 0.1).is_nan());
}

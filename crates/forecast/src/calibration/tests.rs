use proptest::prelude::*;

use super::*;
use crate::{QuantileGrid, QuantileLevel};

const LEVELS: [f64; 5] = [0.05, 0.1, 0.5, 0.9, 0.95];

fn levels() -> QuantileLevels {
    QuantileLevels::with_median(LEVELS.map(|level| QuantileLevel::new(level).unwrap()))
}

/// Returns a forecast with the same quantiles at each of `steps` steps.
fn forecast(quantiles: [f64; 5], steps: usize) -> Forecast {
    let values = quantiles.iter().flat_map(|value| vec![*value; steps]);
    let grid = QuantileGrid::new(levels(), values.collect()).unwrap();
    Forecast::from_grid(&grid, &levels(), None)
}

fn ends(forecast: &Forecast, lower: f64, upper: f64) -> (f64, f64) {
    let quantile_at = |level| {
        forecast
            .quantile(QuantileLevel::new(level).unwrap())
            .unwrap()[0]
    };
    (quantile_at(lower), quantile_at(upper))
}

/// Returns the residuals of one window of one step for each of the `actual` values.
fn residuals(forecast: &Forecast, actual: &[f64]) -> Residuals {
    let mut residuals = Residuals::new(&levels(), 1);
    for value in actual {
        residuals.record(forecast, &[*value], Some(1.0));
    }
    residuals
}

#[test]
fn a_narrow_interval_is_widened_to_the_nominal_coverage() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 1);
    // 99 values are outside by 1 to 99 tenths, and rank 80 of them is 8.0.
    let actual: Vec<_> = (1..=99)
        .map(|tenths| 1.0 + f64::from(tenths) / 10.0)
        .collect();
    let calibrated = residuals(&narrow, &actual).fit().apply(&narrow, Some(1.0));
    let (low, high) = ends(&calibrated, 0.1, 0.9);
    assert!(
        (low + 9.0).abs() < 1e-9 && (high - 9.0).abs() < 1e-9,
        "{low} {high}"
    );
    // In units ten times larger, the adjustment is ten times larger.
    let calibrated = residuals(&narrow, &actual).fit().apply(&narrow, Some(10.0));
    assert!((ends(&calibrated, 0.1, 0.9).1 - 81.0).abs() < 1e-9);
}

#[test]
fn a_wide_interval_is_narrowed_to_the_median_at_most() {
    let wide = forecast([-200.0, -100.0, 0.0, 100.0, 200.0], 1);
    let calibrated = residuals(&wide, &[0.0; 100]).fit().apply(&wide, Some(1.0));
    assert_eq!(ends(&calibrated, 0.1, 0.9), (0.0, 0.0));
    assert_eq!(calibrated.point(), [0.0]);
}

#[test]
fn ends_that_would_overflow_are_kept() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 1);
    let learned = residuals(&narrow, &[90.0; 100]).fit();
    for (largest, scale) in [(1e308, 1e308), (1e300, f64::MAX), (f64::MAX, f64::MAX)] {
        let wide = forecast([-largest, -largest, 0.0, largest, largest], 1);
        let (low, high) = ends(&learned.apply(&wide, Some(scale)), 0.1, 0.9);
        assert_eq!((low, high), (-largest, largest));
    }
}

#[test]
fn too_few_residuals_extend_to_the_largest_and_never_narrow() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 1);
    let (low, high) = ends(
        &residuals(&narrow, &[0.0, 3.0])
            .fit()
            .apply(&narrow, Some(1.0)),
        0.1,
        0.9,
    );
    assert_eq!((low, high), (-3.0, 3.0));
    let is_unchanged = |forecast: &Forecast| ends(forecast, 0.1, 0.9) == ends(&narrow, 0.1, 0.9);
    let few = residuals(&narrow, &[0.0]).fit().apply(&narrow, Some(1.0));
    assert!(is_unchanged(&few));
    let expected = Warning::CalibratedOnFew {
        percent: 80.0,
        values: 1,
        needed: 4,
    };
    assert_eq!(few.warnings, [expected]);
    let none = residuals(&narrow, &[f64::NAN]);
    assert!(none.is_empty());
    let none = none.fit().apply(&narrow, Some(1.0));
    assert!(is_unchanged(&none));
    assert_eq!(none.warnings, [Warning::NotCalibrated]);
    // The forecast of a series without a scale is kept.
    let constant = residuals(&narrow, &[9.0; 50]).fit().apply(&narrow, None);
    assert!(is_unchanged(&constant));
    assert_eq!(constant.warnings, [Warning::NotCalibrated]);
}

#[test]
fn steps_with_enough_residuals_are_calibrated_on_their_own() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 2);
    let mut residuals = Residuals::new(&levels(), 2);
    for _ in 0..40 {
        residuals.record(&narrow, &[2.0, 6.0], Some(1.0));
    }
    let calibrated = residuals.fit().apply(&narrow, Some(1.0));
    let upper = calibrated
        .quantile(QuantileLevel::new(0.9).unwrap())
        .unwrap();
    assert_eq!(upper, [2.0, 6.0]);
}

/// Returns exchangeable numbers from a linear congruential generator.
fn random_values(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The upper bits are the random ones. Cubed, for heavier tails.
        let uniform = f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX);
        (uniform * 4.0).powi(3) - 20.0
    };
    std::iter::repeat_with(draw).take(count).collect()
}

#[test]
fn exchangeable_values_have_the_nominal_coverage() {
    // Many small calibrations test the finite-sample correction; without it the coverage would be about
    // three points lower. 400 trials of 50 values have a standard error below one point.
    let poor = forecast([-1.0, -0.5, 0.0, 0.5, 1.0], 1);
    for (count, lower, upper) in [(20, 0.1, 0.9), (40, 0.05, 0.95), (30, 0.1, 0.9)] {
        let (mut covered, mut scored) = (0_u32, 0_u32);
        for trial in 0..400 {
            let values = random_values(trial * 7_919 + 1, count + 50);
            let (past, future) = values.split_at(count);
            let calibrated = residuals(&poor, past).fit().apply(&poor, Some(1.0));
            let (low, high) = ends(&calibrated, lower, upper);
            for value in future {
                covered += u32::from(low <= *value && *value <= high);
                scored += 1;
            }
        }
        let coverage = f64::from(covered) / f64::from(scored);
        let nominal = upper - lower;
        assert!(
            coverage >= nominal - 0.015,
            "{count}: {coverage} of {nominal}"
        );
        assert!(
            coverage <= nominal + 1.0 / count as f64 + 0.015,
            "{count}: {coverage}"
        );
    }
}

proptest! {
    #[test]
    fn the_calibration_values_themselves_are_covered(
        actual in prop::collection::vec(-1e3..1e3, 20..200),
        mut quantiles in prop::array::uniform5(-1e3..1e3),
    ) {
        quantiles.sort_by(f64::total_cmp);
        let given = forecast(quantiles, 1);
        let calibrated = residuals(&given, &actual).fit().apply(&given, Some(1.0));
        let (low, high) = ends(&calibrated, 0.1, 0.9);
        // Rounding of the ends may exclude values that lie on them.
        let covered = actual.iter().filter(|value| low - 1e-9 <= **value && **value <= high + 1e-9);
        prop_assert!(covered.count() * 10 >= actual.len() * 8);
    }

    #[test]
    fn quantiles_stay_sorted_and_the_median_is_kept(
        actual in prop::collection::vec(-1e3..1e3, 0..60),
        mut quantiles in prop::array::uniform5(-1e3..1e3),
        scale in 1e-3..1e3,
    ) {
        quantiles.sort_by(f64::total_cmp);
        let given = forecast(quantiles, 1);
        let calibrated = residuals(&given, &actual).fit().apply(&given, Some(scale));
        let column: Vec<_> = LEVELS.iter().map(|level| ends(&calibrated, *level, *level).0).collect();
        prop_assert!(column.is_sorted());
        prop_assert_eq!(calibrated.point(), given.point());
    }
}

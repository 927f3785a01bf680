use proptest::prelude::*;

use super::*;
use crate::{QuantileGrid, QuantileLevel};

const LEVELS: [f64; 5] = [0.05, 0.1, 0.5, 0.9, 0.95];

fn levels() -> QuantileLevels {
    QuantileLevels::with_median(LEVELS.map(|level| QuantileLevel::new(level).unwrap()))
}

/// The same quantiles at each of `steps` steps.
fn forecast(quantiles: [f64; 5], steps: usize) -> Forecast {
    let values = quantiles.iter().flat_map(|value| vec![*value; steps]);
    let grid = QuantileGrid::new(levels(), values.collect()).unwrap();
    Forecast::from_grid(&grid, &levels(), None)
}

fn ends(forecast: &Forecast, lower: f64, upper: f64) -> (f64, f64) {
    let at = |level| {
        forecast
            .quantile(QuantileLevel::new(level).unwrap())
            .unwrap()[0]
    };
    (at(lower), at(upper))
}

/// Residuals of as many windows as there are `actual` values, one step each.
fn residuals(forecast: &Forecast, actual: &[f64]) -> Residuals {
    let mut residuals = Residuals::new(&levels(), 1);
    for value in actual {
        residuals.record(forecast, &[*value], Some(1.0));
    }
    residuals
}

#[test]
fn an_interval_that_is_too_narrow_becomes_as_wide_as_it_must() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 1);
    // 99 values outside by 1 to 99 tenths: place 80 of them is 8.0.
    let actual: Vec<_> = (1..=99)
        .map(|tenths| 1.0 + f64::from(tenths) / 10.0)
        .collect();
    let calibrated = residuals(&narrow, &actual).fit().apply(&narrow, Some(1.0));
    let (low, high) = ends(&calibrated, 0.1, 0.9);
    assert!(
        (low + 9.0).abs() < 1e-9 && (high - 9.0).abs() < 1e-9,
        "{low} {high}"
    );
    // In other units, by as much more.
    let calibrated = residuals(&narrow, &actual).fit().apply(&narrow, Some(10.0));
    assert!((ends(&calibrated, 0.1, 0.9).1 - 81.0).abs() < 1e-9);
}

#[test]
fn an_interval_that_is_too_wide_narrows_down_to_the_median_at_most() {
    let wide = forecast([-200.0, -100.0, 0.0, 100.0, 200.0], 1);
    let calibrated = residuals(&wide, &[0.0; 100]).fit().apply(&wide, Some(1.0));
    assert_eq!(ends(&calibrated, 0.1, 0.9), (0.0, 0.0));
    assert_eq!(calibrated.point(), [0.0]);
}

#[test]
fn ends_beyond_the_range_of_numbers_stay_where_they_are() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 1);
    let learned = residuals(&narrow, &[90.0; 100]).fit();
    for (largest, scale) in [(1e308, 1e308), (1e300, f64::MAX), (f64::MAX, f64::MAX)] {
        let wide = forecast([-largest, -largest, 0.0, largest, largest], 1);
        let (low, high) = ends(&learned.apply(&wide, Some(scale)), 0.1, 0.9);
        assert_eq!((low, high), (-largest, largest));
    }
}

#[test]
fn too_few_residuals_reach_as_far_as_was_seen_and_never_narrow() {
    let narrow = forecast([-2.0, -1.0, 0.0, 1.0, 2.0], 1);
    let (low, high) = ends(
        &residuals(&narrow, &[0.0, 3.0])
            .fit()
            .apply(&narrow, Some(1.0)),
        0.1,
        0.9,
    );
    assert_eq!((low, high), (-3.0, 3.0));
    let same = |one: &Forecast| ends(one, 0.1, 0.9) == ends(&narrow, 0.1, 0.9);
    let few = residuals(&narrow, &[0.0]).fit().apply(&narrow, Some(1.0));
    assert!(same(&few));
    let expected = Warning::CalibratedOnFew {
        percent: 80.0,
        values: 1,
        needed: 4,
    };
    assert_eq!(few.warnings, [expected]);
    let none = residuals(&narrow, &[f64::NAN]);
    assert!(none.is_empty());
    let none = none.fit().apply(&narrow, Some(1.0));
    assert!(same(&none));
    assert_eq!(none.warnings, [Warning::NotCalibrated]);
    // A series without a scale stays as it is.
    let constant = residuals(&narrow, &[9.0; 50]).fit().apply(&narrow, None);
    assert!(same(&constant));
    assert_eq!(constant.warnings, [Warning::NotCalibrated]);
}

#[test]
fn steps_with_enough_residuals_have_their_own_width() {
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

/// Exchangeable numbers: a permutation that a congruential generator makes of the seed.
fn shuffled(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed;
    let draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The upper bits are the random ones. Squared, for tails on one side.
        let uniform = f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX);
        (uniform * 4.0).powi(3) - 20.0
    };
    std::iter::repeat_with(draw).take(count).collect()
}

#[test]
fn covers_what_it_promises_of_exchangeable_values() {
    // Many small calibrations: the finite-sample correction shows, without it coverage would be some
    // three points less. 400 trials of 50 values have a standard error of under one point.
    let poor = forecast([-1.0, -0.5, 0.0, 0.5, 1.0], 1);
    for (count, lower, upper) in [(20, 0.1, 0.9), (40, 0.05, 0.95), (30, 0.1, 0.9)] {
        let (mut covered, mut scored) = (0_u32, 0_u32);
        for trial in 0..400 {
            let values = shuffled(trial * 7_919 + 1, count + 50);
            let (past, future) = values.split_at(count);
            let calibrated = residuals(&poor, past).fit().apply(&poor, Some(1.0));
            let (low, high) = ends(&calibrated, lower, upper);
            for value in future {
                covered += u32::from(low <= *value && *value <= high);
                scored += 1;
            }
        }
        let coverage = f64::from(covered) / f64::from(scored);
        let promised = upper - lower;
        assert!(
            coverage >= promised - 0.015,
            "{count}: {coverage} of {promised}"
        );
        assert!(
            coverage <= promised + 1.0 / count as f64 + 0.015,
            "{count}: {coverage}"
        );
    }
}

proptest! {
    #[test]
    fn the_past_itself_is_covered(
        actual in prop::collection::vec(-1e3..1e3, 20..200),
        mut quantiles in prop::array::uniform5(-1e3..1e3),
    ) {
        quantiles.sort_by(f64::total_cmp);
        let given = forecast(quantiles, 1);
        let calibrated = residuals(&given, &actual).fit().apply(&given, Some(1.0));
        let (low, high) = ends(&calibrated, 0.1, 0.9);
        // Rounding of the ends may lose what lies on them.
        let covered = actual.iter().filter(|value| low - 1e-9 <= **value && **value <= high + 1e-9);
        prop_assert!(covered.count() * 10 >= actual.len() * 8);
    }

    #[test]
    fn quantiles_stay_in_order_and_the_median_stays(
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

use proptest::prelude::*;

use super::*;
use crate::QuantileGrid;

fn level(value: f64) -> QuantileLevel {
    QuantileLevel::new(value).unwrap()
}

/// Returns a forecast of `point` at every step, with the levels 0.1 and 0.9 at a distance of `width`.
fn flat(point: f64, width: f64, steps: usize) -> Forecast {
    let levels = QuantileLevels::with_median([level(0.1), level(0.9)]);
    let rows = [point - width, point, point + width];
    let values = rows.iter().flat_map(|value| vec![*value; steps]).collect();
    let grid = QuantileGrid::new(levels.clone(), values).unwrap();
    Forecast::from_grid(&grid, &levels, None)
}

fn measures() -> Measures {
    Measures {
        quantiles: vec![level(0.1), level(0.5), level(0.9)],
        levels: vec![CentralLevel::new(80.0).unwrap()],
    }
}

fn accumulate(forecast: &Forecast, actual: &[f64], scale: Option<f64>) -> ScoreAccumulator {
    let mut sum = ScoreAccumulator::default();
    for (step, actual) in actual.iter().enumerate() {
        let errors = ScoreAccumulator::from_step(&measures(), forecast, step, *actual, scale);
        sum.add(&errors);
    }
    sum
}

#[test]
fn scores_match_a_worked_example() {
    // Errors 1, 0 and 3 around 10; the third value is outside of 8..12. By hand:
    // sMAPE (200*1/21 + 0 + 200*3/23) / 3; pinball at 0.1: 0.3, 0.2, 0.5; at 0.5: 0.5, 0, 1.5; at
    // 0.9: 0.1, 0.2, 0.9; WQL 2 * (4.2 / 3) / 34.
    let scores = accumulate(&flat(10.0, 2.0, 3), &[11.0, 10.0, 13.0], Some(2.0)).scores();
    let is_close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-12;
    assert!(is_close(scores.mase, 4.0 / 6.0), "{scores:?}");
    assert!(
        is_close(scores.smape, (200.0 / 21.0 + 600.0 / 23.0) / 3.0),
        "{scores:?}"
    );
    assert!(is_close(scores.wql, 2.0 * (4.2 / 3.0) / 34.0), "{scores:?}");
    assert!(is_close(scores.coverage[0], 2.0 / 3.0), "{scores:?}");
}

#[test]
fn missing_values_are_not_scored() {
    let forecast = flat(10.0, 2.0, 4);
    let gaps = accumulate(&forecast, &[11.0, f64::NAN, f64::NAN, 13.0], Some(1.0));
    let mut without = accumulate(&forecast, &[11.0], Some(1.0));
    without.add(&accumulate(&forecast, &[13.0], Some(1.0)));
    assert_eq!(gaps, without);
    assert_eq!(
        accumulate(&forecast, &[f64::NAN], Some(1.0)).scores(),
        Scores::default()
    );
}

#[test]
fn the_ends_of_an_interval_are_covered() {
    let scores = accumulate(&flat(10.0, 2.0, 2), &[8.0, 12.0], None).scores();
    assert_eq!((scores.coverage[0], scores.mase), (Some(1.0), None));
}

#[test]
fn a_zero_forecast_of_zeros_has_no_error() {
    let scores = accumulate(&flat(0.0, 0.0, 2), &[0.0, 0.0], Some(1.0)).scores();
    assert_eq!(
        (scores.smape, scores.mase, scores.wql),
        (Some(0.0), Some(0.0), None)
    );
}

#[test]
fn scale_compares_values_one_season_apart() {
    let missing = f64::NAN;
    assert_eq!(scale(&[1.0, 5.0, 2.0, 9.0], 2), Some(2.5));
    assert_eq!(scale(&[1.0, missing, 2.0, 9.0], 2), Some(1.0));
    // Shorter than a season, so values one step apart are compared.
    assert_eq!(scale(&[1.0, 5.0, 2.0], 12), Some(3.5));
    assert_eq!(scale(&[3.0, 4.0, 3.0, 4.0], 2), None);
    assert_eq!(scale(&[1.0], 1), None);
    assert_eq!(scale(&[missing, 1.0, missing], 1), None);
}

#[test]
fn mean_ratio_limits_the_weight_of_one_series() {
    assert_eq!(mean_ratio([]), None);
    let bounded = mean_ratio([0.0, 100.0]).unwrap();
    assert!((bounded - 1.0).abs() < 1e-12, "{bounded}");
    assert_eq!(
        vec![
            loss_ratio(0.0, 0.0),
            loss_ratio(1.0, 0.0),
            loss_ratio(1.0, 2.0)
        ],
        [1.0, 100.0, 0.5]
    );
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e6..1e6, 3..40)
}

proptest! {
    #[test]
    fn scaled_errors_do_not_depend_on_units(
        history in values(),
        actual in -1e6..1e6,
        point in -1e6..1e6,
        unit in 1e-3..1e3,
    ) {
        let error = |unit: f64| {
            let history: Vec<_> = history.iter().map(|value| value * unit).collect();
            let forecast = flat(point * unit, unit, 1);
            accumulate(&forecast, &[actual * unit], scale(&history, 1)).scores()
        };
        let (one, other) = (error(1.0), error(unit));
        let (mase, scaled) = (one.mase.unwrap(), other.mase.unwrap());
        prop_assert!((mase - scaled).abs() <= 1e-9 * mase.max(1e-3), "{mase} {scaled}");
        let (smape, scaled) = (one.smape.unwrap(), other.smape.unwrap());
        prop_assert!((smape - scaled).abs() <= 1e-6, "{smape} {scaled}");
    }

    #[test]
    fn percentage_errors_are_between_0_and_200(actual in -1e300..1e300, point in -1e300..1e300) {
        let error = symmetric_percentage_error(actual, point);
        prop_assert!((0.0..=200.000_001).contains(&error), "{error}");
        let mirrored = symmetric_percentage_error(point, actual);
        prop_assert!((error - mirrored).abs() < 1e-9, "{error} {mirrored}");
    }

    #[test]
    fn quantile_loss_is_minimal_at_the_quantile(sample in values(), tenth in 1..10_u32) {
        let level = level(f64::from(tenth) / 10.0);
        let loss = |quantile: f64| -> f64 {
            sample.iter().map(|actual| pinball_loss(*actual, quantile, level)).sum()
        };
        let mut sorted = sample.clone();
        sorted.sort_by(f64::total_cmp);
        let min = sorted.iter().map(|value| loss(*value)).fold(f64::INFINITY, f64::min);
        // The position of the quantile by its definition.
        let position = (sample.len() * tenth as usize).div_ceil(10) - 1;
        prop_assert!(loss(sorted[position]) <= min * (1.0 + 1e-9) + 1e-9);
    }

    #[test]
    fn coverage_grows_with_the_interval(actual in values(), width in 0.0..1e6, extra in 0.0..1e6) {
        let covered = |width| accumulate(&flat(0.0, width, actual.len()), &actual, None).scores().coverage[0];
        prop_assert!(covered(width) <= covered(width + extra));
    }

    #[test]
    fn accumulators_add_up_in_any_order(actual in values(), split in 0..40_usize) {
        let forecast = flat(1.0, 2.0, actual.len());
        let whole = accumulate(&forecast, &actual, Some(3.0));
        let (first, second) = actual.split_at(split.min(actual.len()));
        let mut sum = accumulate(&forecast, second, Some(3.0));
        sum.add(&accumulate(&forecast, first, Some(3.0)));
        let (sum, whole) = (sum.scores(), whole.scores());
        prop_assert_eq!(sum.steps, whole.steps);
        prop_assert_eq!(&sum.coverage, &whole.coverage);
        let (left, right) = (sum.mase.unwrap(), whole.mase.unwrap());
        prop_assert!((left - right).abs() <= 1e-9 * right.max(1.0));
    }
}

use proptest::prelude::*;

use super::*;
use crate::QuantileGrid;

fn level(value: f64) -> QuantileLevel {
    QuantileLevel::new(value).unwrap()
}

/// A forecast of `point` at every step, `width` wide on both sides from 0.1 to 0.9.
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

fn tally(forecast: &Forecast, actual: &[f64], scale: Option<f64>) -> Tally {
    let mut sum = Tally::default();
    for step in actual.iter().copied().enumerate() {
        sum.add(&Tally::of_step(&measures(), forecast, step, scale));
    }
    sum
}

#[test]
fn a_worked_example() {
    // Errors 1, 0, 3 around 10; the third lies outside of 8..12. By hand:
    // sMAPE (200*1/21 + 0 + 200*3/23) / 3; pinball at 0.1: 0.3, 0.2, 0.5; at 0.5: 0.5, 0, 1.5; at
    // 0.9: 0.1, 0.2, 0.9; WQL 2 * (4.2 / 3) / 34.
    let scores = tally(&flat(10.0, 2.0, 3), &[11.0, 10.0, 13.0], Some(2.0)).scores();
    let near = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-12;
    assert!(near(scores.mase, 4.0 / 6.0), "{scores:?}");
    assert!(
        near(scores.smape, (200.0 / 21.0 + 600.0 / 23.0) / 3.0),
        "{scores:?}"
    );
    assert!(near(scores.wql, 2.0 * (4.2 / 3.0) / 34.0), "{scores:?}");
    assert!(near(scores.coverage[0], 2.0 / 3.0), "{scores:?}");
}

#[test]
fn what_was_not_observed_counts_nowhere() {
    let forecast = flat(10.0, 2.0, 4);
    let gaps = tally(&forecast, &[11.0, f64::NAN, f64::NAN, 13.0], Some(1.0));
    let mut without = tally(&forecast, &[11.0], Some(1.0));
    without.add(&tally(&forecast, &[13.0], Some(1.0)));
    assert_eq!(gaps, without);
    assert_eq!(
        tally(&forecast, &[f64::NAN], Some(1.0)).scores(),
        Scores::default()
    );
}

#[test]
fn the_ends_belong_to_the_interval() {
    let scores = tally(&flat(10.0, 2.0, 2), &[8.0, 12.0], None).scores();
    assert_eq!((scores.coverage[0], scores.mase), (Some(1.0), None));
}

#[test]
fn zero_of_zero_is_no_error() {
    let scores = tally(&flat(0.0, 0.0, 2), &[0.0, 0.0], Some(1.0)).scores();
    assert_eq!(
        (scores.smape, scores.mase, scores.wql),
        (Some(0.0), Some(0.0), None)
    );
}

#[test]
fn the_scale_is_of_values_a_season_apart() {
    let missing = f64::NAN;
    assert_eq!(scale(&[1.0, 5.0, 2.0, 9.0], 2), Some(2.5));
    assert_eq!(scale(&[1.0, missing, 2.0, 9.0], 2), Some(1.0));
    // Shorter than a season: one step apart.
    assert_eq!(scale(&[1.0, 5.0, 2.0], 12), Some(3.5));
    assert_eq!(scale(&[3.0, 4.0, 3.0, 4.0], 2), None);
    assert_eq!(scale(&[1.0], 1), None);
    assert_eq!(scale(&[missing, 1.0, missing], 1), None);
}

#[test]
fn one_series_does_not_decide_a_mean_ratio() {
    assert_eq!(mean_ratio([]), None);
    let bounded = mean_ratio([0.0, 100.0]).unwrap();
    assert!((bounded - 1.0).abs() < 1e-12, "{bounded}");
    assert_eq!(
        vec![ratio(0.0, 0.0), ratio(1.0, 0.0), ratio(1.0, 2.0)],
        [1.0, 100.0, 0.5]
    );
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e6..1e6, 3..40)
}

proptest! {
    #[test]
    fn scaled_errors_do_not_depend_on_the_units(
        history in values(),
        actual in -1e6..1e6,
        point in -1e6..1e6,
        unit in 1e-3..1e3,
    ) {
        let error = |unit: f64| {
            let history: Vec<_> = history.iter().map(|value| value * unit).collect();
            let forecast = flat(point * unit, unit, 1);
            tally(&forecast, &[actual * unit], scale(&history, 1)).scores()
        };
        let (one, other) = (error(1.0), error(unit));
        let (mase, scaled) = (one.mase.unwrap(), other.mase.unwrap());
        prop_assert!((mase - scaled).abs() <= 1e-9 * mase.max(1e-3), "{mase} {scaled}");
        let (smape, scaled) = (one.smape.unwrap(), other.smape.unwrap());
        prop_assert!((smape - scaled).abs() <= 1e-6, "{smape} {scaled}");
    }

    #[test]
    fn percentages_lie_between_0_and_200(actual in -1e300..1e300, point in -1e300..1e300) {
        let error = symmetric_percentage(actual, point);
        prop_assert!((0.0..=200.000_001).contains(&error), "{error}");
        let mirrored = symmetric_percentage(point, actual);
        prop_assert!((error - mirrored).abs() < 1e-9, "{error} {mirrored}");
    }

    #[test]
    fn the_quantile_loss_is_least_at_the_quantile(sample in values(), tenth in 1..10_u32) {
        let level = level(f64::from(tenth) / 10.0);
        let loss = |quantile: f64| -> f64 {
            sample.iter().map(|actual| pinball(*actual, quantile, level)).sum()
        };
        let mut sorted = sample.clone();
        sorted.sort_by(f64::total_cmp);
        let least = sorted.iter().map(|value| loss(*value)).fold(f64::INFINITY, f64::min);
        // Ten divide evenly: the position that the definition of a quantile names.
        let position = (sample.len() * tenth as usize).div_ceil(10) - 1;
        prop_assert!(loss(sorted[position]) <= least * (1.0 + 1e-9) + 1e-9);
    }

    #[test]
    fn coverage_grows_with_the_interval(actual in values(), width in 0.0..1e6, more in 0.0..1e6) {
        let covered = |width| tally(&flat(0.0, width, actual.len()), &actual, None).scores().coverage[0];
        prop_assert!(covered(width) <= covered(width + more));
    }

    #[test]
    fn tallies_add_up_in_any_order(actual in values(), split in 0..40_usize) {
        let forecast = flat(1.0, 2.0, actual.len());
        let whole = tally(&forecast, &actual, Some(3.0));
        let (first, second) = actual.split_at(split.min(actual.len()));
        let mut sum = tally(&forecast, second, Some(3.0));
        sum.add(&tally(&forecast, first, Some(3.0)));
        let (sum, whole) = (sum.scores(), whole.scores());
        prop_assert_eq!(sum.steps, whole.steps);
        prop_assert_eq!(&sum.coverage, &whole.coverage);
        let (left, right) = (sum.mase.unwrap(), whole.mase.unwrap());
        prop_assert!((left - right).abs() <= 1e-9 * right.max(1.0));
    }
}

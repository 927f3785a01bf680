use proptest::prelude::*;

use super::*;
use crate::{Horizon, QuantileLevels, SeasonChoice, Series};

fn request(values: &[f64], season_length: usize, steps: u64) -> ForecastRequest {
    let series = Series::new(values.to_vec(), None, usize::MAX).unwrap();
    let levels = [0.1, 0.9].map(|level| QuantileLevel::new(level).unwrap());
    ForecastRequest::new(
        series,
        Horizon::new(steps, 1_000).unwrap(),
        QuantileLevels::with_median(levels),
        SeasonChoice::Given(season_length),
    )
}

/// Returns the points, and the standard deviations derived from the upper end of the 80 % interval.
fn forecast(baseline: Baseline, values: &[f64], season_length: usize) -> (Vec<f64>, Vec<f64>) {
    let forecast = baseline
        .forecast(&request(values, season_length, 4))
        .unwrap();
    let upper = forecast.quantile(QuantileLevel::new(0.9).unwrap()).unwrap();
    let deviations = upper
        .iter()
        .zip(forecast.point())
        .map(|(upper, point)| (upper - point) / 1.281_551_565_544_6)
        .collect();
    (forecast.point().to_vec(), deviations)
}

#[track_caller]
fn check(actual: &(Vec<f64>, Vec<f64>), points: [f64; 4], deviations: [f64; 4]) {
    let is_close = |actual: &[f64], expected: [f64; 4]| {
        actual
            .iter()
            .zip(expected)
            .all(|(actual, expected)| (actual - expected).abs() < 1e-5)
    };
    assert!(
        is_close(&actual.0, points) && is_close(&actual.1, deviations),
        "{actual:?}"
    );
}

#[test]
fn forecasts_match_worked_examples() {
    // Differences 2, -1, 3: naive deviation sqrt(14 / 3).
    let values = [1.0, 3.0, 2.0, 5.0];
    let sigma = (14.0_f64 / 3.0).sqrt();
    let grown = [1.0, 2.0, 3.0, 4.0].map(|ahead: f64| sigma * ahead.sqrt());
    check(&forecast(Baseline::Naive, &values, 1), [5.0; 4], grown);
    // Differences at lag 2: 1, 2. The first two steps are one season ahead, the next two are two.
    let sigma = 2.5_f64.sqrt();
    let grown = [1.0, 1.0, 2.0, 2.0].map(|seasons: f64| sigma * seasons.sqrt());
    check(
        &forecast(Baseline::SeasonalNaive, &values, 2),
        [2.0, 5.0, 2.0, 5.0],
        grown,
    );
    // The slope is 4/3, so the residuals are 2/3, -7/3 and 5/3; with one parameter: sqrt(78 / 9 / 2).
    let sigma = (78.0_f64 / 18.0).sqrt();
    let grown = [1.0, 2.0, 3.0, 4.0].map(|ahead: f64| sigma * (ahead * (1.0 + ahead / 3.0)).sqrt());
    let line = [1.0, 2.0, 3.0, 4.0].map(|ahead| 5.0 + ahead * 4.0 / 3.0);
    check(&forecast(Baseline::Drift, &values, 1), line, grown);
    // The mean is 11/4, the sum of squares around it 8.75, with one parameter.
    let sigma = (8.75_f64 / 3.0).sqrt() * 1.25_f64.sqrt();
    check(&forecast(Baseline::Mean, &values, 1), [2.75; 4], [sigma; 4]);
}

#[test]
fn missing_values_are_skipped_and_a_missing_tail_is_forecast() {
    let gap = f64::NAN;
    let (points, _) = forecast(Baseline::SeasonalNaive, &[1.0, 2.0, 3.0, gap], 2);
    assert_eq!(points, [3.0, 2.0, 3.0, 2.0]);
    let (points, _) = forecast(Baseline::Drift, &[1.0, 2.0, 3.0, gap], 1);
    assert_eq!(points, [5.0, 6.0, 7.0, 8.0]);
    let (points, _) = forecast(Baseline::Mean, &[1.0, gap, 5.0], 1);
    assert_eq!(points, [3.0; 4]);
    let (points, deviations) = forecast(Baseline::SeasonalNaive, &[gap, 7.0], 12);
    assert_eq!((points, deviations), (vec![7.0; 4], vec![0.0; 4]));
}

proptest! {
    #[test]
    fn every_baseline_forecasts_every_series(
        values in prop::collection::vec(prop_oneof![3 => -1e9..1e9, 1 => Just(f64::NAN)], 1..40),
        season_length in 1..20_usize,
        steps in 1..30_u64,
    ) {
        prop_assume!(values.iter().any(|value: &f64| !value.is_nan()));
        let request = request(&values, season_length, steps);
        for baseline in Baseline::ALL {
            let forecast = baseline.forecast(&request).unwrap();
            prop_assert_eq!(forecast.steps() as u64, steps);
        }
    }

    #[test]
    fn doubling_the_values_doubles_the_forecast(
        values in prop::collection::vec(-1e6..1e6, 2..40),
        season_length in 1..20_usize,
    ) {
        let doubled: Vec<_> = values.iter().map(|value| value * 2.0).collect();
        for baseline in Baseline::ALL {
            let forecast = |values: &[f64]| baseline.forecast(&request(values, season_length, 9)).unwrap();
            let (single, double) = (forecast(&values), forecast(&doubled));
            for level in single.levels().as_slice() {
                let pairs = single.quantile(*level).unwrap().iter().zip(double.quantile(*level).unwrap());
                for (single, double) in pairs {
                    prop_assert!((2.0 * single - double).abs() <= 1e-9 * double.abs().max(1.0));
                }
            }
        }
    }
}

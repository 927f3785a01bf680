use proptest::prelude::*;

use super::*;
use crate::{Horizon, QuantileLevel, QuantileLevels, SeasonChoice, Series};

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

/// The points, and the half width of the interval of 80 % in standard deviations.
fn forecast(baseline: Baseline, values: &[f64], season_length: usize) -> (Vec<f64>, Vec<f64>) {
    let forecast = baseline
        .forecast(&request(values, season_length, 4))
        .unwrap();
    let upper = forecast.quantile(QuantileLevel::new(0.9).unwrap()).unwrap();
    let widths = upper.iter().zip(forecast.point());
    let widths = widths.map(|(upper, point)| (upper - point) / 1.281_551_565_544_6);
    (forecast.point().to_vec(), widths.collect())
}

#[track_caller]
fn check(found: &(Vec<f64>, Vec<f64>), points: [f64; 4], spreads: [f64; 4]) {
    let near = |found: &[f64], expected: [f64; 4]| {
        let pairs = found.iter().zip(expected);
        pairs
            .into_iter()
            .all(|(one, other)| (one - other).abs() < 1e-5)
    };
    assert!(
        near(&found.0, points) && near(&found.1, spreads),
        "{found:?}"
    );
}

#[test]
fn worked_examples() {
    // Differences 2, -1, 3: naive deviation sqrt(14 / 3).
    let values = [1.0, 3.0, 2.0, 5.0];
    let sigma = (14.0_f64 / 3.0).sqrt();
    let grown = [1.0, 2.0, 3.0, 4.0].map(|ahead: f64| sigma * ahead.sqrt());
    check(&forecast(Baseline::Naive, &values, 1), [5.0; 4], grown);
    // Two apart: 1, 2. One season for two steps, two for the next two.
    let sigma = 2.5_f64.sqrt();
    let grown = [1.0, 1.0, 2.0, 2.0].map(|seasons: f64| sigma * seasons.sqrt());
    check(
        &forecast(Baseline::SeasonalNaive, &values, 2),
        [2.0, 5.0, 2.0, 5.0],
        grown,
    );
    // The slope is 4 / 3, so residuals 2/3, -7/3, 5/3, one parameter: sqrt(78 / 9 / 2).
    let sigma = (78.0_f64 / 18.0).sqrt();
    let grown = [1.0, 2.0, 3.0, 4.0].map(|ahead: f64| sigma * (ahead * (1.0 + ahead / 3.0)).sqrt());
    let line = [1.0, 2.0, 3.0, 4.0].map(|ahead| 5.0 + ahead * 4.0 / 3.0);
    check(&forecast(Baseline::Drift, &values, 1), line, grown);
    // Mean 11/4, squares around it 8.75, one parameter.
    let sigma = (8.75_f64 / 3.0).sqrt() * 1.25_f64.sqrt();
    check(&forecast(Baseline::Mean, &values, 1), [2.75; 4], [sigma; 4]);
}

#[test]
fn missing_values_are_passed_over_and_a_missing_tail_is_forecast_over() {
    let gap = f64::NAN;
    let (points, _) = forecast(Baseline::SeasonalNaive, &[1.0, 2.0, 3.0, gap], 2);
    assert_eq!(points, [3.0, 2.0, 3.0, 2.0]);
    let (points, _) = forecast(Baseline::Drift, &[1.0, 2.0, 3.0, gap], 1);
    assert_eq!(points, [5.0, 6.0, 7.0, 8.0]);
    let (points, _) = forecast(Baseline::Mean, &[1.0, gap, 5.0], 1);
    assert_eq!(points, [3.0; 4]);
    let (points, spreads) = forecast(Baseline::SeasonalNaive, &[gap, 7.0], 12);
    assert_eq!((points, spreads), (vec![7.0; 4], vec![0.0; 4]));
}

proptest! {
    #[test]
    fn every_baseline_answers_every_series(
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
        let twice: Vec<_> = values.iter().map(|value| value * 2.0).collect();
        for baseline in Baseline::ALL {
            let forecast = |values: &[f64]| baseline.forecast(&request(values, season_length, 9)).unwrap();
            let (one, two) = (forecast(&values), forecast(&twice));
            for level in one.levels().as_slice() {
                let pairs = one.quantile(*level).unwrap().iter().zip(two.quantile(*level).unwrap());
                for (one, two) in pairs {
                    prop_assert!((2.0 * one - two).abs() <= 1e-9 * two.abs().max(1.0));
                }
            }
        }
    }
}

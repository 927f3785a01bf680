//! The bundled models: an answer does not depend on the other rows of its batch.

use almanac_engine::SeriesOutcome;
use almanac_forecast::{
    Forecast, ForecastRequest, Horizon, QuantileLevel, QuantileLevels, SeasonChoice, Series,
};
use proptest::prelude::*;

use super::distant_deadline;
use crate::support::TestApp;

/// The parameters of a random request.
#[derive(Clone, Debug)]
struct RandomRequest {
    values: Vec<f64>,
    season_length: usize,
    horizon: u64,
    levels: Vec<f64>,
}

prop_compose! {
    fn random_values()(
        values in prop::collection::vec(
            prop_oneof![8 => -1e3..1e3, 1 => Just(f64::NAN), 1 => Just(0.0)],
            1..700,
        ),
        level in -5e3..5e3,
        exponent in -6_i32..9,
    ) -> Vec<f64> {
        let mut values: Vec<f64> = values
            .into_iter()
            .map(|value| (value + level) * 10_f64.powi(exponent))
            .collect();
        // A series needs one observed value.
        values[0] = level * 10_f64.powi(exponent);
        values
    }
}

prop_compose! {
    fn random_request()(
        values in random_values(),
        season_length in 1_usize..30,
        horizon in 1_u64..80,
        levels in prop::collection::vec(0.01..0.99, 0..4),
    ) -> RandomRequest {
        RandomRequest {
            values,
            season_length,
            horizon,
            levels,
        }
    }
}

impl RandomRequest {
    fn request(&self) -> ForecastRequest {
        ForecastRequest::new(
            Series::new(self.values.clone(), None, 700).unwrap(),
            Horizon::new(self.horizon, 80).unwrap(),
            QuantileLevels::with_median(
                self.levels
                    .iter()
                    .map(|level| QuantileLevel::new(*level).unwrap()),
            ),
            SeasonChoice::Given(self.season_length),
        )
    }
}

async fn outcomes(app: &TestApp, model: &str, requests: &[&RandomRequest]) -> Vec<SeriesOutcome> {
    let model = app.registry.resolve(Some(model)).unwrap();
    let requests = requests.iter().map(|request| request.request()).collect();
    let submission = model.engine.submit(requests, distant_deadline()).unwrap();
    submission.outcomes().await.unwrap().0
}

/// The maximum difference, relative to the largest value of the forecast. The runtime's kernels round
/// the end of a row differently from its middle; nearly all answers are within a fifth of this, but a
/// season with two equal values is ill-conditioned.
const TOLERANCE: f64 = 5e-5;

fn check_same(alone: &Forecast, together: &Forecast, levels: &[f64]) -> Result<(), TestCaseError> {
    let levels: Vec<_> = levels
        .iter()
        .map(|level| QuantileLevel::new(*level).unwrap())
        .chain([QuantileLevel::MEDIAN])
        .collect();
    let values = |forecast: &Forecast| -> Vec<f64> {
        levels
            .iter()
            .flat_map(|level| forecast.quantile(*level).unwrap())
            .copied()
            .collect()
    };
    let (alone, together) = (values(alone), values(together));
    let largest = alone
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    prop_assert_eq!(alone.len(), together.len());
    for (one, other) in alone.iter().zip(&together) {
        prop_assert!(
            (one - other).abs() <= TOLERANCE * largest,
            "{one} {other} {largest}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_the_same_alone_and_in_any_batch(
        requests in prop::collection::vec(random_request(), 2..14).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let app = TestApp::embedded();
        runtime.block_on(async {
            for model in ["almanac", "seasonal"] {
                let together = outcomes(&app, model, &requests.iter().collect::<Vec<_>>()).await;
                let reversed = outcomes(&app, model, &requests.iter().rev().collect::<Vec<_>>()).await;
                for ((request, together), reversed) in requests.iter().zip(together).zip(reversed.into_iter().rev()) {
                    let alone = outcomes(&app, model, &[request]).await.pop().unwrap().unwrap();
                    check_same(&alone, &together.unwrap(), &request.levels)?;
                    check_same(&alone, &reversed.unwrap(), &request.levels)?;
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

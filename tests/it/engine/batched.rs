//! The bundled model: an answer does not depend on what shares its batch.

use almanac_engine::Outcome;
use almanac_forecast::{
    Forecast, ForecastRequest, Horizon, QuantileLevel, QuantileLevels, SeasonChoice, Series,
};
use proptest::prelude::*;

use super::far;
use crate::support::TestApp;

/// What one request asks.
#[derive(Clone, Debug)]
struct Ask {
    values: Vec<f64>,
    season_length: usize,
    horizon: u64,
    levels: Vec<f64>,
}

fn ask() -> impl Strategy<Value = Ask> {
    let value = prop_oneof![8 => -1e3..1e3, 1 => Just(f64::NAN), 1 => Just(0.0)];
    (
        (prop::collection::vec(value, 1..700), 1_usize..30),
        (1_u64..80, prop::collection::vec(0.01..0.99, 0..4)),
        // The level and the size of the whole series.
        (-5e3..5e3, -6_i32..9),
    )
        .prop_map(
            |((values, season_length), (horizon, levels), (level, exponent))| {
                let mut values: Vec<f64> = values
                    .into_iter()
                    .map(|value| (value + level) * 10_f64.powi(exponent))
                    .collect();
                // A series needs one observed value.
                values[0] = level * 10_f64.powi(exponent);
                Ask {
                    values,
                    season_length,
                    horizon,
                    levels,
                }
            },
        )
}

impl Ask {
    fn request(&self) -> ForecastRequest {
        let levels = self.levels.iter().copied();
        ForecastRequest::new(
            Series::new(self.values.clone(), None, 700).unwrap(),
            Horizon::new(self.horizon, 80).unwrap(),
            QuantileLevels::with_median(levels.map(|level| QuantileLevel::new(level).unwrap())),
            SeasonChoice::Given(self.season_length),
        )
    }
}

async fn outcomes(app: &TestApp, model: &str, asks: &[&Ask]) -> Vec<Outcome> {
    let model = app.registry.resolve(Some(model)).unwrap();
    let requests = asks.iter().map(|ask| ask.request()).collect();
    let submission = model.engine.submit(requests, far()).unwrap();
    submission.outcomes().await.unwrap().0
}

/// Of the largest value of the series' forecast. The runtime's kernels round the end of a row
/// otherwise than its middle; nearly all answers are within a fifth of this, but a season of which
/// two values repeat is ill-conditioned.
const TOLERANCE: f64 = 5e-5;

fn check_same(alone: &Forecast, together: &Forecast, levels: &[f64]) -> Result<(), TestCaseError> {
    let levels: Vec<_> = levels
        .iter()
        .map(|level| QuantileLevel::new(*level).unwrap())
        .chain([QuantileLevel::MEDIAN])
        .collect();
    let values = |forecast: &Forecast| -> Vec<f64> {
        let quantiles = levels
            .iter()
            .map(|level| forecast.quantile(*level).unwrap());
        quantiles.flatten().copied().collect()
    };
    let (alone, together) = (values(alone), values(together));
    let largest = alone
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
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
        asks in prop::collection::vec(ask(), 2..14).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let app = TestApp::embedded();
        runtime.block_on(async {
            for model in ["almanac", "seasonal"] {
                let together = outcomes(&app, model, &asks.iter().collect::<Vec<_>>()).await;
                let reversed = outcomes(&app, model, &asks.iter().rev().collect::<Vec<_>>()).await;
                for ((ask, together), reversed) in asks.iter().zip(together).zip(reversed.into_iter().rev()) {
                    let alone = outcomes(&app, model, &[ask]).await.pop().unwrap().unwrap();
                    check_same(&alone, &together.unwrap(), &ask.levels)?;
                    check_same(&alone, &reversed.unwrap(), &ask.levels)?;
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

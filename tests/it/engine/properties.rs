//! Random mixes of requests on one to three workers.

use almanac_engine::EngineConfig;
use almanac_forecast::QuantileLevel;
use proptest::prelude::*;

use super::{EngineTest, LARGE_LIMITS, distant_deadline, request};
use crate::support::scripted::{Scripted, manifest};

/// The parameters of one row.
#[derive(Clone, Debug)]
struct RowShape {
    length: usize,
    horizon: u64,
    levels: Vec<f64>,
}

prop_compose! {
    fn row_shape()(
        length in 2_usize..100,
        horizon in 1_u64..48,
        levels in prop::collection::vec(0.01..0.99, 0..4),
    ) -> RowShape {
        RowShape { length, horizon, levels }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_row_gets_its_own_answer(
        submissions in prop::collection::vec(prop::collection::vec(row_shape(), 0..12), 1..10),
        workers in 1_usize..=3,
        batch_steps in 1_usize..2_000,
    ) {
        let forecasters = (0..workers).map(|_| Scripted::last_value()).collect();
        let config = EngineConfig { batch_steps, ..LARGE_LIMITS };
        let test = EngineTest::start(forecasters, config);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcome = runtime.block_on(async {
            let mut last = 0.0;
            let mut admitted = Vec::new();
            for shapes in &submissions {
                let mut expected = Vec::new();
                let mut requests = Vec::new();
                for RowShape { length, horizon, levels } in shapes {
                    // Whole numbers below 2^24 pass through f32 unchanged.
                    last += 1.0;
                    expected.push(last);
                    requests.push(request(last, *length, *horizon, levels));
                }
                admitted.push((shapes, expected, test.engine.submit(requests, distant_deadline()).unwrap()));
            }
            for (shapes, expected, submission) in admitted {
                let (outcomes, _) = submission.outcomes().await.unwrap();
                prop_assert_eq!(outcomes.len(), shapes.len());
                for ((outcome, last), shape) in outcomes.into_iter().zip(expected).zip(shapes) {
                    let forecast = outcome.unwrap();
                    let point = vec![last; usize::try_from(shape.horizon).unwrap()];
                    prop_assert_eq!(forecast.point(), point);
                    prop_assert_eq!(forecast.context_length, shape.length.min(manifest().context.max_length));
                    for level in &shape.levels {
                        let level = QuantileLevel::new(*level).unwrap();
                        prop_assert_eq!(forecast.quantile(level).unwrap().len(), forecast.steps());
                    }
                }
            }
            Ok(())
        });
        outcome?;
        test.check_metric("almanac_engine_queue_steps", 0.0);
        test.check_metric("almanac_engine_dropped_total", 0.0);
        test.check_metric("almanac_engine_failed_total", 0.0);
    }
}

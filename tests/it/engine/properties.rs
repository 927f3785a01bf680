//! Random mixes of requests over one to three workers.

use almanac_engine::EngineConfig;
use almanac_forecast::QuantileLevel;
use proptest::prelude::*;

use super::{ROOMY, Tested, far, request};
use crate::support::scripted::{Scripted, manifest};

/// The length, the horizon and the levels of one row.
type Shape = (usize, u64, Vec<f64>);

fn shape() -> impl Strategy<Value = Shape> {
    (
        2_usize..100,
        1_u64..48,
        prop::collection::vec(0.01..0.99, 0..4),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_row_gets_its_own_answer(
        submissions in prop::collection::vec(prop::collection::vec(shape(), 0..12), 1..10),
        workers in 1_usize..=3,
        batch_steps in 1_usize..2_000,
    ) {
        let forecasters = (0..workers).map(|_| Scripted::last_value()).collect();
        let config = EngineConfig { batch_steps, ..ROOMY };
        let tested = Tested::start(forecasters, config);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcome = runtime.block_on(async {
            let mut last = 0.0;
            let mut admitted = Vec::new();
            for shapes in &submissions {
                let mut expected = Vec::new();
                let mut requests = Vec::new();
                for (length, horizon, levels) in shapes {
                    // Whole numbers below 2^24 pass through f32 unchanged.
                    last += 1.0;
                    expected.push(last);
                    requests.push(request(last, *length, *horizon, levels));
                }
                admitted.push((shapes, expected, tested.engine.submit(requests, far()).unwrap()));
            }
            for (shapes, expected, submission) in admitted {
                let (outcomes, _) = submission.outcomes().await.unwrap();
                prop_assert_eq!(outcomes.len(), shapes.len());
                for ((outcome, last), (length, horizon, levels)) in
                    outcomes.into_iter().zip(expected).zip(shapes)
                {
                    let forecast = outcome.unwrap();
                    let point = vec![last; usize::try_from(*horizon).unwrap()];
                    prop_assert_eq!(forecast.point(), point);
                    prop_assert_eq!(forecast.context_length, (*length).min(manifest().context.max_length));
                    for level in levels {
                        let level = QuantileLevel::new(*level).unwrap();
                        prop_assert_eq!(forecast.quantile(level).unwrap().len(), forecast.steps());
                    }
                }
            }
            Ok(())
        });
        outcome?;
        tested.check_metric("almanac_engine_queue_steps", 0.0);
        tested.check_metric("almanac_engine_dropped_total", 0.0);
        tested.check_metric("almanac_engine_failed_total", 0.0);
    }
}

//! The engine with scripted models: no row is lost or misdirected, and failures are contained.

mod batched;
mod failures;
mod joining;
mod overload;
mod properties;
mod stop;

use std::sync::Arc;
use std::time::{Duration, Instant};

use almanac_engine::metrics::EngineMetrics;
use almanac_engine::{Engine, EngineConfig, Terms};
use almanac_forecast::{
    ForecastRequest, Horizon, QuantileLevel, QuantileLevels, SeasonChoice, Series,
};
use almanac_model::Forecaster;

use crate::support::metric;
use crate::support::scripted::{NAME, Scripted, manifest};

/// An engine and the registry of its metrics.
struct EngineTest {
    engine: Engine,
    metrics: prometheus::Registry,
}

const LARGE_LIMITS: EngineConfig = EngineConfig {
    queue_steps: 1_000_000,
    batch_steps: 100_000,
    max_wait: Duration::MAX,
};

impl EngineTest {
    fn start(forecasters: Vec<Scripted>, config: EngineConfig) -> Self {
        let boxed = forecasters.into_iter().map(Scripted::boxed).collect();
        Self::of(boxed, config)
    }

    fn of(forecasters: Vec<Box<dyn Forecaster>>, config: EngineConfig) -> Self {
        let metrics = prometheus::Registry::new();
        let model_metrics = EngineMetrics::new(&metrics).unwrap().of(NAME);
        let engine =
            Engine::start(Arc::new(manifest()), forecasters, config, model_metrics).unwrap();
        Self { engine, metrics }
    }

    /// Waits until both workers are idle.
    async fn workers_are_idle(&self) {
        while metric(&self.metrics, "almanac_engine_idle_workers", &[]) < 1.5 {
            tokio::task::yield_now().await;
        }
    }

    #[track_caller]
    fn check_metric(&self, name: &str, expected: f64) {
        let actual = metric(&self.metrics, name, &[]);
        assert!(
            (actual - expected).abs() < 0.5,
            "{name} is {actual}, not {expected}"
        );
    }
}

/// Returns a request for a series of `length` values that ends in `last`, which identifies its answer.
fn request(last: f64, length: usize, horizon: u64, levels: &[f64]) -> ForecastRequest {
    let mut values = vec![0.0; length];
    *values.last_mut().unwrap() = last;
    ForecastRequest::new(
        Series::new(values, None, length).unwrap(),
        Horizon::new(horizon, 48).unwrap(),
        QuantileLevels::with_median(
            levels
                .iter()
                .map(|level| QuantileLevel::new(*level).unwrap()),
        ),
        SeasonChoice::Given(1),
    )
}

/// Returns terms with a deadline that no test reaches.
fn distant_deadline() -> Terms {
    terms_until(Instant::now() + Duration::from_secs(3_600))
}

fn terms_until(deadline: Instant) -> Terms {
    Terms {
        deadline,
        priority: None,
    }
}

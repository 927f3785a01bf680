//! Benchmarks of a request outside of the model: `cargo bench --bench service`.
//!
//! The whole router is called without a socket: with a model that answers immediately, so that
//! parsing, validation, queueing, wake-ups and serialization remain, and with the bundled model.

use std::hint::black_box;
use std::sync::Arc;

use almanac::call::CallContext;
use almanac::config::Config;
use almanac::http::{AppState, AppStateParts, HttpMetrics, Observation};
use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::{LiveModel, ModelState, Registry};
use almanac_engine::{Engine, EngineConfig};
use almanac_model::onnx::OnnxModel;
use almanac_model::{Batch, Bundle, Digest, Forecaster, PredictError};
use almanac_net::shutdown::{DrainTiming, Shutdown};
use almanac_store::embedded::Embedded;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http_body_util::BodyExt as _;
use ndarray::Array3;
use tower::ServiceExt as _;

/// A model that immediately answers with zeros.
struct Instant {
    levels: usize,
}

impl Forecaster for Instant {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        Ok(Array3::zeros((batch.len(), self.levels, batch.horizon())))
    }
}

fn bundled() -> Bundle {
    let files = Embedded::files("almanac", "1").expect("the bundled model");
    Bundle::verify(files).expect("a bundle")
}

/// Returns the service with one worker, which runs `forecaster` with the manifest of `bundle`.
fn service(bundle: &Bundle, forecaster: Box<dyn Forecaster>) -> Router {
    let config = Config::default();
    let metrics = prometheus::Registry::new();
    let name = bundle.manifest.name.clone();
    let engine = Engine::start(
        Arc::new(bundle.manifest.clone()),
        vec![forecaster],
        EngineConfig {
            queue_steps: config.engine.queue_steps,
            batch_steps: config.engine.batch_steps,
            max_wait: config.engine.max_wait.get(),
        },
        EngineMetrics::new(&metrics).expect("metrics").of(&name),
    );
    let live = LiveModel::new(engine.expect("a thread"), Digest::of(b""), "bench");
    let registry = Arc::new(Registry::new(name.clone()));
    registry.set(&name, ModelState::Ready(Arc::new(live)));
    almanac::http::router(AppState::new(AppStateParts {
        calls: CallContext {
            registry,
            limits: config.request_limits(),
            backtest: config.backtest_limits(),
        },
        max_body: config.server.max_body.get(),
        request_timeout: config.server.request_timeout.get(),
        metrics: HttpMetrics::new(&metrics).expect("metrics"),
        all_metrics: metrics,
        observation: Observation::default(),
        sagemaker: almanac::http::SageMaker::default(),
        shutdown: Shutdown::new(DrainTiming::default()),
    }))
}

/// Returns a series of 144 months that begins with the JSON fields `calendar`.
fn series(calendar: &str) -> String {
    let values: Vec<_> = (0..144_u32)
        .map(|step| format!("{}.{}", 100 + step + 20 * (step % 12), step % 10))
        .collect();
    format!(r#"{{{calendar}"values":[{}]}}"#, values.join(","))
}

const CALENDAR: &str = r#""start":"2012-01-01","frequency":"MS","#;

/// Returns bodies, each with a name and its number of series.
fn bodies() -> Vec<(&'static str, u64, String)> {
    let with_horizon = |series: String| series.replacen('{', r#"{"horizon":12,"#, 1);
    let hundred = vec![series(""); 100].join(",");
    vec![
        (
            "one series of known season",
            1,
            with_horizon(series(r#""season_length":12,"#)),
        ),
        (
            "one series with a calendar",
            1,
            with_horizon(series(CALENDAR)),
        ),
        ("one series, season sought", 1, with_horizon(series(""))),
        (
            "a hundred series",
            100,
            format!(r#"{{"horizon":12,{CALENDAR}"series":[{hundred}]}}"#),
        ),
    ]
}

async fn answer(router: Router, request: Request<Body>) -> Bytes {
    let Ok(response) = router.oneshot(request).await;
    assert!(response.status().is_success(), "{response:?}");
    let body = response.into_body().collect().await.expect("a body");
    body.to_bytes()
}

fn requests(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let bundle = bundled();
    let levels = bundle.manifest.levels().as_slice().len();
    let onnx = almanac::app::runtime(&Config::default()).expect("the runtime library");
    let session = OnnxModel::new(onnx, bundle.clone())
        .open(1)
        .expect("a session");
    let services = [
        (
            "instant model",
            service(&bundle, Box::new(Instant { levels })),
        ),
        ("bundled model", service(&bundle, Box::new(session))),
    ];
    let mut group = criterion.benchmark_group("health");
    let instant = &services[0].1;
    group.bench_function("healthz", |bencher| {
        bencher.to_async(&runtime).iter(|| {
            let request = Request::get("/healthz").body(Body::empty());
            answer(instant.clone(), request.expect("a request"))
        });
    });
    group.finish();
    for (model, router) in &services {
        let mut group = criterion.benchmark_group(*model);
        for (name, series, body) in bodies() {
            let body = Bytes::from(body);
            group.throughput(Throughput::Elements(series));
            group.bench_function(name, |bencher| {
                bencher.to_async(&runtime).iter(|| {
                    let request =
                        Request::post("/forecast").body(Body::from(black_box(body.clone())));
                    answer(router.clone(), request.expect("a request"))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);

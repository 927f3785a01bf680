//! The service under test, which is the real router, called without a socket.

pub(crate) mod answer;
pub(crate) mod endpoint;
pub(crate) mod kept;
pub(crate) mod scripted;
pub(crate) mod shelf;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use almanac::call::CallContext;
use almanac::config::Config;
use almanac::cpu::{CpuOverrides, CpuPlan};
use almanac::http::{AppState, AppStateParts, HttpMetrics, Observation, SageMaker};
use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::{LiveModel, ModelState, Registry};
use almanac_engine::{Engine, EngineConfig};
use almanac_forecast::{BacktestLimits, ForecastLimits};
use almanac_model::{Digest, Manifest};
use almanac_net::shutdown::{DrainTiming, Shutdown};
use almanac_store::Source;
use almanac_telemetry::traces::Tracer;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::Value;
use tower::ServiceExt as _;

use answer::Answer;
use scripted::{NAME, Scripted, manifest};

/// A service to which a test sends requests, with the internals that the test may inspect.
#[derive(Clone, Debug)]
pub(crate) struct TestApp {
    router: Router,
    pub(crate) registry: Arc<Registry>,
    pub(crate) shutdown: Shutdown,
    pub(crate) metrics: prometheus::Registry,
}

/// Builds a [`TestApp`].
#[derive(Debug)]
pub(crate) struct TestAppBuilder {
    registry: Arc<Registry>,
    limits: ForecastLimits,
    backtest: BacktestLimits,
    max_body: usize,
    request_timeout: Duration,
    observation: Observation,
    sagemaker: SageMaker,
    engine: EngineConfig,
    engine_metrics: EngineMetrics,
    metrics: prometheus::Registry,
}

impl TestApp {
    /// Creates a service with the embedded models, which are loaded once for all tests of a process.
    pub(crate) fn embedded() -> Self {
        TestAppBuilder::new(embedded_registry()).build()
    }

    /// Creates a service with embedded models that no other test uses: series of other tests in the
    /// same batch would change the last digit of a sum.
    pub(crate) fn alone() -> Self {
        TestAppBuilder::new(load(vec![Source::Embedded], "seasonal")).build()
    }

    /// Creates a service with one scripted model, which is the default.
    pub(crate) fn scripted(forecaster: Scripted) -> Self {
        TestAppBuilder::scripted().workers(vec![forecaster]).build()
    }

    /// Creates a service whose default model, `default`, is not loaded yet.
    pub(crate) fn loading(default: &str) -> Self {
        TestAppBuilder::new(Arc::new(Registry::new(default.to_owned()))).build()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap())
            .await
    }

    /// Posts JSON to `/forecast`.
    pub(crate) async fn forecast(&self, body: &Value) -> Answer {
        self.post("/forecast", "application/json", body.to_string())
            .await
    }

    pub(crate) async fn post(
        &self,
        uri: &str,
        content_type: &str,
        body: impl Into<Body> + Send,
    ) -> Answer {
        let request = Request::post(uri).header(header::CONTENT_TYPE, content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Returns the value of the metric `name` whose labels include `labels`, or 0 if there is none.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        metric(&self.metrics, name, labels)
    }
}

impl TestAppBuilder {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        let config = Config::default();
        let metrics = prometheus::Registry::new();
        Self {
            registry,
            limits: config.request_limits(),
            backtest: config.backtest_limits(),
            max_body: config.server.max_body.get(),
            request_timeout: config.server.request_timeout.get(),
            observation: Observation::default(),
            sagemaker: SageMaker::default(),
            engine: EngineConfig {
                queue_steps: config.engine.queue_steps,
                batch_steps: config.engine.batch_steps,
                max_wait: config.engine.max_wait.get(),
            },
            engine_metrics: EngineMetrics::new(&metrics).unwrap(),
            metrics,
        }
    }

    /// Creates a builder for scripted models, which [`TestAppBuilder::workers`] makes ready.
    pub(crate) fn scripted() -> Self {
        Self::new(Arc::new(Registry::new(NAME.to_owned())))
    }

    pub(crate) const fn limits(mut self, limits: ForecastLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) const fn backtest(mut self, backtest: BacktestLimits) -> Self {
        self.backtest = backtest;
        self
    }

    pub(crate) const fn max_body(mut self, max_body: usize) -> Self {
        self.max_body = max_body;
        self
    }

    pub(crate) const fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    pub(crate) fn tracer(mut self, tracer: Tracer) -> Self {
        self.observation.tracer = Some(tracer);
        self
    }

    pub(crate) fn sagemaker(mut self, sagemaker: SageMaker) -> Self {
        self.sagemaker = sagemaker;
        self
    }

    pub(crate) const fn queue_steps(mut self, queue_steps: usize) -> Self {
        self.engine.queue_steps = queue_steps;
        self
    }

    /// Makes the scripted model ready, with one worker for each of `forecasters`.
    pub(crate) fn workers(self, forecasters: Vec<Scripted>) -> Self {
        self.workers_of(manifest(), forecasters)
    }

    /// Makes the model of `manifest` ready, with one worker for each of `forecasters`.
    pub(crate) fn workers_of(self, manifest: Manifest, forecasters: Vec<Scripted>) -> Self {
        let name = manifest.name.clone();
        let metrics = self.engine_metrics.of(&name);
        let forecasters = forecasters.into_iter().map(Scripted::boxed).collect();
        let engine = Engine::start(Arc::new(manifest), forecasters, self.engine, metrics).unwrap();
        self.registry
            .set(&name, ModelState::Ready(Arc::new(live(engine))));
        self
    }

    pub(crate) fn build(self) -> TestApp {
        let shutdown = Shutdown::new(DrainTiming::default());
        let router = almanac::http::router(AppState::new(AppStateParts {
            calls: CallContext {
                registry: Arc::clone(&self.registry),
                limits: self.limits,
                backtest: self.backtest,
            },
            max_body: self.max_body,
            request_timeout: self.request_timeout,
            metrics: HttpMetrics::new(&self.metrics).unwrap(),
            all_metrics: self.metrics.clone(),
            observation: self.observation,
            sagemaker: self.sagemaker,
            shutdown: shutdown.clone(),
        }));
        TestApp {
            router,
            registry: self.registry,
            shutdown,
            metrics: self.metrics,
        }
    }
}

/// Returns a model version with `engine`, which was not loaded from a source.
pub(crate) fn live(engine: Engine) -> LiveModel {
    LiveModel::new(engine, Digest::of(b"scripted"), "test")
}

/// Loads the models of `sources` as the program does, with ONNX Runtime.
pub(crate) fn load(sources: Vec<Source>, default: &str) -> Arc<Registry> {
    let mut config = Config::default();
    config.models.sources = sources;
    default.clone_into(&mut config.models.default);
    let registry = Arc::new(Registry::new(default.to_owned()));
    let metrics = prometheus::Registry::new();
    almanac::app::load_models(&config, plan(), &metrics, &registry).unwrap();
    registry
}

/// Returns a plan with two workers, so that answers may come from either.
pub(crate) fn plan() -> CpuPlan {
    let overrides = CpuOverrides {
        cores: Some(2.0),
        workers: Some(2),
        session_threads: Some(1),
    };
    CpuPlan::new(almanac::cpu::CpuLimits::detect(None), overrides)
}

fn embedded_registry() -> Arc<Registry> {
    static EMBEDDED: OnceLock<Arc<Registry>> = OnceLock::new();
    Arc::clone(EMBEDDED.get_or_init(|| load(vec![Source::Embedded], "seasonal")))
}

/// Returns the value of the metric `name` whose labels include `labels`, or 0 if there is none.
pub(crate) fn metric(metrics: &prometheus::Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    metrics
        .gather()
        .iter()
        .filter(|family| family.name() == name)
        .flat_map(prometheus::proto::MetricFamily::get_metric)
        .filter(|sample| {
            labels.iter().all(|(name, value)| {
                sample
                    .get_label()
                    .iter()
                    .any(|label| label.name() == *name && label.value() == *value)
            })
        })
        .map(|sample| {
            let histogram = sample.get_histogram().get_sample_count() as f64;
            sample.get_counter().get_value() + sample.get_gauge().get_value() + histogram
        })
        .sum()
}

/// Polls `future` once, for tests that check that it is pending.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

//! The export of spans, on a thread that may block.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_executor::block_on;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SpanExporter as _;

use crate::traces::span::Clock;
use crate::traces::{RequestSpan, SpanMetrics, TracesConfig};

/// The minimum time between two log lines about failed exports.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The maximum time for one message, including its second and third attempts.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum size of a response of a collector, which has at most a sentence.
const MAX_RESPONSE_BYTES: u64 = 64 * 1_024;

/// The name of the service and of the instrumentation scope. That of this crate would be another.
const PROGRAM: &str = "almanac";

/// An exporter, which sends spans, and counts and logs the outcome.
#[derive(Debug)]
pub(super) struct Exporter {
    exporter: SpanExporter,
    client: Arc<CollectorClient>,
    scope: InstrumentationScope,
    metrics: SpanMetrics,
    logged_at: Option<Instant>,
}

impl Exporter {
    pub(super) fn new(
        config: &TracesConfig,
        metrics: SpanMetrics,
    ) -> Result<Self, ExporterBuildError> {
        let client = Arc::new(CollectorClient::new());
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_shared_http_client(Arc::clone(&client) as Arc<dyn HttpClient>)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(config.endpoint.as_str())
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        exporter.set_resource(&resource(config.service.as_deref()));
        Ok(Self {
            exporter,
            client,
            scope: InstrumentationScope::builder(PROGRAM)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
            metrics,
            logged_at: None,
        })
    }

    /// Sends the spans of `requests` in one message. Blocks.
    pub(super) fn export(&mut self, requests: impl Iterator<Item = RequestSpan>) {
        let clock = Clock::now();
        let spans: Vec<_> = requests
            .flat_map(|request| request.into_data(clock, &self.scope))
            .collect();
        let n_spans = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        match block_on(self.exporter.export(spans)) {
            Ok(()) => {
                self.metrics.exported.inc_by(n_spans);
                if self.logged_at.take().is_some() {
                    tracing::info!("span export recovered");
                }
            }
            Err(error) => {
                self.metrics.failed.inc_by(n_spans);
                self.log_failure(&error);
            }
        }
    }

    /// Logs a failure, unless another one was logged within [`LOG_INTERVAL`].
    fn log_failure(&mut self, error: &dyn std::error::Error) {
        if self.logged_at.is_some_and(|at| at.elapsed() < LOG_INTERVAL) {
            return;
        }
        self.logged_at = Some(Instant::now());
        let n_failed = self.metrics.failed.get();
        let reason = self.client.take_reason().map(tracing::field::display);
        tracing::warn!(%error, reason, n_failed, "span export failed");
    }
}

/// Returns the resource of the spans. `OTEL_RESOURCE_ATTRIBUTES` adds attributes or replaces them.
fn resource(service: Option<&str>) -> Resource {
    let instance = format!("{:032x}", rand::random::<u128>());
    let resource = Resource::builder_empty()
        .with_service_name(PROGRAM)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match service {
        Some(service) => resource.with_service_name(service.to_owned()).build(),
        None => resource.build(),
    }
}

/// A client based on the HTTP client that the program already uses. It blocks, as its thread may.
#[derive(Debug)]
struct CollectorClient {
    agent: ureq::Agent,
    /// The reason why the last message was not delivered, which the error of the exporter lacks.
    reason: Mutex<Option<String>>,
}

impl CollectorClient {
    fn new() -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(EXPORT_TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        Self {
            agent,
            reason: Mutex::new(None),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let response = self.agent.run(request.map(Vec::from))?;
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(MAX_RESPONSE_BYTES).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    fn take_reason(&self) -> Option<String> {
        self.reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self.send(request);
        let reason = result.as_ref().err().map(ToString::to_string);
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        Ok(result?)
    }
}

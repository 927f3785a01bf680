//! Traces that a collector receives.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use almanac_telemetry::traces::{Tracer, TracesConfig};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder, metric};

const LONG: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const BODY: &str = r#"{"values": [1, 2], "horizon": 3}"#;

/// A service that sends traces, and the collector that receives them.
struct TracedService {
    app: TestApp,
    tracer: Tracer,
    metrics: prometheus::Registry,
    received: mpsc::Receiver<ExportTraceServiceRequest>,
}

impl TracedService {
    /// Starts a service and a collector that answers every message with `status`.
    fn new(sample_ratio: f64, queue: usize, status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).unwrap() > 2 {
                    let line = head.to_lowercase();
                    assert!(!line.starts_with("post ") || line.starts_with("post /v1/traces http"));
                    if let Some(value) = line.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let message = ExportTraceServiceRequest::decode(&*body).unwrap();
                // Before the answer, after which the test may read it.
                if sender.send(message).is_err() {
                    return;
                }
                write!(
                    &stream,
                    "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                .unwrap();
            }
        });
        let config = TracesConfig {
            endpoint: endpoint.parse().unwrap(),
            sample_ratio,
            service: Some("tested".to_owned()),
            queue,
        };
        let metrics = prometheus::Registry::new();
        let tracer = Tracer::start(&config, &metrics).unwrap();
        let app = TestAppBuilder::scripted()
            .workers(vec![Scripted::last_value()])
            .tracer(tracer.clone())
            .build();
        Self {
            app,
            tracer,
            metrics,
            received,
        }
    }

    fn recording() -> Self {
        Self::new(1.0, 100, "200 OK")
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) {
        let mut request = Request::post("/forecast");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let peer = ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 40_000)));
        let request = request.extension(peer);
        self.app
            .send(request.body(Body::from(body.to_owned())).unwrap())
            .await;
    }

    /// Returns the spans that were sent since the last call.
    fn spans(&self) -> Vec<Span> {
        assert!(self.tracer.flush(LONG));
        self.received
            .try_iter()
            .flat_map(|message| message.resource_spans)
            .flat_map(|spans| {
                let resource = attributes(&spans.resource.unwrap().attributes);
                assert_eq!(resource["service.name"], "tested");
                assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
                spans.scope_spans
            })
            .flat_map(|scope| scope.spans)
            .collect()
    }

    fn count(&self, outcome: &str) -> f64 {
        let labels = [("outcome", outcome)];
        metric(&self.metrics, "almanac_traces_spans_total", &labels)
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |value: &AnyValue| match value.value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    all.iter()
        .map(|pair| (pair.key.clone(), value(pair.value.as_ref().unwrap())))
        .collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_forecast_has_a_span_with_its_phases_as_children() {
    let traced = TracedService::recording();
    let context = format!("00-{TRACE}-{PARENT}-01");
    let headers = [
        ("traceparent", context.as_str()),
        ("tracestate", "vendor=1"),
        ("x-request-id", "mine"),
    ];
    traced.post(&headers, BODY).await;
    let spans = traced.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        ["POST /forecast", "parse", "queue", "inference", "write"]
    );
    let (root, phases) = spans.split_first().unwrap();
    assert_eq!(root.kind(), SpanKind::Server);
    assert_eq!(hexadecimal(&root.parent_span_id), PARENT);
    assert_eq!(root.trace_state, "vendor=1");
    let expected = [
        ("almanac.model", "scripted"),
        ("almanac.request_id", "mine"),
        ("almanac.series", "1"),
        ("client.address", "192.0.2.7"),
        ("client.port", "40000"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", "/forecast"),
        ("url.path", "/forecast"),
        ("url.scheme", "http"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(attributes(&root.attributes), BTreeMap::from(expected));
    let mut previous_end = root.start_time_unix_nano;
    for phase in phases {
        assert_eq!(hexadecimal(&phase.trace_id), TRACE);
        assert_eq!(phase.parent_span_id, root.span_id);
        assert_ne!(phase.span_id, root.span_id);
        assert!(phase.start_time_unix_nano >= previous_end, "{}", phase.name);
        assert!(phase.end_time_unix_nano >= phase.start_time_unix_nano);
        previous_end = phase.end_time_unix_nano;
    }
    assert!(previous_end <= root.end_time_unix_nano);
    assert!((traced.count("exported") - 5.0).abs() < 0.5);
}

#[tokio::test]
async fn the_standard_context_takes_precedence_over_that_of_a_load_balancer() {
    let traced = TracedService::recording();
    let standard = format!("00-{TRACE}-{PARENT}-01");
    let amazon = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let both = [
        ("traceparent", standard.as_str()),
        ("x-amzn-trace-id", amazon),
    ];
    traced.post(&both, "").await;
    traced.post(&both[1..], "").await;
    traced
        .post(&[("traceparent", "nonsense"), both[1]], "")
        .await;
    traced.post(&[both[0], both[0]], "").await;
    let spans = traced.spans();
    let trace_ids: Vec<_> = spans
        .iter()
        .map(|span| hexadecimal(&span.trace_id))
        .collect();
    let root = "5759e988bd862e3fe1be46a994272793";
    assert_eq!(trace_ids[..3], [TRACE, root, root]);
    // Two standard contexts are ignored.
    assert!(trace_ids[3] != TRACE && trace_ids[3] != root);
    assert!(spans[1].parent_span_id.is_empty());
}

#[tokio::test]
async fn an_unsampled_trace_is_not_recorded() {
    let traced = TracedService::recording();
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    traced.post(&[("traceparent", &unsampled)], BODY).await;
    for routine in ["/healthz", "/readyz", "/metrics"] {
        traced.app.get(routine).await;
    }
    assert_eq!(traced.spans(), []);

    let none = TracedService::new(0.0, 100, "200 OK");
    none.post(&[], BODY).await;
    assert_eq!(none.spans(), []);
}

#[tokio::test]
async fn only_failures_of_the_server_are_errors() {
    let traced = TracedService::recording();
    traced.post(&[], "not JSON").await;
    traced.app.get("/made/up").await;
    let spans = traced.spans();
    assert_eq!(spans[0].name, "POST /forecast");
    assert_eq!(
        attributes(&spans[0].attributes)["error.type"],
        "invalid_json"
    );
    assert_eq!(spans[1].name, "GET");
    assert_eq!(attributes(&spans[1].attributes)["url.path"], "/made/up");
    for span in &spans {
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Unset);
    }

    let loading = TestAppBuilder::scripted().tracer(traced.tracer.clone());
    loading
        .build()
        .post("/forecast", "application/json", BODY)
        .await;
    let spans = traced.spans();
    assert_eq!(spans[0].status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(
        attributes(&spans[0].attributes)["error.type"],
        "model_loading"
    );
}

#[tokio::test]
async fn spans_that_are_rejected_or_dropped_are_counted() {
    let refusing = TracedService::new(1.0, 100, "400 Bad Request");
    refusing.post(&[], BODY).await;
    refusing.spans();
    assert!((refusing.count("failed") - 5.0).abs() < 0.5);

    // A queue of 2 requests is sent at the second; spans that arrive until it is sent are dropped.
    let full = TracedService::new(1.0, 2, "200 OK");
    for _ in 0..40 {
        full.post(&[], "").await;
    }
    full.spans();
    let total = full.count("exported") + full.count("dropped");
    assert!((total - 40.0).abs() < 0.5, "{total}");
}

//! `GET /metrics`: the names of metrics, and their values after requests.

use std::collections::BTreeSet;

use almanac::config::Config;
use almanac::http::HttpMetrics;
use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::LifecycleMetrics;
use almanac_net::ServerMetrics;
use almanac_telemetry::logging;
use almanac_telemetry::traces::{Tracer, TracesConfig};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricType;
use serde_json::json;

use crate::support::scripted::{NAME, Scripted};
use crate::support::{TestApp, plan};
use crate::tidy::source::source_files;

/// Returns the metrics of the whole program, each with a sample.
pub(crate) fn all_metrics() -> prometheus::Registry {
    let metrics = prometheus::Registry::new();
    plan().export(&metrics).unwrap();
    metrics
        .register(Box::new(ProcessCollector::for_self()))
        .unwrap();
    ServerMetrics::new(&metrics).unwrap();
    HttpMetrics::new(&metrics).unwrap();
    let _sampled = EngineMetrics::new(&metrics).unwrap().of(NAME);
    let _life_metrics = LifecycleMetrics::new(&metrics).unwrap();
    logging::register(&metrics).unwrap();
    let _tracer = Tracer::start(&unreachable_collector(), &metrics).unwrap();
    metrics
}

/// Returns a configuration whose collector is on a closed port.
fn unreachable_collector() -> TracesConfig {
    let mut traces = Config::default().traces;
    traces.endpoint = Some("http://127.0.0.1:9".parse().unwrap());
    traces.to_config().unwrap()
}

/// Returns the names of all metrics: those with a sample, and those in the source files, because a
/// family without label values is not gathered.
pub(crate) fn all_names() -> BTreeSet<String> {
    let mut names: BTreeSet<_> = all_metrics()
        .gather()
        .iter()
        .map(|family| family.name().to_owned())
        .collect();
    let sources = source_files();
    for file in sources.iter().filter(|file| !file.is_test) {
        for line in file.find(|code| code.contains("\"almanac_")) {
            names.extend(
                line.split('"')
                    .skip(1)
                    .step_by(2)
                    .filter(|literal| literal.starts_with("almanac_"))
                    .map(str::to_owned),
            );
        }
    }
    names
}

#[test]
fn names_have_a_component_and_counters_end_in_total() {
    for family in all_metrics().gather() {
        let name = family.name();
        assert!(
            name.starts_with("almanac_") || name.starts_with("process_"),
            "{name}"
        );
        assert!(!family.help().is_empty(), "{name}");
        let is_counter = family.get_field_type() == MetricType::COUNTER;
        assert_eq!(is_counter, name.ends_with("_total"), "{name}");
        let has_unit = ["_seconds", "_bytes", "_rows", "_series", "_ratio"]
            .iter()
            .any(|unit| name.ends_with(unit));
        if family.get_field_type() == MetricType::HISTOGRAM {
            assert!(has_unit, "{name}");
        }
    }
}

#[tokio::test]
async fn every_family_of_requests_appears_after_a_forecast() {
    let app = TestApp::scripted(Scripted::last_value());
    app.metrics
        .register(Box::new(ProcessCollector::for_self()))
        .unwrap();
    app.forecast(&json!({"values": [1, 2], "horizon": 3}))
        .await
        .ok();
    let scraped = app.get("/metrics").await;
    assert_eq!(
        scraped.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = scraped.text();
    let is_absent = |name: &str| {
        // The metrics of the server, the CPU plan, the log, model versions and traces are registered by
        // the program, and no request was refused or aborted.
        name.starts_with("almanac_cpu_")
            || name.starts_with("almanac_http_connections_")
            || name.starts_with("almanac_http_accept_")
            || name.starts_with("almanac_log_")
            || name.starts_with("almanac_model_")
            || name.starts_with("almanac_shadow_")
            || name.starts_with("almanac_source_")
            || name.starts_with("almanac_traces_")
            || name == "almanac_http_requests_aborted_total"
            || name == "almanac_engine_refused_total"
    };
    for name in all_names().iter().filter(|name| !is_absent(name)) {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}\n{text}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_outcome() {
    let app = TestApp::scripted(Scripted::last_value());
    let total = |labels: &[(&str, &str)]| app.metric("almanac_http_requests_total", labels);
    let check = |labels: &[(&str, &str)], expected: f64| {
        assert!(
            (total(labels) - expected).abs() < 0.5,
            "{labels:?}: {}",
            total(labels)
        );
    };
    app.forecast(&json!({"values": [1, 2], "horizon": 3}))
        .await
        .ok();
    app.forecast(&json!({"values": [], "horizon": 3})).await;
    for path in ["/made/up/1", "/made/up/2"] {
        app.get(path).await;
    }
    app.get("/models/unknown").await;
    let invented = axum::http::Request::builder()
        .method("INVENTED")
        .uri("/forecast");
    app.send(invented.body(axum::body::Body::empty()).unwrap())
        .await;

    check(
        &[
            ("route", "/forecast"),
            ("method", "POST"),
            ("status", "200"),
            ("code", ""),
        ],
        1.0,
    );
    check(
        &[
            ("route", "/forecast"),
            ("status", "422"),
            ("code", "empty_series"),
        ],
        1.0,
    );
    check(
        &[("route", "other"), ("status", "404"), ("code", "not_found")],
        2.0,
    );
    check(
        &[("route", "/models/{name}"), ("code", "unknown_model")],
        1.0,
    );
    check(&[("method", "other"), ("code", "method_not_allowed")], 1.0);
    assert!(app.metric("almanac_http_requests_in_flight", &[]).abs() < 0.5);
}

#[tokio::test]
async fn every_phase_of_a_forecast_is_in_its_header_and_measured() {
    let app = TestApp::scripted(Scripted::last_value());
    let answer = app.forecast(&json!({"values": [1, 2], "horizon": 3})).await;
    let header = answer.header("server-timing").unwrap();
    let phases: Vec<_> = header
        .split(", ")
        .map(|phase| phase.split_once(";dur=").unwrap())
        .collect();
    let names: Vec<_> = phases.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["parse", "queue", "inference", "write", "total"]);
    let milliseconds = |index: usize| phases[index].1.parse::<f64>().unwrap();
    assert!((0..4).map(milliseconds).sum::<f64>() <= milliseconds(4) + 0.001);
    for phase in &names[..4] {
        let count = app.metric("almanac_http_phase_seconds", &[("phase", phase)]);
        assert!((count - 1.0).abs() < 0.5, "{phase}");
    }
    let plain = app.get("/healthz").await;
    let header = plain.header("server-timing").unwrap();
    assert!(header.starts_with("total;dur="), "{header}");
}

#[tokio::test]
async fn a_request_keeps_a_valid_id_and_receives_a_new_one_otherwise() {
    let app = TestApp::scripted(Scripted::last_value());
    let send = |id: &str| {
        let request = axum::http::Request::get("/healthz").header("x-request-id", id);
        app.send(request.body(axum::body::Body::empty()).unwrap())
    };
    let answer = send("mine-1").await;
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let long = "x".repeat(129);
    for invalid in ["", "with space", long.as_str()] {
        let answer = send(invalid).await;
        let id = answer.header("x-request-id").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

#[tokio::test]
async fn a_cancelled_request_is_no_longer_counted_as_in_flight() {
    let (gated, mut gate) = Scripted::gated();
    let app = TestApp::scripted(gated);
    let body = json!({"values": [1, 2], "horizon": 3});
    let mut request = Box::pin(app.forecast(&body));
    assert!(crate::support::poll_once(&mut request).await.is_none());
    gate.batch_started().await;
    assert!((app.metric("almanac_http_requests_in_flight", &[]) - 1.0).abs() < 0.5);
    drop(request);
    assert!(app.metric("almanac_http_requests_in_flight", &[]).abs() < 0.5);
}

#[tokio::test]
async fn sizes_and_batches_are_measured() {
    let app = TestApp::scripted(Scripted::last_value());
    let one = json!({"values": [1, 2]});
    app.forecast(&json!({"horizon": 3, "series": [one, one, one]}))
        .await
        .ok();
    let families = app.metrics.gather();
    let sum = |name: &str| {
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        family.get_metric()[0].get_histogram().get_sample_sum()
    };
    for name in ["almanac_http_request_series", "almanac_engine_batch_rows"] {
        assert!((sum(name) - 3.0).abs() < 0.5, "{name}");
    }
    assert!(sum("almanac_http_body_bytes") > 50.0);
}

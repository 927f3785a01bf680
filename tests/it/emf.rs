//! Metrics in CloudWatch's embedded metric format, which are written to standard output.

use std::time::Duration;

use almanac_telemetry::emf::{EmfConfig, EmfWriter, emf_metrics};
use almanac_telemetry::metrics::DURATION_BUCKETS;
use jiff::Timestamp;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};
use serde_json::{Value, json};

use crate::metrics::all_names;
use crate::support::TestApp;
use crate::support::scripted::{NAME, Scripted};

fn writer() -> EmfWriter {
    EmfWriter::new(EmfConfig {
        interval: Duration::from_secs(60),
        namespace: "Almanac".to_owned(),
        service: "forecasts".to_owned(),
        max_models: 20,
        routine: almanac::http::ROUTINE,
    })
}

fn parsed(writer: &mut EmfWriter, registry: &Registry) -> Vec<Value> {
    writer
        .lines(&registry.gather(), Timestamp::UNIX_EPOCH)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Checks the rules that are in the text of the specification and not in its schema.
#[track_caller]
fn check_targets(line: &Value) {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    for directive in directives {
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            let target = &line[metric["Name"].as_str().unwrap()];
            let count = |part: &str| target[part].as_array().map(Vec::len);
            assert!(
                target.is_number() || count("Values").is_some_and(|values| values <= 100),
                "{metric}: {target}"
            );
            assert_eq!(count("Values"), count("Counts"));
        }
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            let value = line[dimension.as_str().unwrap()].as_str().unwrap();
            assert!(!value.is_empty() && value.len() <= 1_024);
        }
    }
}

#[tokio::test]
async fn lines_have_the_values_of_the_registry() {
    let app = TestApp::scripted(Scripted::last_value());
    let mut writer = writer();
    for _ in 0..3 {
        app.forecast(&json!({"values": [1, 2], "horizon": 3}))
            .await
            .ok();
    }
    app.forecast(&json!({"values": [], "horizon": 3})).await;
    app.get("/healthz").await;
    let lines = parsed(&mut writer, &app.metrics);
    lines.iter().for_each(check_targets);
    let [service, model] = &lines[..] else {
        panic!("a line of the service and one of the model, not {lines:?}");
    };
    assert_eq!(service["Requests"], json!(4.0));
    assert_eq!(service["ClientErrors"], json!(1.0));
    assert_eq!(service["Errors"], json!(0.0));
    assert_eq!(service["RequestSeconds"]["Count"], json!(4));
    assert_eq!(
        (&model["Model"], &model["Service"]),
        (&json!(NAME), &json!("forecasts"))
    );
    assert_eq!(model["Series"], json!(3.0));
    assert_eq!(model["InferenceSeconds"]["Count"], json!(3));
    let after = parsed(&mut writer, &app.metrics);
    assert_eq!(after.len(), 1, "nothing happened for the model");
    assert_eq!(after[0]["Requests"], json!(0.0));
}

/// Returns a registry with fixed values of every metric that the format uses.
fn populated_registry() -> Registry {
    let registry = Registry::new();
    let counters = [
        (
            "almanac_http_requests_total",
            &["status"][..],
            &["200"][..],
            970,
        ),
        ("almanac_http_requests_total", &["status"], &["429"], 20),
        ("almanac_http_requests_total", &["status"], &["500"], 1),
        ("almanac_engine_refused_total", &["model"], &["sales"], 20),
        ("almanac_engine_failed_total", &["model"], &["sales"], 2),
        (
            "almanac_model_loads_total",
            &["model", "outcome"],
            &["sales", "failed"],
            1,
        ),
        ("almanac_model_rollbacks_total", &["model"], &["sales"], 1),
        ("almanac_model_swaps_total", &["model"], &["sales"], 1),
    ];
    let mut families: Vec<(&str, IntCounterVec)> = Vec::new();
    for (name, labels, values, count) in counters {
        let known = families.iter().position(|(known, _)| *known == name);
        let index = known.unwrap_or_else(|| {
            let family = IntCounterVec::new(Opts::new(name, "help"), labels).unwrap();
            registry.register(Box::new(family.clone())).unwrap();
            families.push((name, family));
            families.len() - 1
        });
        families[index].1.with_label_values(values).inc_by(count);
    }
    for (name, label, value) in [
        ("almanac_http_request_seconds", "route", "/forecast"),
        ("almanac_engine_queue_seconds", "model", "sales"),
        ("almanac_engine_inference_seconds", "model", "sales"),
        ("almanac_shadow_difference_ratio", "model", "sales"),
    ] {
        let options = HistogramOpts::new(name, "help").buckets(DURATION_BUCKETS.to_vec());
        let family = HistogramVec::new(options, &[label]).unwrap();
        registry.register(Box::new(family.clone())).unwrap();
        for hundredth in 1..=100_u32 {
            let seconds = f64::from(hundredth) / 128.0;
            family.with_label_values(&[value]).observe(seconds);
        }
    }
    for (name, label, value, level) in [
        ("almanac_engine_queue_steps", "model", "sales", 4_096),
        ("almanac_source_up", "source", "s3://models", 0),
        ("almanac_source_from_cache", "source", "s3://models", 1),
    ] {
        let family = IntGaugeVec::new(Opts::new(name, "help"), &[label]).unwrap();
        registry.register(Box::new(family.clone())).unwrap();
        family.with_label_values(&[value]).set(level);
    }
    registry
}

/// `deploy/tests` validates this snapshot against the schema of the specification.
#[test]
fn lines_of_a_service_and_of_a_model() {
    let now = Timestamp::from_millisecond(1_767_323_045_678).unwrap();
    let lines = writer().lines(&populated_registry().gather(), now).concat();
    insta::assert_snapshot!(lines);
}

#[test]
fn every_metric_is_read_from_an_existing_family() {
    let names = all_names();
    for metric in emf_metrics() {
        assert!(names.contains(metric.family), "{}", metric.family);
    }
}

#[test]
fn the_document_lists_every_metric_with_its_unit() {
    let document = include_str!("../../docs/observability.md");
    let documented: Vec<_> = document
        .lines()
        .filter(|line| line.contains("| `Service`"))
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            (
                cells[1].to_owned(),
                cells[2].contains("`Model`"),
                cells[3].to_owned(),
            )
        })
        .collect();
    let written: Vec<_> = emf_metrics()
        .map(|metric| {
            (
                format!("`{}`", metric.name),
                metric.is_per_model,
                metric.unit.to_owned(),
            )
        })
        .collect();
    assert_eq!(documented, written);
}

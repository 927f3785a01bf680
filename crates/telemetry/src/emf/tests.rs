use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
};
use serde_json::{Value, json};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn config() -> EmfConfig {
    EmfConfig {
        interval: MINUTE,
        namespace: "Almanac".to_owned(),
        service: "forecasts".to_owned(),
        max_models: 2,
        routine: &["/readyz"],
    }
}

/// A registry with some of the program's families.
struct TestRegistry {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    rows: HistogramVec,
    queue_steps: IntGaugeVec,
    source_up: IntGaugeVec,
    memory: IntGauge,
}

impl TestRegistry {
    fn new() -> Self {
        let histogram = |name: &str, buckets: &[f64], label: &str| {
            let options = HistogramOpts::new(name, "help").buckets(buckets.to_vec());
            HistogramVec::new(options, &[label]).unwrap()
        };
        let gauges =
            |name: &str, label: &str| IntGaugeVec::new(Opts::new(name, "help"), &[label]).unwrap();
        let requests = Opts::new("almanac_http_requests_total", "help");
        let program = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(requests, &["route", "status", "code"]).unwrap(),
            seconds: histogram("almanac_http_request_seconds", &[0.01, 0.1, 1.0], "route"),
            rows: histogram("almanac_engine_batch_rows", &[1.0, 16.0], "model"),
            queue_steps: gauges("almanac_engine_queue_steps", "model"),
            source_up: gauges("almanac_source_up", "source"),
            memory: IntGauge::new("process_resident_memory_bytes", "help").unwrap(),
        };
        let registry = &program.registry;
        registry
            .register(Box::new(program.requests.clone()))
            .unwrap();
        registry
            .register(Box::new(program.seconds.clone()))
            .unwrap();
        registry.register(Box::new(program.rows.clone())).unwrap();
        registry
            .register(Box::new(program.queue_steps.clone()))
            .unwrap();
        registry
            .register(Box::new(program.source_up.clone()))
            .unwrap();
        registry.register(Box::new(program.memory.clone())).unwrap();
        program
    }

    fn record_request(&self, route: &str, status: &str, code: &str, seconds: f64) {
        self.requests
            .with_label_values(&[route, status, code])
            .inc();
        self.seconds.with_label_values(&[route]).observe(seconds);
    }

    fn record_batch(&self, model: &str, rows: f64) {
        self.rows.with_label_values(&[model]).observe(rows);
    }

    /// Returns the lines of `writer`, parsed.
    fn lines(&self, writer: &mut EmfWriter) -> Vec<Value> {
        let now = Timestamp::from_millisecond(1_767_323_045_678).unwrap();
        let lines = writer.lines(&self.registry.gather(), now);
        lines
            .iter()
            .map(|line| {
                assert!(
                    line.ends_with("}\n") && line.matches('\n').count() == 1,
                    "{line}"
                );
                serde_json::from_str(line).unwrap()
            })
            .collect()
    }
}

fn models(lines: &[Value]) -> Vec<Option<&str>> {
    lines.iter().map(|line| line["Model"].as_str()).collect()
}

#[test]
fn a_line_has_the_changes_since_the_previous_one() {
    let (program, mut writer) = (TestRegistry::new(), EmfWriter::new(config()));
    program.record_request("/forecast", "200", "", 0.02);
    program.record_request("/forecast", "200", "", 0.03);
    program.record_request("/forecast", "429", "queue_full", 0.001);
    program.record_request("/forecast", "422", "empty_series", 0.001);
    program.record_request("/forecast", "500", "internal", 3.0);
    program.record_request("/forecast", "503", "shutting_down", 0.001);
    program.record_request("/readyz", "503", "model_loading", 0.001);
    program.memory.set(70_000_000);
    let first = &program.lines(&mut writer)[0];
    assert_eq!(first["Requests"], json!(6.0));
    assert_eq!(first["Errors"], json!(1.0));
    assert_eq!(first["Refusals"], json!(1.0));
    assert_eq!(first["ClientErrors"], json!(1.0));
    assert_eq!(first["Memory"], json!(70_000_000.0));
    assert_eq!(
        first["RequestSeconds"],
        json!({"Values": [0.005, 0.055, 1.0], "Counts": [3, 2, 1], "Min": 0.0, "Max": 1.0,
            "Count": 6, "Sum": 0.02 + 0.03 + 0.001 + 0.001 + 3.0 + 0.001}),
    );
    program.record_request("/forecast", "200", "", 0.5);
    let second = &program.lines(&mut writer)[0];
    assert_eq!(
        (&second["Requests"], &second["Errors"]),
        (&json!(1.0), &json!(0.0))
    );
    assert_eq!(second["RequestSeconds"]["Counts"], json!([1]));
    assert_eq!(second["RequestSeconds"]["Min"], json!(0.1));
    let third = &program.lines(&mut writer)[0];
    assert_eq!(third["Requests"], json!(0.0));
    assert!(
        third.get("RequestSeconds").is_none(),
        "a distribution without values is omitted"
    );
    assert_eq!(third["Memory"], json!(70_000_000.0));
}

#[test]
fn sources_that_are_down_are_counted() {
    let (program, mut writer) = (TestRegistry::new(), EmfWriter::new(config()));
    for (source, up) in [("s3://a", 0), ("s3://b", 1), ("mlflow:c", 0)] {
        program.source_up.with_label_values(&[source]).set(up);
    }
    assert_eq!(program.lines(&mut writer)[0]["SourcesDown"], json!(2.0));
}

#[test]
fn a_model_with_activity_has_a_line() {
    let (program, mut writer) = (TestRegistry::new(), EmfWriter::new(config()));
    program.record_batch("a", 3.0);
    program.record_batch("a", 20.0);
    program.queue_steps.with_label_values(&["b"]).set(0);
    let lines = program.lines(&mut writer);
    assert_eq!(models(&lines), [None, Some("a")]);
    assert_eq!(lines[1]["Service"], json!("forecasts"));
    assert_eq!(lines[1]["Series"], json!(23.0));
    program.queue_steps.with_label_values(&["b"]).set(7);
    let lines = program.lines(&mut writer);
    assert_eq!(models(&lines), [None, Some("b")]);
    assert_eq!(lines[1]["QueueSteps"], json!(7.0));
    assert_eq!(lines[0]["QueueSteps"], json!(7.0));
}

#[test]
fn models_over_the_limit_share_a_line() {
    let (program, mut writer) = (TestRegistry::new(), EmfWriter::new(config()));
    program.record_batch("m", 1.0);
    program.record_batch("n", 2.0);
    assert_eq!(
        models(&program.lines(&mut writer)),
        [None, Some("m"), Some("n")]
    );
    for (model, rows) in [("a", 3.0), ("m", 4.0), ("z", 5.0)] {
        program.record_batch(model, rows);
    }
    let lines = program.lines(&mut writer);
    assert_eq!(models(&lines), [None, Some("m"), Some("other")]);
    assert_eq!(lines[1]["Series"], json!(4.0));
    assert_eq!(lines[2]["Series"], json!(8.0));
    let none = EmfConfig {
        max_models: 0,
        ..config()
    };
    assert_eq!(
        models(&program.lines(&mut EmfWriter::new(none))),
        [None, Some("other")]
    );
}

#[test]
fn intervals_under_a_minute_have_a_resolution_of_a_second() {
    let resolution = |interval| {
        let mut writer = EmfWriter::new(EmfConfig {
            interval,
            ..config()
        });
        let line = &TestRegistry::new().lines(&mut writer)[0];
        line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["StorageResolution"].clone()
    };
    assert_eq!(resolution(MINUTE), json!(60));
    assert_eq!(resolution(Duration::from_secs(59)), json!(1));
}

#[test]
fn a_value_that_is_not_finite_is_omitted() {
    let gauge = GaugeVec::new(Opts::new("process_resident_memory_bytes", "help"), &[]).unwrap();
    gauge.with_label_values::<&str>(&[]).set(f64::NAN);
    let registry = Registry::new();
    registry.register(Box::new(gauge)).unwrap();
    let lines = EmfWriter::new(config()).lines(&registry.gather(), Timestamp::UNIX_EPOCH);
    assert!(!lines[0].contains("-0"), "{}", lines[0]);
    assert!(
        !lines[0].contains("Memory") && !lines[0].contains("null"),
        "{}",
        lines[0]
    );
}

#[test]
fn tables_and_buckets_are_within_the_limits_of_the_specification() {
    use crate::metrics::{DURATION_BUCKETS, SIZE_BUCKETS};
    for table in [SERVICE, MODEL] {
        assert!(table.len() <= 100);
        let names: std::collections::BTreeSet<_> =
            table.iter().map(|measure| measure.name).collect();
        assert_eq!(names.len(), table.len(), "duplicate metric name");
    }
    // There is one more bucket for values over the last bound.
    assert!(DURATION_BUCKETS.len().max(SIZE_BUCKETS.len()) < 100);
}

#[test]
fn a_long_service_name_is_truncated() {
    let service = "é".repeat(2_000);
    let mut writer = EmfWriter::new(EmfConfig {
        service,
        ..config()
    });
    let line = &TestRegistry::new().lines(&mut writer)[0];
    assert_eq!(line["Service"].as_str().unwrap().chars().count(), 1_024);
}

/// Starts a thread, and returns its handle and the receiver of its lines.
fn start(interval: Duration, registry: &Registry) -> (Emf, mpsc::Receiver<String>) {
    let (sender, written) = mpsc::channel();
    let write = move |lines: &str| drop(sender.send(lines.to_owned()));
    let config = EmfConfig {
        interval,
        ..config()
    };
    (
        Emf::start(config, registry.clone(), write).unwrap(),
        written,
    )
}

#[test]
fn the_thread_writes_at_every_interval_and_on_flush() {
    let options = HistogramOpts::new("almanac_http_request_series", "help");
    let histogram = Histogram::with_opts(options.buckets(vec![1.0, 4.0])).unwrap();
    let registry = Registry::new();
    registry.register(Box::new(histogram.clone())).unwrap();
    let (_frequent, written) = start(Duration::from_millis(1), &registry);
    written.recv().unwrap();
    written.recv().unwrap();
    let (rare, written) = start(MINUTE * 60, &registry);
    histogram.observe(3.0);
    assert!(rare.flush(MINUTE));
    let last: Value = serde_json::from_str(&written.try_recv().unwrap()).unwrap();
    assert_eq!(last["Series"], json!(3.0));
    assert!(written.try_recv().is_err(), "nothing was written before");
}

#[test]
fn a_blocked_reader_blocks_only_the_thread() {
    let (release, blocked) = mpsc::channel::<()>();
    let write = move |_: &str| assert!(blocked.recv().is_err(), "no message is sent");
    let emf = Emf::start(config(), Registry::new(), write).unwrap();
    assert!(!emf.flush(Duration::ZERO));
    drop(release);
    assert!(emf.flush(MINUTE));
}

//! Forecasts whose intervals are calibrated on the history of their series.

use std::process::Command;

use almanac_forecast::BacktestLimits;
use serde_json::{Value, json};

use super::PASSENGERS;
use crate::support::answer::numbers;
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder};

/// Returns values that alternate by `size` above and below 100, and end above.
fn swings(size: f64) -> Vec<f64> {
    (0..41)
        .map(|step| 100.0 + if step % 2 == 0 { size } else { -size })
        .collect()
}

fn app() -> TestApp {
    TestApp::scripted(Scripted::last_value())
}

/// Returns the ends of the 80 % interval of forecast `index`, one step ahead.
#[track_caller]
fn interval(answer: &Value, index: usize) -> (f64, f64) {
    let level = &answer["forecasts"][index]["levels"]["80"];
    (numbers(&level["lower"])[0], numbers(&level["upper"])[0])
}

/// The model forecasts the last value, which is high, with an interval of 1 on each side; the next
/// value is low, `2 * size` away. Windows end high and low in turn, so both sides have errors of that
/// size.
#[tokio::test]
async fn intervals_are_widened_to_the_errors_in_the_history_of_all_series() {
    let body = json!({"horizon": 1, "levels": [80], "calibrate_windows": 20, "series": [
        {"values": swings(10.0), "season_length": 1},
        {"values": swings(0.5), "season_length": 1},
    ]});
    let answer = app().forecast(&body).await.ok();
    let intervals = [interval(&answer, 0), interval(&answer, 1)];
    // Half of the distances are 19 at a scale of 20, and the others 0 at a scale of 1: the quantile is
    // among the former, for both series at their own scale.
    assert_eq!(intervals, [(90.0, 130.0), (98.55, 102.45)]);
    let mut plain = body;
    plain["calibrate_windows"] = Value::Null;
    let answer = app().forecast(&plain).await.ok();
    assert_eq!(interval(&answer, 0), (109.0, 111.0));
}

#[tokio::test]
async fn a_bad_series_does_not_affect_the_calibration() {
    let series = json!({"id": "good", "values": swings(10.0), "season_length": 1});
    let forecast = async |series: Value| {
        let body = json!({"horizon": 1, "levels": [80], "calibrate_windows": 20, "series": series});
        app().forecast(&body).await.ok()
    };
    let alone = forecast(json!([series])).await;
    let mixed = forecast(json!([{"values": []}, series, {"values": [1]}])).await;
    assert_eq!(mixed["forecasts"][1], alone["forecasts"][0]);
    assert_eq!(mixed["forecasts"][0]["error"]["code"], "empty_series");
    assert_eq!(mixed["forecasts"][2]["error"]["code"], "series_too_short");
}

#[tokio::test]
async fn too_little_history_for_a_calibration_causes_a_warning() {
    let codes = async |values: Value, windows: u32| -> Vec<String> {
        let body = json!({"horizon": 2, "values": values, "calibrate_windows": windows, "season_length": 1});
        let only = app().forecast(&body).await.only();
        only["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|warning| warning["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(codes(json!([1, 2, 3]), 5).await, ["not_calibrated"]);
    assert_eq!(codes(json!([7, 7, 7, 7, 7]), 1).await, ["not_calibrated"]);
    assert_eq!(
        codes(json!([1, 2, 3, 5, 4]), 1).await,
        ["calibrated_on_few"]
    );
    assert!(codes(json!(PASSENGERS), 5).await.is_empty());
}

#[tokio::test]
async fn windows_out_of_bounds_are_rejected_with_a_pointer() {
    let app = TestAppBuilder::scripted()
        .workers(vec![Scripted::failing("it must not be run")])
        .backtest(BacktestLimits {
            windows: 9,
            forecasts: 8,
        })
        .build();
    for (windows, code) in [
        (0, "invalid_windows"),
        (10, "too_many_windows"),
        (9, "backtest_too_large"),
    ] {
        let body = json!({"horizon": 1, "values": PASSENGERS, "calibrate_windows": windows});
        let problem = app.forecast(&body).await.problem(422, code);
        assert_eq!(problem["pointer"], "/calibrate_windows");
    }
    let uri = "/backtest?horizon=1&calibrate_windows=3";
    let answer = app.post(uri, "text/csv", "y\n1\n2\n3\n").await;
    answer.problem(400, "invalid_query");
}

#[test]
fn the_command_line_calibrates_forecasts_of_files() {
    let upper = |options: &[&str]| -> f64 {
        let output = Command::new(env!("CARGO_BIN_EXE_almanac"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([
                "forecast",
                "examples/air_passengers.csv",
                "--model",
                "seasonal",
            ])
            .args(["--horizon", "2", "--quantiles", "0.9"])
            .args(options)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        let table = String::from_utf8(output.stdout).unwrap();
        let row: Vec<_> = table.lines().nth(1).unwrap().split(',').collect();
        assert_eq!(row.len(), 5, "the mirrored level is not written: {table}");
        row[3].parse().unwrap()
    };
    let (plain, calibrated) = (upper(&[]), upper(&["--calibrate-windows", "30"]));
    assert!((plain - calibrated).abs() > 1e-3, "{plain} {calibrated}");
}

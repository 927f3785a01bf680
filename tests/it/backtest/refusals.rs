//! Backtests that are rejected as a whole.

use almanac_engine::registry::ModelState;
use almanac_forecast::BacktestLimits;
use serde_json::{Value, json};

use super::{backtest, seasonal_values};
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder};

fn app() -> TestApp {
    TestApp::scripted(Scripted::last_value())
}

/// Returns a backtest of a valid series, with the additional `fields`.
fn body(fields: &Value) -> Value {
    let mut body = json!({"values": seasonal_values(), "horizon": 4});
    let fields = fields.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    body
}

#[track_caller]
fn check(problem: &Value, pointer: &str, limit: &Value, received: &Value) {
    let actual = [&problem["pointer"], &problem["limit"], &problem["received"]];
    assert_eq!(actual, [&json!(pointer), limit, received], "{problem}");
}

#[tokio::test]
async fn invalid_windows_steps_and_horizons_are_rejected() {
    let app = app();
    let cases = [
        (
            json!({"windows": 0}),
            "invalid_windows",
            "/windows",
            Value::Null,
            json!(0),
        ),
        (
            json!({"windows": 1, "calibrate": true}),
            "invalid_windows",
            "/windows",
            Value::Null,
            json!(1),
        ),
        (
            json!({"windows": 51}),
            "too_many_windows",
            "/windows",
            json!(50),
            json!(51),
        ),
        (
            json!({"step": 0}),
            "invalid_step",
            "/step",
            Value::Null,
            json!(0),
        ),
        (
            json!({"step": 100_001}),
            "invalid_step",
            "/step",
            json!(100_000),
            json!(100_001),
        ),
        // The model's limit, and the server's.
        (
            json!({"horizon": 49, "models": ["scripted"]}),
            "horizon_too_long",
            "/horizon",
            json!(48),
            json!(49),
        ),
        (
            json!({"horizon": 1025}),
            "horizon_too_long",
            "/horizon",
            json!(1024),
            json!(1025),
        ),
        (
            json!({"windows": "3"}),
            "wrong_type",
            "/windows",
            Value::Null,
            json!("3"),
        ),
        (
            json!({"calibrate": 1}),
            "wrong_type",
            "/calibrate",
            Value::Null,
            json!(1),
        ),
        (
            json!({"models": "scripted"}),
            "wrong_type",
            "/models",
            Value::Null,
            json!("scripted"),
        ),
    ];
    for (fields, code, pointer, limit, received) in cases {
        let problem = backtest(&app, &body(&fields)).await.problem(422, code);
        check(&problem, pointer, &limit, &received);
    }
}

#[tokio::test]
async fn unknown_models_are_named() {
    let app = app();
    let problem = backtest(&app, &body(&json!({"models": ["scripted", "prophet"]})))
        .await
        .problem(404, "unknown_model");
    check(&problem, "/models/1", &Value::Null, &json!("prophet"));
    assert_eq!(problem["expected"], json!(["scripted"]));
    let both = body(&json!({"models": ["scripted"], "model": "scripted"}));
    let problem = backtest(&app, &both)
        .await
        .problem(422, "conflicting_fields");
    assert_eq!(problem["pointer"], "/models");
    backtest(&TestApp::loading("late"), &body(&json!({})))
        .await
        .problem(503, "model_loading");
}

#[tokio::test]
async fn a_default_model_that_failed_to_load_is_left_out_with_a_warning() {
    let app = app();
    let reason = "model.onnx is missing".to_owned();
    app.registry.set("broken", ModelState::Failed { reason });
    let answer = backtest(&app, &body(&json!({}))).await.ok();
    assert_eq!(
        answer["warnings"],
        json!([{"code": "model_left_out", "detail": "model broken is skipped: it failed to load: model.onnx is missing"}])
    );
    // Without models only the baselines are left.
    let answer = backtest(&app, &body(&json!({"models": []}))).await.ok();
    assert_eq!(answer["leaderboard"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_backtest_over_the_limit_is_rejected_before_it_runs() {
    let app = TestAppBuilder::scripted()
        .workers(vec![Scripted::failing("it must not be run")])
        .backtest(BacktestLimits {
            windows: 10,
            forecasts: 5,
        })
        .build();
    let problem = backtest(&app, &body(&json!({"windows": 6})))
        .await
        .problem(422, "backtest_too_large");
    check(&problem, "/windows", &json!(5), &json!(6));
    let baselines = body(&json!({"windows": 6, "models": []}));
    backtest(&app, &baselines)
        .await
        .problem(422, "backtest_too_large");
}

#[tokio::test]
async fn a_request_fails_if_every_series_is_too_short() {
    let app = app();
    let one = json!({"values": [1, 2, 3], "horizon": 4});
    let problem = backtest(&app, &one).await.problem(422, "series_too_short");
    check(&problem, "/values", &json!(6), &json!(3));
    let two = json!({"series": [{"values": [1, 2, 3]}, {"values": []}], "horizon": 4});
    let problem = backtest(&app, &two).await.problem(422, "all_series_failed");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn windows_are_rejected_in_forecasts_and_in_the_query_of_a_json_body() {
    let app = app();
    let answer = app.forecast(&body(&json!({"windows": 3}))).await;
    answer.problem(422, "unknown_field");
    let twice = app
        .post(
            "/backtest?windows=2",
            "application/json",
            body(&json!({})).to_string(),
        )
        .await;
    twice.problem(400, "invalid_query");
    let unknown = app.post("/backtest?window=2", "text/csv", "y\n1\n").await;
    let problem = unknown.problem(400, "invalid_query");
    assert!(
        problem["expected"]
            .as_array()
            .unwrap()
            .contains(&json!("windows"))
    );
    app.get("/backtest")
        .await
        .problem(405, "method_not_allowed");
}

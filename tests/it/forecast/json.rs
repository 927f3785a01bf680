//! JSON requests and JSON answers.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{PASSENGERS, with_horizon};
use crate::support::TestApp;
use crate::support::answer::{numbers, texts};

/// The body of the example in the README, which `curl -d` sends.
const CURL: &str = r#"{"values":[112,118,132,129,121,135,148,148,136,119,104,118],"frequency":"MS","start":"1949-01-01","horizon":12}"#;

#[tokio::test]
async fn answers_the_next_twelve_months_to_curl() {
    let app = TestApp::embedded();
    let answer = app
        .post("/forecast", "application/x-www-form-urlencoded", CURL)
        .await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.ok();
    assert_eq!(body["model"]["name"], "seasonal");
    assert_eq!(body["model"]["version"], "1");
    assert!(
        body["model"]["digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    let forecast = answer.only();
    assert_eq!(
        texts(&forecast["timestamps"]),
        [
            "1950-01-01",
            "1950-02-01",
            "1950-03-01",
            "1950-04-01",
            "1950-05-01",
            "1950-06-01",
            "1950-07-01",
            "1950-08-01",
            "1950-09-01",
            "1950-10-01",
            "1950-11-01",
            "1950-12-01",
        ]
    );
    assert_eq!(forecast["frequency"], "MS");
    assert_eq!(forecast["season_length"], 12);
    assert_eq!(forecast["context_length"], 12);
    assert_eq!(forecast["warnings"], json!([]));
    assert_eq!(forecast["point"], forecast["quantiles"]["0.5"]);
    assert_ordered(&forecast, &["0.1", "0.5", "0.9"], 12);
}

#[tokio::test]
async fn a_body_without_content_type_is_json() {
    let app = TestApp::embedded();
    let answer = app
        .send(Request::post("/forecast").body(Body::from(CURL)).unwrap())
        .await;
    assert_eq!(answer.only()["season_length"], 12);
}

#[tokio::test]
async fn values_and_a_horizon_are_sufficient() {
    let forecast = TestApp::embedded()
        .forecast(&json!({"values": [3, 5, 4, 6], "horizon": 2}))
        .await
        .only();
    let fields: Vec<_> = forecast
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        fields,
        [
            "context_length",
            "point",
            "quantiles",
            "season_length",
            "warnings"
        ]
    );
    assert_ordered(&forecast, &["0.1", "0.5", "0.9"], 2);
}

#[tokio::test]
async fn several_series_keep_their_order_and_ids_and_share_common_fields() {
    let body = json!({
        "horizon": 2, "frequency": "MS", "start": "2024-01-01", "season_length": 4,
        "series": [
            {"id": "north", "values": [1, 2, 3, 4, 5, 6, 7, 8]},
            {"id": 17, "values": [5, 5, 5, 5], "start": "2023-11-01"},
            {"values": [9, 8, 7], "frequency": "D", "season_length": 1},
            {"id": "stamped", "values": [1, 2, 3],
             "timestamps": ["2020-01-01", "2020-02-01", "2020-03-01"]},
        ],
    });
    let body = TestApp::embedded().forecast(&body).await.ok();
    let summaries: Vec<_> = body["forecasts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|forecast| {
            json!([
                forecast["id"],
                forecast["timestamps"][0],
                forecast["frequency"],
                forecast["season_length"]
            ])
        })
        .collect();
    assert_eq!(
        summaries,
        [
            json!(["north", "2024-09-01", "MS", 4]),
            json!(["17", "2024-03-01", "MS", 4]),
            json!([null, "2024-01-04", "D", 1]),
            json!(["stamped", "2020-04-01", "MS", 4]),
        ]
    );
}

#[tokio::test]
async fn levels_and_quantiles_are_returned_once_in_the_order_of_the_request() {
    let body = json!({
        "values": PASSENGERS, "horizon": 3,
        "quantiles": [0.9, 0.25, 0.9, 0.5], "levels": [95, 80, 95.0, 50.5],
    });
    let answer = TestApp::embedded().forecast(&body).await;
    // A parsed object has lost the order of its fields, so the text is searched.
    let place = |key: &str| {
        let places: Vec<_> = answer
            .text()
            .match_indices(&format!("\"{key}\":"))
            .collect();
        assert_eq!(places.len(), 1, "{key}");
        places[0].0
    };
    assert!(place("0.9") < place("0.25") && place("0.25") < place("0.5"));
    assert!(place("95") < place("80") && place("80") < place("50.5"));
    let forecast = answer.only();
    let ends = |level: &str, end: &str| numbers(&forecast["levels"][level][end]);
    for (outer, inner) in [("95", "80"), ("80", "50.5")] {
        for step in 0..3 {
            assert!(ends(outer, "lower")[step] <= ends(inner, "lower")[step]);
            assert!(ends(inner, "upper")[step] <= ends(outer, "upper")[step]);
        }
    }
    assert_eq!(ends("80", "upper"), numbers(&forecast["quantiles"]["0.9"]));
}

#[tokio::test]
async fn without_quantiles_and_levels_there_is_only_the_point() {
    let body = json!({"values": PASSENGERS, "horizon": 1, "quantiles": [], "levels": null});
    let forecast = TestApp::embedded().forecast(&body).await.only();
    assert_eq!(forecast["quantiles"], json!({}));
    assert_eq!(forecast.get("levels"), None);
    assert_eq!(numbers(&forecast["point"]).len(), 1);
}

#[tokio::test]
async fn a_level_beyond_the_models_own_is_extrapolated_with_a_warning() {
    let body = json!({"values": PASSENGERS, "horizon": 1, "quantiles": [0.001, 0.025]});
    let forecast = TestApp::embedded().forecast(&body).await.only();
    assert_eq!(
        forecast["warnings"],
        json!([{
            "code": "quantile_extrapolated",
            "detail": "level 0.001 is beyond the model's outermost level 0.025 and was extrapolated",
        }])
    );
    let lowest = |level: &str| numbers(&forecast["quantiles"][level])[0];
    assert!(lowest("0.001") <= lowest("0.025"));
}

#[tokio::test]
async fn null_is_a_missing_value() {
    let app = TestApp::embedded();
    let values = json!([
        112, null, 132, 129, 121, 135, 148, null, 136, 119, 104, null
    ]);
    let forecast = app
        .forecast(&json!({"values": values, "horizon": 3}))
        .await
        .only();
    assert_eq!(forecast["context_length"], 12);
    assert_ordered(&forecast, &["0.1", "0.5", "0.9"], 3);
}

#[tokio::test]
async fn bare_nan_is_a_missing_value_only_on_request() {
    let app = TestApp::alone();
    let text = r#"{"values": [112, NaN, 132, 129], "horizon": 2, "season_length": 1}"#;
    let allowed = app
        .post("/forecast?allow_nan=true", "application/json", text)
        .await
        .only();
    let null = text.replace("NaN", "null");
    let as_null = app.post("/forecast", "application/json", null).await.only();
    assert_eq!(allowed, as_null);
    let refused = app.post("/forecast", "application/json", text).await;
    let detail = refused.problem(400, "invalid_json")["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        detail,
        "NaN and Infinity are not JSON; send null for a missing value, or add ?allow_nan=true at line 1, column 18"
    );
}

#[tokio::test]
async fn numbers_may_be_written_as_json_allows() {
    let app = TestApp::embedded();
    let text = r#"{"values":[1.12e2,118.0,132,-0.0],"horizon":2.0,"season_length":1.0}"#;
    let forecast = app
        .post("/forecast", "application/json; charset=utf-8", text)
        .await
        .only();
    assert_eq!(numbers(&forecast["point"]).len(), 2);
}

#[tokio::test]
async fn season_length_is_given_or_detected_or_that_of_the_frequency() {
    let app = TestApp::embedded();
    // A season of 4 in values whose frequency would say 12.
    let values: Vec<_> = (0..40).map(|step| [10, 20, 15, 40][step % 4]).collect();
    for (season_length, expected) in [
        (json!(5), 5),
        (json!("detect"), 4),
        (Value::Null, 12),
        (json!(1), 1),
    ] {
        let body = json!({
            "values": values, "frequency": "MS", "start": "2020-01-01", "horizon": 1,
            "season_length": season_length,
        });
        assert_eq!(app.forecast(&body).await.only()["season_length"], expected);
    }
    let without_frequency = app
        .forecast(&with_horizon(json!({"values": values}), 1))
        .await
        .only();
    assert_eq!(without_frequency["season_length"], 4);
}

#[tokio::test]
async fn a_season_or_a_series_over_the_limits_of_the_model_causes_a_warning() {
    let values: Vec<_> = (0..3_000).map(|step| step % 50).collect();
    let body = json!({"values": values, "horizon": 1, "season_length": 1_500});
    let forecast = TestApp::embedded().forecast(&body).await.only();
    assert_eq!(forecast["context_length"], 2_048);
    let codes: Vec<_> = forecast["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["context_truncated", "season_ignored"]);
}

#[tokio::test]
async fn a_model_can_be_named() {
    let app = TestApp::embedded();
    let body = json!({"values": PASSENGERS, "horizon": 1, "model": "seasonal"});
    assert_eq!(app.forecast(&body).await.ok()["model"]["name"], "seasonal");
}

#[tokio::test]
async fn a_large_body_is_read_like_a_small_one() {
    let app = TestApp::alone();
    let small = app
        .forecast(&with_horizon(json!({"values": PASSENGERS}), 3))
        .await
        .only();
    let mut body = with_horizon(json!({"values": PASSENGERS}), 3).to_string();
    body.insert_str(1, &" ".repeat(100_000));
    let large = app.post("/forecast", "application/json", body).await.only();
    assert_eq!(small, large);
}

#[tokio::test]
async fn a_valid_request_id_is_echoed_and_an_invalid_one_is_replaced() {
    let app = TestApp::embedded();
    let send = |id: &str| {
        let request = Request::get("/healthz").header("x-request-id", id);
        app.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(
        send("trace-42").await.header("x-request-id"),
        Some("trace-42")
    );
    let long = "x".repeat(129);
    for invalid in ["", "two words", long.as_str()] {
        let answer = send(invalid).await;
        let id = answer.header("x-request-id").unwrap();
        assert!(
            id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{id}"
        );
    }
    let (first, second) = (app.get("/healthz").await, app.get("/healthz").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn server_timing_has_the_time_of_each_phase() {
    let app = TestApp::embedded();
    let answer = app
        .forecast(&with_horizon(json!({"values": PASSENGERS}), 12))
        .await;
    let phases = |header: Option<&str>| -> Vec<(String, f64)> {
        let phase = |text: &str| {
            let (name, milliseconds) = text.split_once(";dur=").unwrap();
            (name.trim().to_owned(), milliseconds.parse().unwrap())
        };
        header.unwrap().split(',').map(phase).collect()
    };
    let timing = phases(answer.header("server-timing"));
    let names: Vec<_> = timing.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["parse", "queue", "inference", "write", "total"]);
    let (total, parts) = timing.split_last().unwrap();
    let sum: f64 = parts.iter().map(|(_, milliseconds)| milliseconds).sum();
    // Each is rounded to a microsecond.
    assert!(sum <= total.1 + 0.01, "{timing:?}");
    assert!(timing[2].1 > 0.0, "{timing:?}");
    let of_health = phases(app.get("/healthz").await.header("server-timing"));
    assert_eq!(of_health.len(), 1);
}

/// Checks that each of `levels` has `steps` values, which rise with the level.
#[track_caller]
fn assert_ordered(forecast: &Value, levels: &[&str], steps: usize) {
    let quantiles = forecast["quantiles"].as_object().unwrap();
    assert_eq!(
        quantiles.keys().map(String::as_str).collect::<Vec<_>>(),
        levels
    );
    for pair in levels.windows(2) {
        let (low, high) = (numbers(&quantiles[pair[0]]), numbers(&quantiles[pair[1]]));
        assert_eq!((low.len(), high.len()), (steps, steps));
        assert!(
            low.iter().zip(&high).all(|(low, high)| low <= high),
            "{quantiles:?}"
        );
    }
}

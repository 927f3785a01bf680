//! `POST /backtest` and `almanac backtest`.
//!
//! Requests name their models, so that the tests do not depend on which models are bundled.

mod cli;
mod refusals;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::answer::{Answer, texts};
use crate::support::scripted::{Scripted, last_values};

/// Airline passengers by month, Box and Jenkins (1976).
const PASSENGERS: &str = include_str!("../../examples/air_passengers.csv");

async fn backtest(app: &TestApp, body: &Value) -> Answer {
    app.post("/backtest", "application/json", body.to_string())
        .await
}

async fn backtest_csv(app: &TestApp, query: &str, accept: &str) -> Answer {
    let request = Request::post(format!("/backtest?{query}"))
        .header(header::CONTENT_TYPE, "text/csv")
        .header(header::ACCEPT, accept);
    app.send(request.body(Body::from(PASSENGERS)).unwrap())
        .await
}

/// Returns twenty-four rising values with a season of four.
fn seasonal_values() -> Vec<f64> {
    let season = [10.0, 20.0, 30.0, 15.0];
    (0..24_usize)
        .map(|step| season[step % 4] + step as f64 + if step % 5 == 0 { 3.0 } else { 0.0 })
        .collect()
}

/// Returns the row of `name` and `kind` in the leaderboard.
#[track_caller]
fn row<'a>(answer: &'a Value, name: &str, kind: &str) -> &'a Value {
    answer["leaderboard"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == name && row["kind"] == kind)
        .unwrap_or_else(|| panic!("{name} is not in {answer}"))
}

#[tokio::test]
async fn the_leaderboard_has_models_and_baselines_best_first() {
    let app = TestApp::scripted(Scripted::last_value());
    let body = json!({"horizon": 4, "windows": 2, "values": seasonal_values(), "season_length": 4, "id": "a"});
    let mut answer = backtest(&app, &body).await.ok();
    for row in answer["leaderboard"].as_array_mut().unwrap() {
        assert!(row["seconds"].take().as_f64().unwrap() >= 0.0);
        let steps = row["by_step"].take();
        assert_eq!(steps.as_array().unwrap().len(), 4);
    }
    insta::assert_json_snapshot!(answer);
}

#[tokio::test]
async fn a_model_that_repeats_the_last_value_scores_like_the_naive_baseline() {
    let app = TestApp::scripted(Scripted::last_value());
    let body = json!({"horizon": 4, "windows": 3, "step": 1, "values": seasonal_values(), "season_length": 4});
    let answer = backtest(&app, &body).await.ok();
    let (model, naive) = (
        row(&answer, "scripted", "model"),
        row(&answer, "naive", "baseline"),
    );
    for score in ["mase", "smape", "relative_mase"] {
        assert_eq!(model[score], naive[score], "{score}");
    }
    let reference = row(&answer, "seasonal_naive", "baseline");
    assert_eq!(
        (&reference["relative_mase"], &reference["relative_wql"]),
        (&json!(1.0), &json!(1.0))
    );
}

/// The body may be any body of `/forecast`; its levels select the coverage that is computed.
#[tokio::test]
async fn coverage_is_that_of_the_levels_and_a_missing_value_is_not_scored() {
    let app = TestApp::scripted(Scripted::last_value());
    let body = json!({"horizon": 2, "windows": 1, "model": "scripted", "quantiles": [0.1, 0.9], "levels": [50, 80],
        "season_length": 1, "values": [5, 5, 5, 5, 5.5, null, 7]});
    let answer = backtest(&app, &body).await.ok();
    // Only the last of two steps is observed, 1.5 above the forecast: outside of both intervals.
    let model = row(&answer, "scripted", "model");
    assert_eq!(model["coverage"], json!({"50": 0.0, "80": 0.0}));
    assert_eq!(model["by_step"][0]["mase"], Value::Null);
    assert_eq!(model["by_step"][1]["smape"], model["smape"]);
}

#[tokio::test]
async fn a_bad_series_does_not_affect_the_other_series() {
    let app = TestApp::scripted(Scripted::last_value());
    let good = json!({"id": "good", "values": seasonal_values(), "season_length": 4});
    let settings = |series: Vec<Value>| json!({"horizon": 4, "windows": 2, "series": series});
    let alone = backtest(&app, &settings(vec![good.clone(), good.clone()]))
        .await
        .ok();
    let bad = [
        json!({"id": "short", "values": [1, 2, 3]}),
        json!({"id": "empty", "values": []}),
        json!({"id": "wrong", "values": ["x"]}),
    ];
    let [short, empty, wrong] = bad.clone();
    let mixed = backtest(
        &app,
        &settings(vec![short, good.clone(), empty, wrong, good]),
    )
    .await
    .ok();
    let errors: Vec<_> = [0, 2, 3]
        .map(|index| mixed["series"][index]["error"].clone())
        .into();
    let codes_and_pointers: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error["code"].as_str().unwrap(),
                error["pointer"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        codes_and_pointers,
        [
            ("series_too_short", "/series/0/values"),
            ("empty_series", "/series/2/values"),
            ("wrong_type", "/series/3/values/0"),
        ]
    );
    assert_eq!(
        (&errors[0]["limit"], &errors[0]["received"]),
        (&json!(6), &json!(3))
    );
    assert_eq!(mixed["series"][1], alone["series"][0]);
    assert_eq!(mixed["series"][4], alone["series"][1]);
    for score in ["mase", "relative_mase", "coverage", "windows"] {
        let of = |answer| row(answer, "scripted", "model")[score].clone();
        assert_eq!(of(&mixed), of(&alone), "{score}");
    }
}

/// A window of the second series ends in 999, on which the model fails.
#[tokio::test]
async fn a_window_on_which_a_model_fails_is_only_counted() {
    let app = TestApp::scripted(Scripted::new(|batch| {
        let mut output = last_values(batch);
        output.mapv_inplace(|value| if value > 100.0 { f32::NAN } else { value });
        Ok(output)
    }));
    let series = json!([{"values": [1, 2, 3, 4, 5, 6]}, {"values": [1, 2, 3, 999, 5, 6]}]);
    let answer = backtest(
        &app,
        &json!({"horizon": 1, "windows": 2, "step": 2, "series": series}),
    )
    .await
    .ok();
    let model = row(&answer, "scripted", "model");
    assert_eq!(
        (&model["windows"], &model["failed"]),
        (&json!(4), &json!(0))
    );
    let answer = backtest(
        &app,
        &json!({"horizon": 1, "windows": 2, "step": 1, "series": series}),
    )
    .await
    .ok();
    let model = row(&answer, "scripted", "model");
    assert_eq!(
        (&model["windows"], &model["failed"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(answer["warnings"][0]["code"], "windows_failed");
    let baseline = row(&answer, "mean", "baseline");
    assert_eq!(
        (&baseline["windows"], &baseline["failed"]),
        (&json!(4), &json!(0))
    );
}

/// The intervals of the model are far too narrow, and there are enough windows to calibrate them.
#[tokio::test]
async fn calibrated_intervals_have_their_nominal_coverage_on_later_windows() {
    let app = TestApp::scripted(Scripted::last_value());
    // Noise of a congruential generator around a level, ten times as wide as the interval.
    let noisy = |seed: u64| -> Vec<f64> {
        let mut state = seed;
        let draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
        };
        std::iter::repeat_with(draw)
            .take(60)
            .map(|value| 100.0 + 20.0 * value)
            .collect()
    };
    let series: Vec<_> = (1..=40)
        .map(|seed| json!({"values": noisy(seed * 97), "season_length": 1}))
        .collect();
    let body = json!({"horizon": 3, "windows": 9, "calibrate": true, "models": ["scripted"], "series": series});
    let answer = backtest(&app, &body).await.ok();
    assert_eq!(answer["scored_windows"], 3);
    let coverage = |kind| {
        row(&answer, "scripted", kind)["coverage"]["80"]
            .as_f64()
            .unwrap()
    };
    let (plain, calibrated) = (coverage("model"), coverage("calibrated"));
    assert!(plain < 0.3, "{plain}");
    // 360 values of 40 series: the standard error is about three percentage points.
    assert!((0.74..0.88).contains(&calibrated), "{calibrated}");
    let wql = |kind| row(&answer, "scripted", kind)["wql"].as_f64().unwrap();
    assert!(wql("calibrated") < wql("model"));
    // The median does not change.
    let mase = |kind| row(&answer, "scripted", kind)["mase"].clone();
    assert_eq!(mase("calibrated"), mase("model"));
}

#[tokio::test]
async fn a_calibration_without_earlier_windows_causes_a_warning() {
    let app = TestApp::scripted(Scripted::last_value());
    let body =
        json!({"horizon": 4, "windows": 3, "calibrate": true, "values": [1, 2, 3, 4, 5, 6, 7]});
    let answer = backtest(&app, &body).await.ok();
    let codes: Vec<_> = answer["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["not_calibrated"]);
}

#[tokio::test]
async fn a_table_with_its_settings_in_the_query_gives_a_table() {
    let app = TestApp::scripted(Scripted::last_value());
    let answer = backtest_csv(&app, "horizon=12&windows=2&models=scripted", "text/csv").await;
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    let without_seconds: Vec<_> = answer
        .text()
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0)
        .collect();
    insta::assert_snapshot!(without_seconds.join("\n"));
}

#[tokio::test]
async fn the_drawing_is_an_svg_document_with_every_name() {
    let app = TestApp::scripted(Scripted::last_value());
    let answer = backtest_csv(&app, "horizon=12&windows=2&calibrate=true", "image/svg+xml").await;
    assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
    let drawing = answer.text();
    assert!(drawing.starts_with("<svg xmlns=") && drawing.ends_with("</svg>\n"));
    for name in [
        "scripted",
        "scripted, calibrated",
        "seasonal_naive",
        "drift",
        "mean",
    ] {
        assert!(drawing.contains(&format!(">{name}</text>")), "{name}");
    }
}

#[tokio::test]
async fn a_bundled_model_is_compared_by_name() {
    let answer = backtest_csv(
        &TestApp::embedded(),
        "horizon=12&windows=3&models=seasonal",
        "application/json",
    )
    .await
    .ok();
    let model = row(&answer, "seasonal", "model");
    // The model knows trends and seasons; the limit is far from its score, and from 1.
    assert!(model["relative_mase"].as_f64().unwrap() < 0.7, "{model}");
    assert_eq!(
        texts(&json!([answer["leaderboard"][0]["name"]])),
        ["seasonal"]
    );
    for step in model["by_step"].as_array().unwrap() {
        assert!(step["mase"].as_f64().unwrap().is_finite(), "{step}");
    }
}

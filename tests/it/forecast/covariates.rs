//! Covariates: from a request to a model, and in the answer.

use serde_json::{Value, json};

use crate::support::answer::{numbers, texts};
use crate::support::scripted::{Scripted, manifest_with_covariates};
use crate::support::{TestApp, TestAppBuilder};

/// Returns a service whose model needs a future covariate and a category, and forecasts the price.
fn app() -> TestApp {
    let manifest = manifest_with_covariates();
    let script = {
        let manifest = manifest.clone();
        Scripted::new(move |batch| {
            let prices = batch.input(&manifest, &manifest.inputs[0]);
            let regions = batch.input(&manifest, &manifest.inputs[1]);
            let width = batch.contexts().ncols();
            let shape = (batch.len(), 3, batch.horizon());
            Ok(ndarray::Array3::from_shape_fn(shape, |(row, _, step)| {
                let price = prices[[row, width + step, 0]];
                #[expect(clippy::cast_possible_truncation, reason = "a few whole numbers")]
                let value = (price + 1_000.0 * regions[[row]]) as f32;
                value
            }))
        })
    };
    TestAppBuilder::scripted()
        .workers_of(manifest, vec![script])
        .build()
}

fn series(region: &str, prices: &[f64]) -> Value {
    json!({"values": [1, 2, 3], "covariates":
        {"future": {"price": prices}, "static": {"region": region}}})
}

#[tokio::test]
async fn a_model_receives_its_covariates_by_name() {
    let bad = json!({"id": "bad", "values": [1, 2, 3]});
    let mut unused = series("north", &[1.0, 2.0, 3.0, 4.0, 5.0]);
    unused["covariates"]["past"] = json!({"load": [1, null, 3]});
    let body = json!({"horizon": 2, "series": [
        series("south", &[1.0, 2.0, 3.0, 40.0, 50.0]), bad, unused]});
    let answer = app().forecast(&body).await.ok();
    let forecasts = &answer["forecasts"];
    assert_eq!(numbers(&forecasts[0]["point"]), [1_040.0, 1_050.0]);
    let error = &forecasts[1]["error"];
    assert_eq!(error["code"], "missing_covariate");
    assert_eq!(error["pointer"], "/series/1/covariates/future/price");
    assert_eq!(numbers(&forecasts[2]["point"]), [4.0, 5.0]);
    let codes: Vec<_> = forecasts[2]["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| &warning["code"])
        .collect();
    assert_eq!(codes, ["covariates_ignored", "covariates_extended"]);
    let detail = forecasts[2]["warnings"][0]["detail"].as_str().unwrap();
    assert!(detail.ends_with("were ignored: load"), "{detail}");
}

#[tokio::test]
async fn gaps_of_a_series_are_filled_in_its_covariates() {
    let mut one = series("north", &[1.0, 2.0, 3.0, 4.0]);
    one["timestamps"] = json!(["2024-01-01", "2024-01-02", "2024-01-05"]);
    one["horizon"] = json!(1);
    one["frequency"] = json!("D");
    assert_eq!(numbers(&app().forecast(&one).await.only()["point"]), [4.0]);
}

#[tokio::test]
async fn a_backtest_cuts_covariates_with_the_series() {
    // At each cut the model forecasts the future price, which equals the observed value.
    let values: Vec<f64> = (0..12).map(f64::from).collect();
    let body = json!({"values": values, "horizon": 3, "windows": 2, "models": ["scripted"],
        "covariates": {"future": {"price": values}, "static": {"region": "north"}}});
    let answer = app()
        .post("/backtest", "application/json", body.to_string())
        .await
        .ok();
    let board = answer["leaderboard"].as_array().unwrap();
    let own = board
        .iter()
        .find(|entry| entry["name"] == "scripted")
        .unwrap();
    assert_eq!(own["mase"], 0.0, "{own}");
}

#[tokio::test]
async fn the_api_lists_the_covariates_of_a_model() {
    let body = app().get("/models/scripted").await.ok();
    assert_eq!(
        body["covariates"],
        json!([{"name": "price", "kind": "future"},
            {"name": "region", "kind": "static", "categories": ["north", "south"]}])
    );
    let plain = TestApp::scripted(Scripted::last_value());
    let body = plain.get("/models/scripted").await.ok();
    assert_eq!(body.get("covariates"), None);
    assert_eq!(body.get("any_covariates"), None);
}

#[tokio::test]
async fn json_lines_accept_covariates() {
    let mut one = series("north", &[1.0, 2.0, 3.0, 9.0]);
    one["horizon"] = json!(1);
    let answer = app()
        .post(
            "/forecast",
            "application/jsonlines",
            format!("{one}\n{{\"values\":[1,2],\"horizon\":1}}\n"),
        )
        .await;
    let lines: Vec<_> = answer.text().lines().collect();
    let first: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(numbers(&first["forecasts"][0]["point"]), [9.0]);
    let second: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(texts(&json!([second["code"]])), ["missing_covariate"]);
}

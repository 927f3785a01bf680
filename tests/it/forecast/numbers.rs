//! Properties of the numbers of a forecast that hold for every series.

use serde_json::json;

use super::PASSENGERS;
use crate::support::TestApp;
use crate::support::answer::numbers;

/// Forecasts the passengers times `factor`, and returns the forecasts divided by it.
async fn rescaled(app: &TestApp, factor: f64) -> Vec<f64> {
    let values: Vec<_> = PASSENGERS
        .iter()
        .map(|value| f64::from(*value) * factor)
        .collect();
    let body = json!({"values": values, "horizon": 12, "season_length": 12});
    let forecast = app.forecast(&body).await.only();
    forecast["quantiles"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(numbers)
        .map(|value| value / factor)
        .collect()
}

#[tokio::test]
async fn forecasts_scale_with_the_series() {
    let app = TestApp::embedded();
    let plain = rescaled(&app, 1.0).await;
    for factor in [1e30, 1e-30, 1e200, 1e-200, 1_024.0] {
        for (plain, scaled) in plain.iter().zip(rescaled(&app, factor).await) {
            // The model computes in f32, on a context whose scale is within a factor of two.
            assert!(
                (plain - scaled).abs() <= 1e-4 * plain.abs(),
                "{factor}: {plain} {scaled}"
            );
        }
    }
}

#[tokio::test]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the numbers were f32 before they were written"
)]
async fn a_power_of_two_scales_exactly() {
    let app = TestApp::alone();
    for (plain, scaled) in rescaled(&app, 1.0)
        .await
        .iter()
        .zip(rescaled(&app, 1_099_511_627_776.0).await)
    {
        // Each is the shortest decimal of its f32, and these differ by the factor only.
        let [own, other] = [*plain, scaled].map(|value| value as f32);
        assert_eq!(own.to_bits(), other.to_bits(), "{plain} {scaled}");
    }
}

#[tokio::test]
async fn a_constant_series_continues() {
    for value in [0.0, 42.0, -3.5] {
        let body = json!({"values": vec![value; 24], "horizon": 6});
        let forecast = TestApp::embedded().forecast(&body).await.only();
        for point in numbers(&forecast["point"]) {
            assert!(
                (point - value).abs() <= 1e-5 * f64::abs(value),
                "{value}: {point}"
            );
        }
    }
}

#[tokio::test]
async fn a_series_without_negative_values_has_no_negative_forecast() {
    let body = json!({
        "values": [0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 2], "horizon": 12,
        "quantiles": [0.0001, 0.025, 0.5],
    });
    let forecast = TestApp::embedded().forecast(&body).await.only();
    for quantile in forecast["quantiles"].as_object().unwrap().values() {
        assert!(
            numbers(quantile).iter().all(|value| *value >= 0.0),
            "{quantile}"
        );
    }
}

#[tokio::test]
async fn one_value_is_sufficient() {
    let forecast = TestApp::embedded()
        .forecast(&json!({"values": [5], "horizon": 3}))
        .await
        .only();
    assert_eq!(numbers(&forecast["point"]), [5.0; 3]);
}

#[tokio::test]
async fn the_longest_horizon_is_served() {
    let body = json!({"values": PASSENGERS, "horizon": 1_024});
    let forecast = TestApp::embedded().forecast(&body).await.only();
    assert_eq!(numbers(&forecast["point"]).len(), 1_024);
}

#[tokio::test]
async fn integers_beyond_f64_are_rounded_and_not_rejected() {
    let text = r#"{"values": [18446744073709551616123, 18446744073709551616123], "horizon": 1}"#;
    let answer = TestApp::embedded()
        .post("/forecast", "application/json", text)
        .await
        .only();
    let point = numbers(&answer["point"])[0];
    assert!(
        (point / 1.844_674_407_370_955_2e22 - 1.0).abs() < 1e-6,
        "{point}"
    );
}

//! Series that are difficult for a forecaster, forecast by every bundled model through the service.

use serde_json::{Value, json};

use super::with_horizon;
use crate::support::TestApp;
use crate::support::answer::numbers;

const MODELS: [&str; 2] = ["almanac", "seasonal"];
const HORIZON: usize = 12;

/// The lower end, the median and the upper end of the 80 % interval.
struct Band {
    lower: Vec<f64>,
    point: Vec<f64>,
    upper: Vec<f64>,
}

impl Band {
    /// Checks that the interval is finite, ordered and complete.
    fn assert_valid(&self, case: &str) {
        for ((lower, point), upper) in self.lower.iter().zip(&self.point).zip(&self.upper) {
            assert!(lower.is_finite() && upper.is_finite(), "{case}");
            assert!(
                lower <= point && point <= upper,
                "{case}: {lower} {point} {upper}"
            );
        }
        assert_eq!(self.point.len(), HORIZON, "{case}");
    }

    fn widest(&self) -> f64 {
        self.upper
            .iter()
            .zip(&self.lower)
            .map(|(upper, lower)| upper - lower)
            .fold(0.0, f64::max)
    }
}

async fn band(app: &TestApp, model: &str, values: &Value, season_length: usize) -> Band {
    let mut body = with_horizon(
        json!({"values": values, "season_length": season_length}),
        HORIZON as u64,
    );
    body["model"] = json!(model);
    body["levels"] = json!([80]);
    let forecast = app.forecast(&body).await.only();
    let ends = &forecast["levels"]["80"];
    Band {
        lower: numbers(&ends["lower"]),
        point: numbers(&forecast["point"]),
        upper: numbers(&ends["upper"]),
    }
}

/// Returns a pseudo-random number from -0.5 to 0.5 that is the same on every machine (`SplitMix64`).
fn noise(step: usize) -> f64 {
    let mut state = (step as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((state ^ (state >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

fn monthly(steps: usize) -> Vec<f64> {
    let season = |step: usize| (step as f64 * std::f64::consts::TAU / 12.0).sin();
    (0..steps)
        .map(|step| 50.0 + 10.0 * season(step) + 4.0 * noise(step))
        .collect()
}

#[tokio::test]
async fn a_few_points_have_a_valid_interval() {
    let app = TestApp::embedded();
    for model in MODELS {
        for count in 1..=5 {
            let values: Vec<_> = [20.0, 22.0, 19.0, 21.0, 23.0][..count].to_vec();
            let band = band(&app, model, &json!(values), 12).await;
            band.assert_valid(&format!("{model}, {count} points"));
            assert!(
                band.widest() > 0.5,
                "{model}, {count} points: {}",
                band.widest()
            );
            assert!(band.point.iter().all(|point| (5.0..60.0).contains(point)));
        }
    }
}

#[tokio::test]
async fn a_constant_series_stays_constant_and_has_a_negligible_interval() {
    let app = TestApp::embedded();
    for model in MODELS {
        for value in [0.0, 7.0, -3.5, 1e12_f64] {
            let band = band(&app, model, &json!(vec![value; 40]), 12).await;
            band.assert_valid(model);
            assert!(band.widest() <= 1e-4 * value.abs(), "{model} {value}");
            assert!(
                (band.point[0] - value).abs() <= 1e-4 * value.abs(),
                "{model} {value}"
            );
        }
    }
}

#[tokio::test]
async fn a_single_event_among_zeros_is_forecast_near_zero() {
    let app = TestApp::embedded();
    for model in MODELS {
        for at in [0, 20, 38] {
            let mut values = vec![0.0; 40];
            values[at] = 9.0;
            let band = band(&app, model, &json!(values), 7).await;
            band.assert_valid(model);
            // A single event only shows that the next one is not larger.
            assert!(
                band.point.iter().all(|point| (0.0..9.0).contains(point)),
                "{model} {at}"
            );
        }
    }
}

#[tokio::test]
async fn intermittent_counts_are_never_negative_and_may_be_zero() {
    let app = TestApp::embedded();
    for model in MODELS {
        let values: Vec<_> = (0..90)
            .map(|step| if noise(step) > 0.2 { 3.0 } else { 0.0 })
            .collect();
        let band = band(&app, model, &json!(values), 7).await;
        band.assert_valid(model);
        assert!(
            band.lower.iter().all(|lower| *lower == 0.0),
            "{model}: {:?}",
            band.lower
        );
        assert!(
            band.upper.iter().any(|upper| *upper > 1.0),
            "{model}: {:?}",
            band.upper
        );
    }
}

#[tokio::test]
async fn a_trend_continues_through_zero() {
    let app = TestApp::embedded();
    for model in MODELS {
        let values: Vec<_> = (0..40)
            .map(|step| 10.0 - 0.5 * step as f64 + noise(step))
            .collect();
        let band = band(&app, model, &json!(values), 1).await;
        band.assert_valid(model);
        assert!(band.point[HORIZON - 1] < -10.0, "{model}: {:?}", band.point);
    }
}

#[tokio::test]
async fn after_a_level_shift_the_forecast_stays_at_the_new_level() {
    let app = TestApp::embedded();
    for model in MODELS {
        let level = |step: usize| if step < 60 { 10.0 } else { 40.0 };
        let values: Vec<_> = (0..84)
            .map(|step| level(step) + 2.0 * noise(step))
            .collect();
        let band = band(&app, model, &json!(values), 12).await;
        band.assert_valid(model);
        assert!(
            band.point.iter().all(|point| (25.0..55.0).contains(point)),
            "{model}"
        );
    }
}

#[tokio::test]
async fn units_do_not_matter() {
    let app = TestApp::embedded();
    for model in MODELS {
        let plain = band(&app, model, &json!(monthly(72)), 12).await;
        for factor in [1e30, 1e-30, -1.0] {
            let values: Vec<_> = monthly(72).iter().map(|value| value * factor).collect();
            let scaled = band(&app, model, &json!(values), 12).await;
            scaled.assert_valid(model);
            if factor < 0.0 {
                continue; // Multiplicative experts are used for positive values only.
            }
            for (scaled, plain) in scaled.upper.iter().zip(&plain.upper) {
                let difference = (scaled / factor - plain).abs();
                assert!(difference <= 1e-4 * plain.abs(), "{model} {factor}");
            }
        }
    }
}

#[tokio::test]
async fn missing_values_change_the_forecast_little() {
    let app = TestApp::embedded();
    for model in MODELS {
        let whole = band(&app, model, &json!(monthly(96)), 12).await;
        let with_gaps = |is_missing: &dyn Fn(usize) -> bool| -> Value {
            let mut values: Vec<_> = monthly(96).into_iter().map(Value::from).collect();
            for (step, value) in values.iter_mut().enumerate() {
                if is_missing(step) {
                    *value = Value::Null;
                }
            }
            Value::from(values)
        };
        let gaps: [(&str, &dyn Fn(usize) -> bool); 3] = [
            ("a third", &|step| noise(step) > 0.2),
            ("leading", &|step| step < 24),
            ("trailing", &|step| step >= 93),
        ];
        for (case, is_missing) in gaps {
            let band = band(&app, model, &with_gaps(is_missing), 12).await;
            band.assert_valid(&format!("{model}, {case}"));
            for (own, whole) in band.point.iter().zip(&whole.point) {
                assert!(
                    (own - whole).abs() < 8.0,
                    "{model}, {case} missing: {own} {whole}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_season_longer_than_the_history_is_ignored() {
    let app = TestApp::embedded();
    for model in MODELS {
        let long = band(&app, model, &json!(monthly(30)), 52).await;
        long.assert_valid(model);
        assert!(
            long.point.iter().all(|point| (20.0..80.0).contains(point)),
            "{model}"
        );
    }
}

#[tokio::test]
async fn mixed_signs_have_a_valid_interval() {
    let app = TestApp::embedded();
    for model in MODELS {
        let values: Vec<_> = (0..60).map(|step| 20.0 * noise(step)).collect();
        let band = band(&app, model, &json!(values), 12).await;
        band.assert_valid(model);
        assert!(band.point.iter().all(|point| point.abs() < 10.0), "{model}");
        assert!(band.lower[0] < 0.0 && band.upper[0] > 0.0, "{model}");
    }
}

//! A series that cannot be forecast does not affect the other series of a request.

use serde_json::{Value, json};

use super::{PASSENGERS, daily_values};
use crate::support::TestApp;
use crate::support::answer::numbers;

/// Returns each kind of bad series, with the code and the pointer of its problem.
fn bad_series() -> Vec<(Value, &'static str, &'static str)> {
    let start = "2024-01-01";
    vec![
        (json!({}), "missing_field", "/values"),
        (json!([1, 2, 3]), "wrong_type", ""),
        (json!({"values": []}), "empty_series", "/values"),
        (json!({"values": [null, null]}), "all_missing", "/values"),
        (json!({"values": [1, "x"]}), "wrong_type", "/values/1"),
        (json!({"values": "1,2"}), "wrong_type", "/values"),
        (
            json!({"values": [1, [2, {"a": [3]}]], "frequency": "D"}),
            "wrong_type",
            "/values/1",
        ),
        (
            json!({"values": [1], "valeus": [2]}),
            "unknown_field",
            "/valeus",
        ),
        (
            json!({"values": [1, 2], "start": "soon", "frequency": "D"}),
            "invalid_start",
            "/start",
        ),
        (
            json!({"values": [1, 2], "start": start}),
            "frequency_missing",
            "/frequency",
        ),
        (
            json!({"values": [1, 2], "start": start, "frequency": "x"}),
            "unknown_frequency",
            "/frequency",
        ),
        (
            json!({"values": [1, 2], "start": start, "frequency": 1}),
            "wrong_type",
            "/frequency",
        ),
        (
            json!({"values": [1, 2], "timestamps": [start]}),
            "length_mismatch",
            "/timestamps",
        ),
        (
            json!({"values": [1, 2], "timestamps": [start, start], "frequency": "D"}),
            "duplicate_timestamp",
            "/timestamps/1",
        ),
        (
            json!({"values": [1, 2], "season_length": 0}),
            "invalid_season_length",
            "/season_length",
        ),
        (
            json!({"values": [1, 2], "start": "9999-12-31", "frequency": "D"}),
            "calendar_out_of_range",
            "/start",
        ),
    ]
}

#[tokio::test]
async fn forecasts_next_to_each_kind_of_bad_series_are_exactly_the_same() {
    let app = TestApp::alone();
    let good = [
        json!({"id": "months", "values": PASSENGERS, "start": "1949-01-01", "frequency": "MS"}),
        json!({"id": "days", "values": daily_values()}),
    ];
    let forecasts = |series: Vec<Value>| {
        let body = json!({"horizon": 6, "levels": [80], "series": series});
        let app = app.clone();
        async move { app.forecast(&body).await.ok()["forecasts"].take() }
    };
    let alone = forecasts(good.to_vec()).await;
    for (bad, code, pointer) in bad_series() {
        let mixed = forecasts(vec![good[0].clone(), bad.clone(), good[1].clone()]).await;
        assert_eq!((&mixed[0], &mixed[2]), (&alone[0], &alone[1]), "{bad}");
        let error = &mixed[1]["error"];
        assert_eq!(error["code"], code, "{bad}: {error}");
        assert_eq!(error["pointer"], format!("/series/1{pointer}"), "{bad}");
        assert_eq!(mixed[1].as_object().unwrap().len(), 1, "{bad}");
    }
}

#[tokio::test]
async fn a_bad_series_keeps_its_id_at_any_position() {
    let body = json!({"horizon": 1, "series": [
        {"values": PASSENGERS},
        {"id": "first", "values": ["x"]},
        {"values": [1, {"id": "inner"}], "id": 7},
        {"start": "never", "values": [1, 2], "frequency": "D", "id": "last"},
    ]});
    // `serde_json` sorts the fields of an object, so the body is written by hand.
    let text = r#"{"horizon":1,"series":[{"values":[1,2]},{"id":"first","values":["x"]},{"values":[1,{"id":"inner"}],"id":7},{"frequency":"D","start":"never","values":[1,2],"id":"last"}]}"#;
    assert_eq!(body["series"].as_array().unwrap().len(), 4);
    let answer = TestApp::embedded()
        .post("/forecast", "application/json", text)
        .await
        .ok();
    let ids: Vec<_> = (1..4)
        .map(|index| answer["forecasts"][index]["id"].clone())
        .collect();
    assert_eq!(ids, ["first", "7", "last"]);
}

#[tokio::test]
async fn a_request_whose_series_all_fail_reports_each_reason() {
    let bad = bad_series();
    let series: Vec<_> = bad.iter().map(|(series, ..)| series).collect();
    let problem = TestApp::embedded()
        .forecast(&json!({"horizon": 6, "series": series}))
        .await
        .problem(422, "all_series_failed");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors.len(), bad.len());
    for (error, (_, code, _)) in errors.iter().zip(&bad) {
        assert_eq!(error["error"]["code"], *code);
    }
}

#[tokio::test]
async fn a_request_of_one_bad_series_fails_with_its_problem() {
    for (bad, code, pointer) in bad_series() {
        let problem = TestApp::embedded()
            .forecast(&json!({"horizon": 6, "series": [bad]}))
            .await
            .problem(422, code);
        assert_eq!(problem["pointer"], format!("/series/0{pointer}"));
    }
}

#[tokio::test]
async fn the_answer_does_not_depend_on_other_series() {
    let app = TestApp::embedded();
    let one = json!({"id": "one", "values": PASSENGERS, "season_length": 12});
    let alone = app
        .forecast(&json!({"horizon": 7, "levels": [90], "series": [one]}))
        .await
        .ok();
    let mut series: Vec<_> = (0..100_u32)
        .map(|index| {
            let length = 3 + (index * 37) % 400;
            let value = |step: u32| f64::from((step * (index + 3)) % 17) * 10_f64.powi(index as i32 % 9);
            json!({"values": (0..length).map(value).collect::<Vec<_>>(), "season_length": 1 + index % 30})
        })
        .collect();
    series.insert(50, one);
    let body = json!({"horizon": 7, "levels": [90], "series": series});
    let crowded = app.forecast(&body).await.ok();
    let (alone, crowded) = (&alone["forecasts"][0], &crowded["forecasts"][50]);
    assert_eq!(crowded["id"], "one");
    let fields = [
        "/point",
        "/quantiles/0.1",
        "/quantiles/0.9",
        "/levels/90/lower",
        "/levels/90/upper",
    ];
    for field in fields {
        let read = |forecast: &Value| numbers(forecast.pointer(field).unwrap());
        for (alone, crowded) in read(alone).into_iter().zip(read(crowded)) {
            // Sums of f32 may be taken in another order in a wider tensor.
            assert!(
                (alone - crowded).abs() <= 1e-5 * alone.abs(),
                "{field}: {alone} {crowded}"
            );
        }
    }
}

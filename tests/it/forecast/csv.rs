//! CSV requests and answers, `GET /forecast`, and the format that `Accept` selects.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use super::{PASSENGERS, with_horizon};
use crate::support::TestApp;
use crate::support::answer::{Answer, numbers, texts};
use crate::support::scripted::Scripted;

/// Two series with interleaved rows.
const LONG: &str = "\
unique_id,ds,y
north,2024-01-01,10
south,2024-01-01,7
north,2024-02-01,20
south,2024-02-01,8
north,2024-03-01,30
south,2024-03-01,9
";

/// The same series as columns.
const WIDE: &str = "\
month,north,south
2024-01-01,10,7
2024-02-01,20,8
2024-03-01,30,9
";

async fn post_csv(app: &TestApp, query: &str, accept: &str, table: &str) -> Answer {
    let request = Request::post(format!("/forecast?{query}"))
        .header(header::CONTENT_TYPE, "text/csv; charset=utf-8")
        .header(header::ACCEPT, accept);
    app.send(request.body(Body::from(table.to_owned())).unwrap())
        .await
}

#[tokio::test]
async fn a_long_table_is_answered_with_a_long_table() {
    let app = TestApp::scripted(Scripted::last_value());
    let answer = post_csv(
        &app,
        "horizon=2&quantiles=0.1,0.9&levels=80",
        "text/csv",
        LONG,
    )
    .await;
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    insta::assert_snapshot!(answer.text(), @r"
    id,timestamp,point,0.1,0.9,lower-80,upper-80,error
    north,2024-04-01,30.0,29.0,31.0,29.0,31.0,
    north,2024-05-01,30.0,29.0,31.0,29.0,31.0,
    south,2024-04-01,9.0,8.0,10.0,8.0,10.0,
    south,2024-05-01,9.0,8.0,10.0,8.0,10.0,
    ");
}

#[tokio::test]
async fn a_wide_table_is_read_as_the_same_series() {
    let app = TestApp::scripted(Scripted::last_value());
    let long = post_csv(&app, "horizon=2", "application/json", LONG)
        .await
        .ok();
    let wide = post_csv(&app, "horizon=2", "application/json", WIDE)
        .await
        .ok();
    assert_eq!(long, wide);
}

#[tokio::test]
async fn the_query_has_the_settings_of_a_table() {
    let app = TestApp::scripted(Scripted::last_value());
    let query = "horizon=3&frequency=QS&season_length=4&model=scripted&levels=50";
    let table = "a,when,amount\nx,2024-01-01,1\nx,2024-04-01,2\n";
    let columns = "&id_column=a&time_column=when&target_column=amount";
    let answer = post_csv(&app, &format!("{query}{columns}"), "*/*", table).await;
    let forecast = answer.only();
    assert_eq!(forecast["id"], "x");
    assert_eq!(
        texts(&forecast["timestamps"]),
        ["2024-07-01", "2024-10-01", "2025-01-01"]
    );
    assert_eq!(
        (&forecast["frequency"], &forecast["season_length"]),
        (&json!("QS-JAN"), &json!(4))
    );
    assert!(forecast["levels"]["50"].is_object());
    let zoned = post_csv(
        &app,
        "horizon=1&timezone=Asia/Tokyo&season_length=detect",
        "*/*",
        LONG,
    );
    assert_eq!(
        zoned.await.ok()["forecasts"][0]["timestamps"][0],
        "2024-04-01"
    );
}

#[tokio::test]
async fn a_cell_that_is_not_a_number_fails_only_its_series() {
    let app = TestApp::scripted(Scripted::last_value());
    let table = LONG.replace("south,2024-02-01,8", "south,2024-02-01,many");
    let answer = post_csv(&app, "horizon=1&quantiles=0.5", "text/csv", &table).await;
    insta::assert_snapshot!(answer.text(), @r#"
    id,timestamp,point,0.5,error
    north,2024-04-01,30.0,30.0,
    south,,,,"invalid_value: line 5, column y: ""many"" is not a number; leave a missing value empty"
    "#);
}

#[tokio::test]
async fn a_csv_answer_has_the_numbers_of_the_json_answer() {
    let app = TestApp::alone();
    let body = with_horizon(json!({"values": PASSENGERS, "quantiles": [0.5]}), 3).to_string();
    let request = Request::post("/forecast").header(header::ACCEPT, "text/csv");
    let csv = app
        .send(request.body(Body::from(body.clone())).unwrap())
        .await;
    let json = app.post("/forecast", "application/json", body).await.only();
    let points: Vec<f64> = csv
        .text()
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().parse().unwrap())
        .collect();
    assert_eq!(points, numbers(&json["point"]));
    assert!(
        csv.text().starts_with("id,timestamp,point,0.5,error\n,1,"),
        "{}",
        csv.text()
    );
}

#[tokio::test]
async fn get_forecasts_the_example() {
    let app = TestApp::embedded();
    let forecast = app.get("/forecast").await.only();
    let stamps = texts(&forecast["timestamps"]);
    assert_eq!((stamps.len(), stamps[0]), (12, "1961-01-01"));
    assert_eq!(
        (&forecast["frequency"], &forecast["season_length"]),
        (&json!("MS"), &json!(12))
    );
    // July 1960 had 622 thousand passengers, and the series grows by a tenth per year.
    let july = numbers(&forecast["point"])[6];
    assert!((600.0..760.0).contains(&july), "{july}");
    let two = app
        .get("/forecast?horizon=2&levels=80,95&quantiles=")
        .await
        .only();
    assert_eq!(numbers(&two["point"]).len(), 2);
    assert_eq!(two["levels"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn accept_selects_the_format_of_the_answer() {
    let app = TestApp::embedded();
    let get = |accept: &str| {
        let request = Request::get("/forecast?horizon=1").header(header::ACCEPT, accept);
        app.send(request.body(Body::empty()).unwrap())
    };
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        (
            "text/html, application/xhtml+xml, */*;q=0.8",
            "application/json",
        ),
    ] {
        assert_eq!(
            get(accept).await.header("content-type"),
            Some(expected),
            "{accept}"
        );
    }
    // A browser requests a page but accepts anything; this header accepts nothing else.
    assert_eq!(get("text/html").await.status, 406);
}

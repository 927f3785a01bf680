//! JSON lines: a request on each line, and an answer for each of them.

use almanac::config::Config;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder};

fn app() -> TestApp {
    TestAppBuilder::scripted()
        .workers(vec![Scripted::last_value()])
        .build()
}

async fn post(app: &TestApp, uri: &str, lines: &str) -> Answer {
    app.post(uri, "application/jsonlines", lines.to_owned())
        .await
}

fn read(answer: &Answer) -> Vec<Value> {
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn each_line_is_answered_in_order() {
    let app = app();
    let body = "{\"values\":[1,2,3],\"horizon\":2}\n\
        {\"values\":[4,5],\"horizon\":1,\"levels\":[80]}\n\n\
        not json\n\
        {\"series\":[{\"id\":\"a\",\"values\":[7,8]},{\"id\":\"b\",\"values\":[1,\"x\"]}],\"horizon\":3}";
    for uri in ["/forecast", "/invocations"] {
        let answer = post(&app, uri, body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/jsonlines"));
        let lines = read(&answer);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["forecasts"][0]["point"], json!([3.0, 3.0]));
        assert_eq!(
            lines[1]["forecasts"][0]["levels"]["80"]["upper"],
            json!([6.0])
        );
        assert_eq!(lines[2]["code"], "invalid_json");
        assert_eq!(lines[3]["forecasts"][0]["point"], json!([8.0, 8.0, 8.0]));
        assert_eq!(lines[3]["forecasts"][1]["error"]["code"], "wrong_type");
    }
}

#[tokio::test]
async fn lines_that_all_fail_have_the_status_of_the_first() {
    let answer = post(&app(), "/forecast", "{\"values\":[1,2]}\n{\"horizon\":1}\n").await;
    assert_eq!(answer.status, 422);
    let codes: Vec<_> = read(&answer)
        .into_iter()
        .map(|line| line["code"].clone())
        .collect();
    assert_eq!(codes, ["missing_field", "missing_field"]);
}

#[tokio::test]
async fn an_empty_body_and_a_line_over_the_limit_are_rejected() {
    let mut limits = Config::default().request_limits();
    limits.series = 2;
    let app = TestAppBuilder::scripted()
        .limits(limits)
        .workers(vec![Scripted::last_value()])
        .build();
    let one = "{\"values\":[1,2]}";
    let line = format!("{{\"series\":[{one},{one},{one}],\"horizon\":1}}\n");
    post(&app, "/forecast", &line)
        .await
        .problem(422, "too_many_series");
    post(&app, "/forecast", "\n \n")
        .await
        .problem(422, "no_series");
}

/// Returns `count` lines, each for a series that ends in its number, with `padding` blanks in it.
fn numbered(count: usize, padding: usize) -> String {
    let blank = " ".repeat(padding);
    (0..count)
        .map(|number| format!("{{\"values\":[0,{number}],{blank}\"horizon\":1}}\r\n\n"))
        .collect()
}

#[track_caller]
fn check_numbered(lines: &[Value], count: usize) {
    assert_eq!(lines.len(), count);
    for (number, line) in lines.iter().enumerate() {
        let point = &line["forecasts"][0]["point"][0];
        assert_eq!(point.as_f64(), Some(number as f64), "{line}");
    }
}

#[tokio::test]
async fn a_body_longer_than_a_portion_is_answered_line_by_line() {
    let app = app();
    // The body has five megabytes.
    let answer = post(&app, "/forecast", &numbered(50, 100_000)).await;
    assert_eq!(answer.status, 200);
    check_numbered(&read(&answer), 50);
    let count = app.metric("almanac_http_request_series", &[]);
    assert!((count - 1.0).abs() < 1e-9, "{count}");
}

#[tokio::test]
async fn a_body_of_more_series_than_a_request_is_answered_in_portions() {
    let mut limits = Config::default().request_limits();
    limits.series = 100;
    let app = TestAppBuilder::scripted()
        .limits(limits)
        .workers(vec![Scripted::last_value()])
        .build();
    check_numbered(
        &read(&post(&app, "/forecast", &numbered(250, 0)).await),
        250,
    );
    // A bad line after the first portion fails alone.
    let answer = post(
        &app,
        "/forecast",
        &(numbered(200, 0) + "x\n" + &numbered(1, 0)),
    )
    .await;
    let lines = read(&answer);
    assert_eq!(lines[200]["code"], "invalid_json");
    assert_eq!(lines[201]["forecasts"][0]["point"], json!([0.0]));
    // The first portion decides whether the body is refused.
    let refused = post(&app, "/forecast", &("x\n".repeat(100) + &numbered(1, 0))).await;
    assert_eq!((refused.status, read(&refused).len()), (400, 100));
}

#[tokio::test]
async fn accept_selects_the_type_of_the_answer() {
    let app = app();
    let request = |accept: &'static str| {
        Request::post("/forecast")
            .header(header::CONTENT_TYPE, "application/x-ndjson; charset=utf-8")
            .header(header::ACCEPT, accept)
            .body(Body::from("{\"values\":[1,2],\"horizon\":1}"))
            .unwrap()
    };
    let answer = app.send(request("application/x-ndjson")).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    app.send(request("text/csv"))
        .await
        .problem(406, "not_acceptable");
}

#[tokio::test]
async fn execution_parameters_are_served_for_sagemaker() {
    let answer = app().get("/execution-parameters").await.ok();
    let expected = json!({"MaxConcurrentTransforms": 2, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 32});
    assert_eq!(answer, expected);
}

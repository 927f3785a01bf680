//! Every problem that a client can receive, with its whole document in a snapshot.
//!
//! `snapshots/it__problems__*.snap` is the catalogue. `INSTA_UPDATE=always cargo test` regenerates
//! it; review the difference.

mod backtests;
mod http;
mod models;
mod overload;
mod provoke;
mod series;
mod transport;

use std::fmt::Write as _;

use almanac::http::Code;
use serde_json::json;

use crate::support::TestApp;
use crate::support::answer::Answer;
use provoke::{Provocation, provocations};

/// Returns the parts of an answer that a client acts on.
fn document(request: &str, answer: &Answer) -> String {
    let mut text = format!("> {request}\n{}\n", answer.status);
    for name in ["allow", "retry-after"] {
        if let Some(value) = answer.header(name) {
            writeln!(text, "{name}: {value}").unwrap();
        }
    }
    writeln!(text, "{:#}", answer.json()).unwrap();
    text
}

#[tokio::test]
async fn every_code_is_provoked_and_has_a_complete_problem_document() {
    let app = provoke::narrow_app();
    let mut catalogue = String::new();
    for code in Code::all() {
        writeln!(catalogue, "## {}\n", code.as_str()).unwrap();
        for Provocation { request, answer } in provocations(&app, code).await {
            let body = answer.json();
            let name = code.as_str();
            assert_eq!(body["code"], name, "{request}: {body}");
            assert_eq!(answer.status, code.status().as_u16(), "{name}");
            assert_eq!(body["status"], answer.status, "{name}");
            assert_eq!(body["title"], code.title(), "{name}");
            assert_eq!(body["type"], format!("urn:almanac:problem:{name}"));
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{name}"
            );
            writeln!(catalogue, "{}", document(&request, &answer)).unwrap();
        }
    }
    insta::assert_snapshot!("catalogue", catalogue);
}

#[tokio::test]
async fn bad_json_names_line_and_column() {
    let app = TestApp::embedded();
    let cases = [
        ("", "EOF while parsing a value at line 1, column 0"),
        (
            "{\"values\": [1, 2",
            "EOF while parsing a list at line 1, column 16",
        ),
        (
            "{\"values\": [1,\n 2,]}",
            "trailing comma at line 2, column 4",
        ),
        (
            "{'values': [1]}",
            "key must be a string at line 1, column 2",
        ),
        ("{\"horizon\": 01}", "invalid number at line 1, column 14"),
        (
            "{\"values\": [1], \"horizon\": 1} x",
            "trailing characters at line 1, column 31",
        ),
        ("values=1&horizon=2", "expected value at line 1, column 1"),
    ];
    let mut details = Vec::new();
    for (body, _) in cases {
        let answer = app.post("/forecast", "application/json", body).await;
        details.push(
            answer.problem(400, "invalid_json")["detail"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(details, cases.map(|(_, detail)| detail));
}

#[tokio::test]
async fn text_that_is_not_utf8_or_is_deeply_nested_is_rejected() {
    let app = TestApp::embedded();
    let not_utf8 = b"{\"values\": [1, 2], \"id\": \"\xff\", \"horizon\": 1}".as_slice();
    app.post("/forecast", "application/json", not_utf8)
        .await
        .problem(400, "invalid_json");
    for start in ["{\"values\": ", "{\"series\": [", "", "{\"horizon\": "] {
        for bracket in ["[", "{\"a\":"] {
            let deep = format!("{start}{}", bracket.repeat(1_000_000));
            let answer = app.post("/forecast", "application/json", deep).await;
            assert!(
                [400, 422].contains(&answer.status),
                "{start}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn an_unknown_field_has_a_suggestion_when_one_is_near() {
    let app = TestApp::embedded();
    let detail = async |field: &str| {
        let problem = app
            .forecast(&json!({field: 1}))
            .await
            .problem(422, "unknown_field");
        assert_eq!(problem["pointer"], format!("/{field}"));
        assert!(
            problem["expected"]
                .as_array()
                .unwrap()
                .contains(&json!("horizon"))
        );
        problem["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        detail("horizn").await,
        "unknown field \"horizn\"; did you mean horizon?"
    );
    assert_eq!(detail("xyz").await, "unknown field \"xyz\"");
}

#[tokio::test]
async fn a_hostile_field_name_is_truncated_and_escaped() {
    let long = format!("a/b~c{}", "x".repeat(1_000));
    let problem = TestApp::embedded()
        .forecast(&json!({long: 1}))
        .await
        .problem(422, "unknown_field");
    let pointer = problem["pointer"].as_str().unwrap();
    assert!(
        pointer.starts_with("/a~1b~0cxx") && pointer.len() < 100,
        "{pointer}"
    );
    assert!(problem.to_string().len() < 1_000);
}

#[tokio::test]
async fn pointers_to_fields_of_every_series_name_the_top_level() {
    let app = TestApp::embedded();
    let pointer = async |common: serde_json::Value| {
        let mut body = json!({"horizon": 1, "series": [{"values": [1, 2]}]});
        body.as_object_mut()
            .unwrap()
            .append(&mut common.as_object().unwrap().clone());
        app.forecast(&body).await.json()["pointer"].clone()
    };
    assert_eq!(
        pointer(json!({"frequency": "fortnightly?", "start": "2024-01-01"})).await,
        "/frequency"
    );
    assert_eq!(
        pointer(json!({"frequency": "D", "start": "x"})).await,
        "/start"
    );
    assert_eq!(pointer(json!({"season_length": 0})).await, "/season_length");
    let zone = json!({"frequency": "D", "start": "2024-01-01", "timezone": "Mars/Olympus"});
    assert_eq!(pointer(zone).await, "/timezone");
}

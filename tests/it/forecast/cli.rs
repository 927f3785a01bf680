//! `almanac forecast` and `POST /forecast`: the same call, answered by the same functions.

use std::process::{Command, Output};

use axum::body::Body;
use axum::http::{Request, header};

use crate::support::TestApp;

/// Two long series: one with a gap and a calendar, one whose last value is not a number.
const TABLE: &str = "\
id,ds,y
north,2024-01-01,10
north,2024-01-02,12
north,2024-01-04,11
north,2024-01-05,13
south,2024-01-01,4
south,2024-01-02,x
";

fn forecast_file(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, TABLE).unwrap();
    Command::new(env!("CARGO_BIN_EXE_almanac"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["forecast", path.to_str().unwrap(), "--model", "seasonal"])
        .args(args)
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_command_line_and_http_give_the_same_table() {
    let output = forecast_file(&["--horizon", "3", "--levels", "80", "--frequency", "D"]);
    let from_file = String::from_utf8(output.stdout).unwrap();
    let request = Request::post("/forecast?horizon=3&levels=80&frequency=D&model=seasonal")
        .header(header::CONTENT_TYPE, "text/csv")
        .header(header::ACCEPT, "text/csv")
        .body(Body::from(TABLE))
        .unwrap();
    let answer = TestApp::embedded().send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // A table of HTTP has the code of an error in front of its text.
    let from_http = answer.text().replace("invalid_value: ", "");
    assert_eq!(from_file, from_http);
    assert!(from_file.contains("north,2024-01-06,"), "{from_file}");
    assert!(from_file.contains("is not a number"), "{from_file}");
}

#[tokio::test]
async fn the_command_line_and_http_reject_the_same_calls_with_the_same_text() {
    let app = TestApp::embedded();
    for (args, query, flag) in [
        (["--horizon", "0"], "horizon=0", "--horizon: "),
        (["--horizon", "9999"], "horizon=9999", "--horizon: "),
    ] {
        let output = forecast_file(&args);
        assert_eq!(output.status.code(), Some(64));
        let answer = app
            .post(&format!("/forecast?{query}"), "text/csv", TABLE)
            .await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.trim_end(), format!("almanac: {flag}{detail}"));
    }
}

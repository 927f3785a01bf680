//! The command `almanac backtest`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const EXAMPLE: &str = "examples/air_passengers.csv";

/// Runs the command in the root of the repository, with one model.
fn backtest(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_almanac"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("backtest")
        .args(args)
        .args(["--model", "seasonal"])
        .output()
        .unwrap()
}

#[track_caller]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn ok(output: &Output) -> &str {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Returns the lines of a file.
#[track_caller]
fn read(folder: &Path, name: &str) -> Vec<String> {
    let table = std::fs::read_to_string(folder.join(name)).unwrap();
    table.lines().map(str::to_owned).collect()
}

#[test]
fn prints_a_table_and_writes_the_scores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/scores");
    let output = path.to_str().unwrap();
    let output = backtest(&[
        EXAMPLE,
        "--horizon",
        "6",
        "--windows",
        "2",
        "--levels",
        "50,80",
        "--output",
        output,
    ]);
    let printed = ok(&output);
    let rows: Vec<Vec<_>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let names: Vec<_> = rows[1..].iter().map(|row| row[0]).collect();
    assert_eq!(names[0], "seasonal");
    assert_eq!(names.len(), 5);
    assert!(
        printed.starts_with("                MASE ratio  WQL ratio"),
        "{printed}"
    );
    let widths: Vec<_> = printed.lines().map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{printed}");

    let scores = read(&path, "scores.csv");
    assert_eq!(
        scores[0],
        "name,kind,relative_mase,relative_wql,mase,smape,wql,coverage-50,coverage-80,series,windows,failed,seconds"
    );
    assert_eq!(scores.len(), 6);
    let series = read(&path, "series.csv");
    assert_eq!(
        series[0],
        "id,name,kind,mase,smape,wql,coverage-50,coverage-80,windows,error"
    );
    assert!(
        series[1].starts_with("passengers,seasonal,model,"),
        "{}",
        series[1]
    );
    assert_eq!(series.len(), 6);
    // Five of six steps, and a header.
    assert_eq!(read(&path, "horizon.csv").len(), 1 + 5 * 6);
    let drawing = std::fs::read_to_string(path.join("leaderboard.svg")).unwrap();
    assert!(drawing.starts_with("<svg "));
    assert!(text(&output.stderr).starts_with("almanac: 2 windows of 1 series scored in "));
}

#[test]
fn json_output_is_the_answer_of_the_service() {
    let output = backtest(&[
        EXAMPLE,
        "--horizon",
        "12",
        "--windows",
        "3",
        "--calibrate",
        "--json",
    ]);
    let answer: Value = serde_json::from_str(ok(&output)).unwrap();
    let rows = answer["leaderboard"].as_array().unwrap();
    let kinds: Vec<_> = rows
        .iter()
        .map(|row| row["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"calibrated") && kinds.contains(&"model"));
    assert_eq!(answer["scored_windows"], 1);
}

#[test]
fn a_bad_series_has_its_own_row() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let rows: String = (1..=30)
        .map(|day| format!("2024-01-{day:02},{},\n", day % 7))
        .collect();
    std::fs::write(
        &table,
        format!("ds,good,bad\n{rows}").replace("2024-01-30,2,", "2024-01-30,2,5"),
    )
    .unwrap();
    let output = backtest(&[
        table.to_str().unwrap(),
        "--horizon",
        "3",
        "--output",
        folder.path().to_str().unwrap(),
    ]);
    ok(&output);
    let series = read(folder.path(), "series.csv");
    let bad = series.iter().find(|row| row.starts_with("bad,")).unwrap();
    assert!(
        bad.contains("series_too_short: the series has 30 values"),
        "{bad}"
    );
    let summary = text(&output.stderr).lines().last().unwrap();
    assert!(
        summary.contains("of 1 series scored") && summary.contains("; 1 failed, the first: "),
        "{summary}"
    );
}

#[test]
fn errors_are_one_line_and_an_exit_code() {
    let failed = |args: &[&str]| {
        let output = backtest(args);
        assert_eq!(text(&output.stdout), "");
        let message = text(&output.stderr).trim_end().to_owned();
        (output.status.code().unwrap(), message)
    };
    let (code, message) = failed(&[EXAMPLE, "--horizon", "3", "--windows", "0"]);
    assert_eq!(
        (code, message.as_str()),
        (
            64,
            "almanac: --windows: windows is 0; request at least 1 window"
        )
    );
    let (code, message) = failed(&[EXAMPLE, "--horizon", "0"]);
    assert_eq!(
        (code, message.as_str()),
        (
            64,
            "almanac: --horizon: horizon is 0; request at least 1 step"
        )
    );
    let (code, message) = failed(&[EXAMPLE, "--horizon", "3", "--model", "prophet"]);
    assert_eq!(
        (code, message.as_str()),
        (1, "almanac: there is no model \"prophet\"")
    );
    let (code, message) = failed(&[EXAMPLE, "--horizon", "143"]);
    assert_eq!(code, 1);
    assert!(
        message.starts_with("almanac: the series has 144 values, and one window needs 145"),
        "{message}"
    );
    assert!(
        failed(&["examples/none.csv", "--horizon", "3"])
            .1
            .starts_with("almanac: examples/none.csv: ")
    );
}

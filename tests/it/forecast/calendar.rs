//! Timestamps of forecasts: frequencies, gaps, time zones, month ends, whole numbers.

use serde_json::{Value, json};

use super::{daily_values, with_horizon};
use crate::support::TestApp;
use crate::support::answer::texts;

/// Forecasts `series`, and returns the timestamps, the frequency and the warnings of the answer.
async fn forecast(series: Value, horizon: u64) -> (Vec<String>, String, Value) {
    let forecast = TestApp::embedded()
        .forecast(&with_horizon(series, horizon))
        .await
        .only();
    let stamps = texts(&forecast["timestamps"])
        .into_iter()
        .map(str::to_owned)
        .collect();
    let frequency = forecast["frequency"].as_str().unwrap().to_owned();
    (stamps, frequency, forecast["warnings"].clone())
}

/// Checks the timestamps of a forecast of three values from `start` on.
async fn check_start(start: &str, frequency: &str, expected: &[&str]) {
    let series = json!({"values": [1, 2, 3], "start": start, "frequency": frequency});
    let (stamps, ..) = forecast(series, expected.len() as u64).await;
    assert_eq!(stamps, expected, "{start} {frequency}");
}

#[tokio::test]
async fn frequencies_step_from_the_start() {
    check_start("2024-01-01", "D", &["2024-01-04", "2024-01-05"]).await;
    check_start("2024-01-04", "B", &["2024-01-09", "2024-01-10"]).await;
    check_start("2024-01-01", "W-MON", &["2024-01-22"]).await;
    check_start("2024-01-01T00:00:00", "15min", &["2024-01-01T00:45:00"]).await;
    check_start("2024-01-01T22:00:00Z", "h", &["2024-01-02T01:00:00Z"]).await;
    check_start("2024-01-01", "QS", &["2024-10-01", "2025-01-01"]).await;
    check_start("2024-12-31", "YE", &["2027-12-31"]).await;
}

#[tokio::test]
async fn month_ends_stay_month_ends() {
    check_start(
        "2023-11-30",
        "ME",
        &["2024-02-29", "2024-03-31", "2024-04-30"],
    )
    .await;
    check_start("2023-10-31", "M", &["2024-01-31", "2024-02-29"]).await;
    check_start(
        "2023-10-31",
        "P1M",
        &["2024-01-31", "2024-02-29", "2024-03-31"],
    )
    .await;
}

#[tokio::test]
async fn steps_may_be_whole_numbers() {
    check_start("10", "1", &["13", "14"]).await;
    let series = json!({"values": [1, 2, 3], "start": 10, "frequency": "5"});
    assert_eq!(forecast(series, 2).await.0, ["25", "30"]);
    let series = json!({"values": [1, 2, 3], "timestamps": [2, 4, 6]});
    let (stamps, frequency, _) = forecast(series, 1).await;
    assert_eq!((stamps[0].as_str(), frequency.as_str()), ("8", "2"));
}

#[tokio::test]
async fn days_across_daylight_saving_are_local_days() {
    let series = json!({
        "values": [1, 2, 3], "start": "2024-03-29T00:00:00", "frequency": "D",
        "timezone": "Europe/Berlin",
    });
    // Clocks went forward on 31 March 2024 at 02:00.
    let (stamps, ..) = forecast(series, 2).await;
    assert_eq!(
        stamps,
        ["2024-04-01T00:00:00+02:00", "2024-04-02T00:00:00+02:00"]
    );
}

#[tokio::test]
async fn hours_across_daylight_saving_are_elapsed_hours() {
    let series = json!({
        "values": [1, 2], "start": "2024-03-31T00:00:00", "frequency": "h",
        "timezone": "Europe/Berlin",
    });
    let (stamps, ..) = forecast(series, 2).await;
    assert_eq!(
        stamps,
        ["2024-03-31T03:00:00+02:00", "2024-03-31T04:00:00+02:00"]
    );
}

#[tokio::test]
async fn a_time_zone_in_the_timestamp_is_kept() {
    let series = json!({
        "values": [1, 2, 3], "start": "2024-10-25T12:00:00+02:00[Europe/Berlin]", "frequency": "D",
    });
    let (stamps, ..) = forecast(series, 1).await;
    assert_eq!(stamps, ["2024-10-28T12:00:00+01:00[Europe/Berlin]"]);
}

#[tokio::test]
async fn the_frequency_is_inferred_from_timestamps_with_gaps() {
    let series = json!({
        "values": [1, 2, 4, 5, 6],
        "timestamps": ["2024-01-01", "2024-02-01", "2024-04-01", "2024-05-01", "2024-06-01"],
    });
    let (stamps, frequency, warnings) = forecast(series, 2).await;
    assert_eq!(
        (stamps, frequency.as_str()),
        (vec!["2024-07-01".into(), "2024-08-01".into()], "MS")
    );
    assert_eq!(
        warnings,
        json!([{
            "code": "gaps_filled",
            "detail": "gaps between timestamps were filled with missing values; steps added: 1",
        }])
    );
}

#[tokio::test]
async fn a_gap_is_the_same_as_a_missing_value() {
    let app = TestApp::alone();
    let values = daily_values();
    let stamp = |day: usize| format!("2024-01-{:02}", day + 1);
    let present: Vec<_> = (0..values.len()).filter(|day| *day != 5).collect();
    let gap = json!({
        "values": present.iter().map(|day| values[*day]).collect::<Vec<_>>(),
        "timestamps": present.iter().map(|day| stamp(*day)).collect::<Vec<_>>(),
        "horizon": 3,
    });
    let mut with_null: Vec<_> = values.iter().map(|value| json!(value)).collect();
    with_null[5] = Value::Null;
    let null = json!({
        "values": with_null, "start": "2024-01-01", "frequency": "D", "horizon": 3,
    });
    let (gap, null) = (
        app.forecast(&gap).await.only(),
        app.forecast(&null).await.only(),
    );
    for field in [
        "timestamps",
        "point",
        "quantiles",
        "season_length",
        "context_length",
    ] {
        assert_eq!(gap[field], null[field], "{field}");
    }
}

#[tokio::test]
async fn a_start_off_its_anchor_keeps_its_phase_and_causes_a_warning() {
    let series = json!({"values": [1, 2, 3], "start": "2024-01-15", "frequency": "MS"});
    let (_, _, warnings) = forecast(series, 1).await;
    assert_eq!(warnings[0]["code"], "off_anchor");
}

#[tokio::test]
async fn timestamps_keep_the_format_of_the_start() {
    check_start("2024-01-01 00:00:00", "D", &["2024-01-04 00:00:00"]).await;
    check_start("2024-01", "MS", &["2024-04"]).await;
    check_start(
        "2024-01-01T00:00:00.000+0530",
        "h",
        &["2024-01-01T03:00:00.000+0530"],
    )
    .await;
}

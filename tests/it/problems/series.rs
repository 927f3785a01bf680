//! Requests that provoke each code of calendars and covariates.

use almanac::call::CallCode;
use almanac::http::Code;
use serde_json::{Value, json};

use super::provoke::{Provocation, series};
use crate::support::TestApp;

/// Sends requests that end in `code`, which is about covariates.
pub(super) async fn covariates(app: &TestApp, code: Code) -> Vec<Provocation> {
    let with_covariates = |covariates: Value| json!({"values": [1, 2], "covariates": covariates});
    if code == Code::Call(CallCode::TooManyCovariates) {
        let five = json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1});
        return series(app, [with_covariates(json!({"static": five}))]).await;
    }
    let nested = json!({"id": "a", "values": [1, 2], "covariates": {"past": {"a/b": [1]}}});
    series(
        app,
        [
            with_covariates(json!({"past": {"price": [1, 2, 3]}})),
            with_covariates(json!({"future": {"price": [1, 2, 3]}})),
            with_covariates(json!({"future": {"price": [1, null, 3, null]}})),
            with_covariates(json!({"past": {"price": [1, 2]}, "static": {"price": 5}})),
            json!({"series": [nested]}),
        ],
    )
    .await
}

/// Sends requests that end in `code`, which is about calendars.
pub(super) async fn calendar(app: &TestApp, code: Code) -> Vec<Provocation> {
    let stamped = |stamps: &[&str]| {
        let values: Vec<_> = (0..stamps.len()).collect();
        json!({"values": values, "timestamps": stamps})
    };
    let daily = |stamps: &[&str]| {
        let mut body = stamped(stamps);
        body["frequency"] = json!("D");
        body
    };
    let started = |start: &str, frequency: &str| json!({"values": [1, 2], "start": start, "frequency": frequency});
    let zoned = |start: &str, zone: &str| {
        let mut body = started(start, if start.len() < 3 { "1" } else { "h" });
        body["timezone"] = json!(zone);
        body
    };
    match code {
        Code::Call(CallCode::LengthMismatch) => {
            let mut body = stamped(&["2024-01-01", "2024-01-02"]);
            body["values"] = json!([1, 2, 3]);
            series(app, [body]).await
        }
        Code::Call(CallCode::InvalidStart) => {
            series(app, [started("2024-02-30", "D"), started("20240101", "D")]).await
        }
        Code::Call(CallCode::InvalidTimestamp) => {
            let mixed = stamped(&["2024-01-01", "2024-01-02T00:00:00", "2024-01-03"]);
            series(app, [stamped(&["2024-01-01", "x"]), mixed]).await
        }
        Code::Call(CallCode::InvalidTimezone) => {
            let unknown = zoned("2024-01-01T00:00", "Europe/Berln");
            series(app, [unknown, zoned("5", "Europe/Berlin")]).await
        }
        Code::Call(CallCode::FrequencyMissing) => {
            let unitless = started("2024-01-01", "2");
            series(
                app,
                [json!({"values": [1, 2], "start": "2024-01-01"}), unitless],
            )
            .await
        }
        Code::Call(CallCode::UnknownFrequency) => {
            series(
                app,
                ["lunar", "0D", "1.5h"].map(|text| started("2024-01-01", text)),
            )
            .await
        }
        Code::Call(CallCode::AmbiguousFrequency) => series(app, [started("2024-01-01", "m")]).await,
        Code::Call(CallCode::FrequencyNotInferred) => {
            let irregular = [
                "2024-01-01T00:00:00.1",
                "2024-01-02T00:07:00",
                "2024-01-09T13:00:00",
            ];
            series(
                app,
                [stamped(&["2024-01-01", "2024-01-02"]), stamped(&irregular)],
            )
            .await
        }
        Code::Call(CallCode::UnsortedTimestamps) => {
            series(app, [daily(&["2024-01-02", "2024-01-01"])]).await
        }
        Code::Call(CallCode::DuplicateTimestamp) => {
            series(app, [daily(&["2024-01-01", "2024-01-01"])]).await
        }
        Code::Call(CallCode::OffGridTimestamp) => {
            let mut body = stamped(&["2024-01-01", "2024-02-01", "2024-03-02"]);
            body["frequency"] = json!("MS");
            series(app, [body]).await
        }
        Code::Call(CallCode::TooManyGaps) => {
            series(app, [daily(&["2024-01-01", "2024-03-01"])]).await
        }
        Code::Call(CallCode::CalendarOutOfRange) => series(app, [started("9999-12-31", "D")]).await,
        Code::Call(CallCode::InvalidSeasonLength) => {
            let lengths = [json!(0), json!(21), json!("detected")];
            series(
                app,
                lengths.map(|length| json!({"values": [1, 2], "season_length": length})),
            )
            .await
        }
        other => unreachable!("{other:?} is not about calendars"),
    }
}

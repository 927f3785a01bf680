//! Requests that provoke each code of the API.

use std::future::Future;

use almanac::call::CallCode;
use almanac::http::Code;
use almanac_forecast::{BacktestLimits, ForecastLimits};
use serde_json::{Value, json};

use super::series::{calendar, covariates};
use super::{backtests, http, models};
use crate::support::answer::Answer;
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder};

/// A request, as the catalogue shows it, and its answer.
pub(super) struct Provocation {
    pub(super) request: String,
    pub(super) answer: Answer,
}

/// Returns a service whose limits are all small.
pub(super) fn narrow_app() -> TestApp {
    TestAppBuilder::scripted()
        .workers(vec![Scripted::last_value()])
        .limits(ForecastLimits {
            series: 3,
            values: 20,
            horizon: 60,
            levels: 4,
            covariates: 4,
        })
        .backtest(BacktestLimits {
            windows: 8,
            forecasts: 4,
        })
        .max_body(600)
        .build()
}

/// Waits for `answer`, the answer to `request`.
pub(super) async fn provoke(
    request: impl Into<String>,
    answer: impl Future<Output = Answer>,
) -> Provocation {
    Provocation {
        request: request.into(),
        answer: answer.await,
    }
}

/// Posts each of `bodies`.
pub(super) async fn posts(
    app: &TestApp,
    bodies: impl IntoIterator<Item = Value>,
) -> Vec<Provocation> {
    let mut provocations = Vec::new();
    for body in bodies {
        provocations.push(provoke(body.to_string(), app.forecast(&body)).await);
    }
    provocations
}

/// Posts each of `texts`, which JSON values cannot express.
async fn texts<const N: usize>(app: &TestApp, texts: [&'static str; N]) -> Vec<Provocation> {
    let mut provocations = Vec::new();
    for text in texts {
        provocations.push(provoke(text, app.post("/forecast", "application/json", text)).await);
    }
    provocations
}

/// Posts each table with its query.
async fn tables<const N: usize>(
    app: &TestApp,
    tables: [(&'static str, &'static str); N],
) -> Vec<Provocation> {
    let mut provocations = Vec::new();
    for (query, table) in tables {
        let uri = format!("/forecast?{query}");
        let answer = app.post(&uri, "text/csv", table);
        provocations.push(provoke(format!("{query} {table:?}"), answer).await);
    }
    provocations
}

/// Posts each of `series` with a horizon of two steps.
pub(super) async fn series<const N: usize>(app: &TestApp, series: [Value; N]) -> Vec<Provocation> {
    let complete = series.map(|mut body| {
        body["horizon"] = json!(2);
        body
    });
    posts(app, complete).await
}

/// Sends requests that end in `code`.
///
/// The match has no wildcard arm, so that a new code must be provoked.
pub(super) async fn provocations(app: &TestApp, code: Code) -> Vec<Provocation> {
    match code {
        Code::NotFound
        | Code::MethodNotAllowed
        | Code::UnsupportedContentType
        | Code::NotAcceptable
        | Code::BodyTooLarge
        | Code::BodyTimeout
        | Code::BodyUnreadable
        | Code::InvalidHeader
        | Code::InvalidQuery
        | Code::Call(
            CallCode::RequestTimeout
            | CallCode::Overloaded
            | CallCode::ShuttingDown
            | CallCode::Internal,
        ) => http::provocations(app, code).await,
        Code::Call(CallCode::InvalidJson) => {
            texts(app, ["{\"values\": [1,\n2,]}", "{\"values\": [NaN]}"]).await
        }
        Code::Call(CallCode::InvalidCsv) => invalid_csv(app).await,
        Code::Call(CallCode::UnknownField) => {
            let nested = json!({"horizon": 1, "series": [{"vals": [1, 2]}]});
            posts(app, [json!({"horizn": 1}), nested]).await
        }
        Code::Call(CallCode::DuplicateField) => {
            texts(app, ["{\"horizon\": 1, \"horizon\": 2}"]).await
        }
        Code::Call(CallCode::MissingField) => {
            posts(
                app,
                [json!({"values": [1, 2]}), json!({"horizon": 1}), json!({})],
            )
            .await
        }
        Code::Call(CallCode::ConflictingFields) => {
            let stamps = ["2024-01-01", "2024-01-02"];
            let twice = json!({"values": [1, 2], "horizon": 1, "start": "2024-01-01", "timestamps": stamps});
            posts(
                app,
                [json!({"values": [1], "series": [], "horizon": 1}), twice],
            )
            .await
        }
        Code::Call(CallCode::WrongType) => wrong_type(app).await,
        Code::Call(CallCode::NoSeries) => posts(app, [json!({"series": [], "horizon": 1})]).await,
        Code::Call(CallCode::TooManySeries) => {
            let one = json!({"values": [1, 2]});
            let mut provocations =
                posts(app, [json!({"horizon": 1, "series": vec![one; 4]})]).await;
            provocations.extend(tables(app, [("horizon=1", "id,y\na,1\nb,1\nc,1\nd,1\n")]).await);
            provocations
        }
        Code::Call(CallCode::InvalidHorizon) => {
            posts(app, [json!({"values": [1, 2], "horizon": 0})]).await
        }
        // The server's limit, and the model's.
        Code::Call(CallCode::HorizonTooLong) => {
            posts(
                app,
                [61, 49].map(|horizon| json!({"values": [1, 2], "horizon": horizon})),
            )
            .await
        }
        Code::Call(CallCode::InvalidQuantile) => {
            series(app, [json!({"values": [1], "quantiles": [0.5, 1]})]).await
        }
        Code::Call(CallCode::InvalidLevel) => {
            series(app, [json!({"values": [1], "levels": [100]})]).await
        }
        Code::Call(CallCode::TooManyLevels) => {
            series(
                app,
                [json!({"values": [1], "quantiles": [0.1, 0.2, 0.3], "levels": [50, 60]})],
            )
            .await
        }
        Code::Call(
            CallCode::UnknownModel
            | CallCode::UnknownVersion
            | CallCode::ModelLoading
            | CallCode::ModelFailed
            | CallCode::UnfitValue
            | CallCode::MissingCovariate
            | CallCode::UnfitCovariate
            | CallCode::ForecastNotFinite
            | CallCode::ModelError,
        )
        | Code::ModelInUse
        | Code::TooManyAliases
        | Code::InvalidModelName
        | Code::InvalidModel
        | Code::ModelLoaded
        | Code::NoRoom
        | Code::Unauthorized => models::provocations(app, code).await,
        Code::Call(
            CallCode::InvalidWindows
            | CallCode::TooManyWindows
            | CallCode::InvalidStep
            | CallCode::BacktestTooLarge,
        ) => backtests::provocations(app, code).await,
        Code::Call(CallCode::AllSeriesFailed) => {
            let bad = [json!({"values": [], "id": "a"}), json!({"values": [null]})];
            posts(app, [json!({"horizon": 1, "series": bad})]).await
        }
        Code::Call(CallCode::EmptySeries) => {
            let stamped = json!({"values": [], "timestamps": []});
            series(app, [json!({"values": []}), stamped]).await
        }
        // The second has no observed value in the context of the model.
        Code::Call(CallCode::AllMissing) => {
            let mut values = vec![Value::Null; 65];
            values[0] = json!(1);
            let wide = TestApp::scripted(Scripted::last_value());
            let mut provocations = series(app, [json!({"values": [null, null]})]).await;
            provocations.extend(series(&wide, [json!({"values": values})]).await);
            provocations
        }
        Code::Call(CallCode::InfiniteValue) => {
            let mut provocations = texts(app, ["{\"values\": [1, 1e999], \"horizon\": 1}"]).await;
            provocations.extend(tables(app, [("horizon=1", "y\n1\n-inf\n")]).await);
            provocations
        }
        Code::Call(CallCode::SeriesTooLong) => {
            let stamps = json!({"values": [1], "timestamps": vec![1; 21]});
            let mut provocations = series(app, [json!({"values": vec![1; 21]}), stamps]).await;
            provocations.extend(series(app, [json!({"series": [{"values": vec![1; 21]}]})]).await);
            provocations
        }
        Code::Call(CallCode::SeriesTooShort) => series(app, [json!({"values": [1]})]).await,
        Code::Call(CallCode::InvalidValue) => {
            tables(
                app,
                [("horizon=1", "y\n1\nmany\n"), ("horizon=1", "y\n\"1,5\"\n")],
            )
            .await
        }
        Code::Call(CallCode::TooManyCovariates | CallCode::InvalidCovariate) => {
            covariates(app, code).await
        }
        Code::Call(
            CallCode::LengthMismatch
            | CallCode::InvalidStart
            | CallCode::InvalidTimestamp
            | CallCode::InvalidTimezone
            | CallCode::FrequencyMissing
            | CallCode::UnknownFrequency
            | CallCode::AmbiguousFrequency
            | CallCode::FrequencyNotInferred
            | CallCode::UnsortedTimestamps
            | CallCode::DuplicateTimestamp
            | CallCode::OffGridTimestamp
            | CallCode::TooManyGaps
            | CallCode::CalendarOutOfRange
            | CallCode::InvalidSeasonLength,
        ) => calendar(app, code).await,
    }
}

async fn wrong_type(app: &TestApp) -> Vec<Provocation> {
    let long = "x".repeat(200);
    posts(
        app,
        [
            json!([1, 2]),
            json!({"values": "1,2", "horizon": 1}),
            json!({"values": [1, {"a": 1}], "horizon": 1}),
            json!({"values": [1], "horizon": "12"}),
            json!({"values": [1], "horizon": 1.5}),
            json!({"values": [1], "horizon": -1}),
            json!({"values": [1], "horizon": 1, "model": 7}),
            json!({"values": [1], "horizon": 1, "levels": [long]}),
            json!({"values": [1], "horizon": 1, "series": null}),
        ],
    )
    .await
}

async fn invalid_csv(app: &TestApp) -> Vec<Provocation> {
    tables(
        app,
        [
            ("horizon=1", ""),
            ("horizon=1", "y\n"),
            ("horizon=1", "1,2\n3,4\n"),
            ("horizon=1", "ds,y\n2024-01-01,1,2\n"),
            ("horizon=1&target_column=z", "ds,y\n2024-01-01,1\n"),
        ],
    )
    .await
}

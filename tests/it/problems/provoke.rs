//! For every code, requests that end in it.

use std::future::Future;
use std::time::Duration;

use almanac::call::{CallCode, CallError};
use almanac::http::{Code, Problem};
use almanac_engine::SubmitError;
use almanac_forecast::{BacktestLimits, Limits};
use almanac_net::BodyTimeout;
use axum::body::Body;
use axum::http::{Request, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::transport::{Broken, Panicking, declared, silent, without_length};
use super::{backtests, models};
use crate::support::answer::Answer;
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder, poll_once};

/// A request, as the catalogue shows it, and its answer.
pub(super) struct Provocation {
    pub(super) request: String,
    pub(super) answer: Answer,
}

/// An app whose every limit is near.
pub(super) fn narrow_app() -> TestApp {
    TestAppBuilder::scripted()
        .workers(vec![Scripted::last_value()])
        .limits(Limits {
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

pub(super) async fn told(
    request: impl Into<String>,
    answer: impl Future<Output = Answer>,
) -> Provocation {
    Provocation {
        request: request.into(),
        answer: answer.await,
    }
}

/// Posts each of `bodies`.
async fn posts(app: &TestApp, bodies: impl IntoIterator<Item = Value>) -> Vec<Provocation> {
    let mut provoked = Vec::new();
    for body in bodies {
        provoked.push(told(body.to_string(), app.forecast(&body)).await);
    }
    provoked
}

/// Posts each of `texts`, which JSON values cannot be.
async fn texts<const N: usize>(app: &TestApp, texts: [&'static str; N]) -> Vec<Provocation> {
    let mut provoked = Vec::new();
    for text in texts {
        provoked.push(told(text, app.post("/forecast", "application/json", text)).await);
    }
    provoked
}

/// Posts each table with its query.
async fn tables<const N: usize>(
    app: &TestApp,
    tables: [(&'static str, &'static str); N],
) -> Vec<Provocation> {
    let mut provoked = Vec::new();
    for (query, table) in tables {
        let uri = format!("/forecast?{query}");
        let answer = app.post(&uri, "text/csv", table);
        provoked.push(told(format!("{query} {table:?}"), answer).await);
    }
    provoked
}

/// Posts each of `series` with two steps to forecast.
pub(super) async fn series<const N: usize>(app: &TestApp, series: [Value; N]) -> Vec<Provocation> {
    let complete = series.map(|mut body| {
        body["horizon"] = json!(2);
        body
    });
    posts(app, complete).await
}

/// Requests that end in `code`. No wildcard arm: a new code must be provoked.
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
        | Code::Call(CallCode::RequestTimeout)
        | Code::Call(CallCode::Overloaded)
        | Code::Call(CallCode::ShuttingDown)
        | Code::Call(CallCode::Internal) => transport(app, code).await,
        Code::Call(CallCode::InvalidJson) => {
            texts(app, ["{\"values\": [1,\n2,]}", "{\"values\": [NaN]}"]).await
        }
        Code::Call(CallCode::InvalidCsv) => invalid_csv(app).await,
        Code::Call(CallCode::UnknownField) => {
            let inside = json!({"horizon": 1, "series": [{"vals": [1, 2]}]});
            posts(app, [json!({"horizn": 1}), inside]).await
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
            let mut provoked = posts(app, [json!({"horizon": 1, "series": vec![one; 4]})]).await;
            provoked.extend(tables(app, [("horizon=1", "id,y\na,1\nb,1\nc,1\nd,1\n")]).await);
            provoked
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
        Code::Call(CallCode::UnknownModel)
        | Code::Call(CallCode::UnknownVersion)
        | Code::ModelInUse
        | Code::TooManyAliases
        | Code::InvalidModelName
        | Code::InvalidModel
        | Code::ModelLoaded
        | Code::NoRoom
        | Code::Unauthorized
        | Code::Call(CallCode::ModelLoading)
        | Code::Call(CallCode::ModelFailed)
        | Code::Call(CallCode::UnfitValue)
        | Code::Call(CallCode::MissingCovariate)
        | Code::Call(CallCode::UnfitCovariate)
        | Code::Call(CallCode::ForecastNotFinite)
        | Code::Call(CallCode::ModelError) => models::provocations(app, code).await,
        Code::Call(CallCode::InvalidWindows)
        | Code::Call(CallCode::TooManyWindows)
        | Code::Call(CallCode::InvalidStep)
        | Code::Call(CallCode::BacktestTooLarge) => backtests::provocations(app, code).await,
        Code::Call(CallCode::AllSeriesFailed) => {
            let bad = [json!({"values": [], "id": "a"}), json!({"values": [null]})];
            posts(app, [json!({"horizon": 1, "series": bad})]).await
        }
        Code::Call(CallCode::EmptySeries) => {
            let stamped = json!({"values": [], "timestamps": []});
            series(app, [json!({"values": []}), stamped]).await
        }
        // The second has nothing in the part that the model sees.
        Code::Call(CallCode::AllMissing) => {
            let mut values = vec![Value::Null; 65];
            values[0] = json!(1);
            let wide = TestApp::scripted(Scripted::last_value());
            let mut provoked = series(app, [json!({"values": [null, null]})]).await;
            provoked.extend(series(&wide, [json!({"values": values})]).await);
            provoked
        }
        Code::Call(CallCode::InfiniteValue) => {
            let mut provoked = texts(app, ["{\"values\": [1, 1e999], \"horizon\": 1}"]).await;
            provoked.extend(tables(app, [("horizon=1", "y\n1\n-inf\n")]).await);
            provoked
        }
        Code::Call(CallCode::SeriesTooLong) => {
            let stamps = json!({"values": [1], "timestamps": vec![1; 21]});
            let mut provoked = series(app, [json!({"values": vec![1; 21]}), stamps]).await;
            provoked.extend(series(app, [json!({"series": [{"values": vec![1; 21]}]})]).await);
            provoked
        }
        Code::Call(CallCode::SeriesTooShort) => series(app, [json!({"values": [1]})]).await,
        Code::Call(CallCode::InvalidValue) => {
            tables(
                app,
                [("horizon=1", "y\n1\nmany\n"), ("horizon=1", "y\n\"1,5\"\n")],
            )
            .await
        }
        Code::Call(CallCode::TooManyCovariates) | Code::Call(CallCode::InvalidCovariate) => {
            covariates(app, code).await
        }
        Code::Call(CallCode::LengthMismatch)
        | Code::Call(CallCode::InvalidStart)
        | Code::Call(CallCode::InvalidTimestamp)
        | Code::Call(CallCode::InvalidTimezone)
        | Code::Call(CallCode::FrequencyMissing)
        | Code::Call(CallCode::UnknownFrequency)
        | Code::Call(CallCode::AmbiguousFrequency)
        | Code::Call(CallCode::FrequencyNotInferred)
        | Code::Call(CallCode::UnsortedTimestamps)
        | Code::Call(CallCode::DuplicateTimestamp)
        | Code::Call(CallCode::OffGridTimestamp)
        | Code::Call(CallCode::TooManyGaps)
        | Code::Call(CallCode::CalendarOutOfRange)
        | Code::Call(CallCode::InvalidSeasonLength) => calendar(app, code).await,
    }
}

async fn covariates(app: &TestApp, code: Code) -> Vec<Provocation> {
    let sent = |covariates: Value| json!({"values": [1, 2], "covariates": covariates});
    if code == Code::Call(CallCode::TooManyCovariates) {
        let five = json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1});
        return series(app, [sent(json!({"static": five}))]).await;
    }
    let inside = json!({"id": "a", "values": [1, 2], "covariates": {"past": {"a/b": [1]}}});
    series(
        app,
        [
            sent(json!({"past": {"price": [1, 2, 3]}})),
            sent(json!({"future": {"price": [1, 2, 3]}})),
            sent(json!({"future": {"price": [1, null, 3, null]}})),
            sent(json!({"past": {"price": [1, 2]}, "static": {"price": 5}})),
            json!({"series": [inside]}),
        ],
    )
    .await
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

async fn calendar(app: &TestApp, code: Code) -> Vec<Provocation> {
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
            let names = [("2024-01-01T00:00", "Europe/Berln"), ("5", "Europe/Berlin")];
            series(app, names.map(|(start, zone)| zoned(start, zone))).await
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

async fn transport(app: &TestApp, code: Code) -> Vec<Provocation> {
    let send = async |text: &str, request: Request<Body>| vec![told(text, app.send(request)).await];
    match code {
        Code::NotFound => vec![told("GET /forcast", app.get("/forcast")).await],
        Code::MethodNotAllowed => {
            let mut provoked = send(
                "DELETE /forecast",
                Request::delete("/forecast").body(Body::empty()).unwrap(),
            )
            .await;
            let post = Request::post("/readyz").body(Body::empty()).unwrap();
            provoked.extend(send("POST /readyz", post).await);
            provoked
        }
        Code::UnsupportedContentType => {
            vec![
                told(
                    "content-type: text/xml",
                    app.post("/forecast", "text/xml", "<a/>"),
                )
                .await,
            ]
        }
        Code::NotAcceptable => {
            let request = Request::get("/forecast").header(header::ACCEPT, "application/pdf");
            send(
                "accept: application/pdf",
                request.body(Body::empty()).unwrap(),
            )
            .await
        }
        Code::BodyTooLarge => {
            let mut provoked = send("601 bytes, declared", declared(601)).await;
            provoked.extend(send("601 bytes, not declared", without_length(601)).await);
            provoked
        }
        Code::BodyTimeout => {
            let stalled = BodyTimeout::Stalled {
                limit: Duration::from_secs(10),
            };
            send("a body that stalls", Broken::request(stalled)).await
        }
        Code::BodyUnreadable => {
            let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            send("a body that breaks off", Broken::request(reset)).await
        }
        Code::InvalidHeader => {
            let request = Request::get("/forecast").header("x-request-timeout-ms", "1s");
            send(
                "x-request-timeout-ms: 1s",
                request.body(Body::empty()).unwrap(),
            )
            .await
        }
        Code::InvalidQuery => {
            let queries = [
                "horizn=3",
                "horizon=x",
                "horizon=1&horizon=2",
                "levels=80,x",
                "allow_nan=1",
                "season_length=x",
            ];
            let mut provoked = Vec::new();
            for query in queries {
                let uri = format!("/forecast?{query}");
                provoked.push(told(format!("GET {uri}"), app.get(&uri)).await);
            }
            let body = "{\"values\": [1, 2]}";
            let answer = app.post("/forecast?horizon=1", "application/json", body);
            provoked.push(told(format!("horizon=1 {body}"), answer).await);
            provoked
        }
        Code::Call(CallCode::RequestTimeout) => {
            let (held, _gate) = Scripted::gated();
            let app = TestAppBuilder::scripted().workers(vec![held]).build();
            let body = json!({"values": [1, 2], "horizon": 2}).to_string();
            // The caller's own limit: at the server's, either of two clocks may be the first.
            let request = Request::post("/forecast")
                .header("content-type", "application/json")
                .header("x-request-timeout-ms", "1")
                .body(Body::from(body.clone()))
                .unwrap();
            let late = told(&body, app.send(request)).await;
            let limit = Duration::from_millis(1);
            let app = TestAppBuilder::scripted().request_timeout(limit).build();
            let silent = app.send(silent());
            vec![late, told("a body that does not come", silent).await]
        }
        Code::Call(CallCode::Overloaded) => {
            let (held, mut gate) = Scripted::gated();
            let app = TestAppBuilder::scripted()
                .queue_steps(8)
                .workers(vec![held])
                .build();
            let body = json!({"values": [1, 2], "horizon": 2});
            let mut running = Box::pin(app.forecast(&body));
            assert!(poll_once(&mut running).await.is_none());
            gate.begun().await;
            let mut waiting = Box::pin(app.forecast(&body));
            assert!(poll_once(&mut waiting).await.is_none());
            posts(&app, [json!({"values": [1, 2, 3], "horizon": 2})]).await
        }
        // An engine is closed when the last who holds it lets go, so no request meets this until
        // versions are replaced while others are served.
        Code::Call(CallCode::ShuttingDown) => {
            let answer =
                Answer::of(Problem::from(CallError::from(SubmitError::Closed)).into_response());
            vec![told("a model that is being unloaded", answer).await]
        }
        Code::Call(CallCode::Internal) => {
            let app = TestApp::scripted(Scripted::last_value());
            app.metrics
                .register(Box::new(Panicking::default()))
                .unwrap();
            vec![told("GET /metrics, and a collector panics", app.get("/metrics")).await]
        }
        other => unreachable!("{other:?} is about content"),
    }
}

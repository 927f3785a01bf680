//! Requests that provoke each code of HTTP and of overload.

use std::time::Duration;

use almanac::call::{CallCode, CallError};
use almanac::http::{Code, Problem};
use almanac_engine::SubmitError;
use almanac_net::BodyTimeout;
use axum::body::Body;
use axum::http::{Request, header};
use axum::response::IntoResponse as _;
use serde_json::json;

use super::provoke::{Provocation, posts, provoke};
use super::transport::{Broken, Panicking, declared, silent, without_length};
use crate::support::answer::Answer;
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder, poll_once};

/// Sends requests that end in `code`, which is about HTTP or the load.
pub(super) async fn provocations(app: &TestApp, code: Code) -> Vec<Provocation> {
    let send =
        async |text: &str, request: Request<Body>| vec![provoke(text, app.send(request)).await];
    match code {
        Code::NotFound => vec![provoke("GET /forcast", app.get("/forcast")).await],
        Code::MethodNotAllowed => {
            let mut provocations = send(
                "DELETE /forecast",
                Request::delete("/forecast").body(Body::empty()).unwrap(),
            )
            .await;
            let post = Request::post("/readyz").body(Body::empty()).unwrap();
            provocations.extend(send("POST /readyz", post).await);
            provocations
        }
        Code::UnsupportedContentType => {
            vec![
                provoke(
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
            let mut provocations = send("601 bytes, declared", declared(601)).await;
            provocations.extend(send("601 bytes, not declared", without_length(601)).await);
            provocations
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
            let mut provocations = Vec::new();
            for query in queries {
                let uri = format!("/forecast?{query}");
                provocations.push(provoke(format!("GET {uri}"), app.get(&uri)).await);
            }
            let body = "{\"values\": [1, 2]}";
            let answer = app.post("/forecast?horizon=1", "application/json", body);
            provocations.push(provoke(format!("horizon=1 {body}"), answer).await);
            provocations
        }
        Code::Call(CallCode::RequestTimeout) => timed_out().await,
        Code::Call(CallCode::Overloaded) => overloaded().await,
        // An engine is closed when its last owner is dropped, so no request meets this error until
        // versions are replaced while others are served.
        Code::Call(CallCode::ShuttingDown) => {
            let answer =
                Answer::of(Problem::from(CallError::from(SubmitError::Closed)).into_response());
            vec![provoke("a model that is being unloaded", answer).await]
        }
        Code::Call(CallCode::Internal) => {
            let app = TestApp::scripted(Scripted::last_value());
            app.metrics
                .register(Box::new(Panicking::default()))
                .unwrap();
            vec![provoke("GET /metrics, and a collector panics", app.get("/metrics")).await]
        }
        other => unreachable!("{other:?} is not about HTTP"),
    }
}

async fn timed_out() -> Vec<Provocation> {
    let (gated, _gate) = Scripted::gated();
    let app = TestAppBuilder::scripted().workers(vec![gated]).build();
    let body = json!({"values": [1, 2], "horizon": 2}).to_string();
    // The client's own limit: with the server's, either of two clocks may be the first.
    let request = Request::post("/forecast")
        .header("content-type", "application/json")
        .header("x-request-timeout-ms", "1")
        .body(Body::from(body.clone()))
        .unwrap();
    let late = provoke(&body, app.send(request)).await;
    let limit = Duration::from_millis(1);
    let app = TestAppBuilder::scripted().request_timeout(limit).build();
    let silent = app.send(silent());
    vec![late, provoke("a body that does not come", silent).await]
}

async fn overloaded() -> Vec<Provocation> {
    let (gated, mut gate) = Scripted::gated();
    let app = TestAppBuilder::scripted()
        .queue_steps(8)
        .workers(vec![gated])
        .build();
    let body = json!({"values": [1, 2], "horizon": 2});
    let mut running = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut running).await.is_none());
    gate.batch_started().await;
    let mut waiting = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut waiting).await.is_none());
    posts(&app, [json!({"values": [1, 2, 3], "horizon": 2})]).await
}

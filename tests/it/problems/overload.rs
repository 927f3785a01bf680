//! Requests to a model with a full queue, which are refused before they are read, and to other models.

use almanac_model::Manifest;
use serde_json::json;

use crate::support::scripted::{Scripted, manifest_text};
use crate::support::{TestApp, TestAppBuilder, poll_once};

/// Posts `body`, and returns the status and the error code of the answer.
async fn status_and_code(app: &TestApp, uri: &str, body: &str) -> (u16, String) {
    let answer = app.post(uri, "application/json", body.to_owned()).await;
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn requests_to_a_full_model_are_refused_unread() {
    let (gated, mut gate) = Scripted::gated();
    let other = Manifest::parse(&manifest_text("other", "1")).unwrap();
    let app = TestAppBuilder::scripted()
        .queue_steps(4)
        .workers(vec![gated])
        .workers_of(other, vec![Scripted::last_value()])
        .build();
    let body = json!({"values": [1, 2], "horizon": 2});
    let mut running = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut running).await.is_none());
    assert_eq!(gate.batch_started().await, 1);
    let mut waiting = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut waiting).await.is_none());

    let refused = (429, "overloaded".to_owned());
    let unread = (400, "invalid_json".to_owned());
    assert_eq!(status_and_code(&app, "/forecast", "{broken").await, refused);
    assert_eq!(
        status_and_code(&app, "/forecast", r#"{"model": "other""#).await,
        unread
    );
    // A key may be written with escapes.
    for key in ["model", r"mode\u006c"] {
        let named = format!(r#"{{"{key}": "other", "values": [1, 2], "horizon": 2}}"#);
        assert_eq!(status_and_code(&app, "/forecast", &named).await.0, 200);
    }
    let csv = |uri| app.post(uri, "text/csv", "value\n1\n2\n");
    assert_eq!(csv("/forecast?horizon=2").await.status, 429);
    assert_eq!(csv("/forecast?horizon=2&model=other").await.status, 200);
    // Each was counted once, although two models were asked for admission.
    let refusals = app.metric("almanac_engine_refused_total", &[]);
    assert!((refusals - 2.0).abs() < 0.5, "{refusals}");

    gate.release();
    gate.release();
    for answer in [running.await, waiting.await] {
        answer.ok();
    }
}

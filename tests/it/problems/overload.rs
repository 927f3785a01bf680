//! What a model without room refuses, unread, and what goes to others meanwhile.

use almanac_model::Manifest;
use serde_json::json;

use crate::support::scripted::{Scripted, manifest_text};
use crate::support::{TestApp, TestAppBuilder, poll_once};

/// Answers to bodies sent while the default model has no room and `other` has.
async fn sent(app: &TestApp, uri: &str, body: &str) -> (u16, String) {
    let answer = app.post(uri, "application/json", body.to_owned()).await;
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn what_a_full_model_would_refuse_is_not_read() {
    let (held, mut gate) = Scripted::gated();
    let other = Manifest::parse(&manifest_text("other", "1")).unwrap();
    let app = TestAppBuilder::scripted()
        .queue_steps(4)
        .workers(vec![held])
        .workers_of(other, vec![Scripted::last_value()])
        .build();
    let body = json!({"values": [1, 2], "horizon": 2});
    let mut running = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut running).await.is_none());
    assert_eq!(gate.begun().await, 1);
    let mut waiting = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut waiting).await.is_none());

    let refused = (429, "overloaded".to_owned());
    let unread = (400, "invalid_json".to_owned());
    assert_eq!(sent(&app, "/forecast", "{broken").await, refused);
    assert_eq!(
        sent(&app, "/forecast", r#"{"model": "other""#).await,
        unread
    );
    // A key may be written with escapes.
    for key in ["model", r"mode\u006c"] {
        let named = format!(r#"{{"{key}": "other", "values": [1, 2], "horizon": 2}}"#);
        assert_eq!(sent(&app, "/forecast", &named).await.0, 200);
    }
    let csv = |uri| app.post(uri, "text/csv", "value\n1\n2\n");
    assert_eq!(csv("/forecast?horizon=2").await.status, 429);
    assert_eq!(csv("/forecast?horizon=2&model=other").await.status, 200);
    // Each was counted once, though two models were asked.
    let refusals = app.metric("almanac_engine_refused_total", &[]);
    assert!((refusals - 2.0).abs() < 0.5, "{refusals}");

    gate.release();
    gate.release();
    for answer in [running.await, waiting.await] {
        answer.ok();
    }
}

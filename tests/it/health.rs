//! The health endpoints in every state, and while every worker is busy.

use almanac_engine::registry::ModelState;
use serde_json::json;

use crate::support::scripted::{NAME, Scripted};
use crate::support::{TestApp, TestAppBuilder, poll_once};

/// Checks the status of each endpoint, and the bodies of `/readyz` and `/startupz`.
async fn check(app: &TestApp, ready: (u16, &str), started: (u16, &str)) {
    let answer = app.get("/readyz").await;
    assert_eq!((answer.status, answer.text()), ready);
    let answer = app.get("/startupz").await;
    assert_eq!((answer.status, answer.text()), started);
    let answer = app.get("/ping").await;
    assert_eq!((answer.status, answer.text()), (ready.0, ""));
    let answer = app.get("/healthz").await;
    assert_eq!((answer.status, answer.text()), (200, "alive\n"));
}

#[tokio::test]
async fn a_service_is_ready_once_its_default_model_is() {
    let app = TestApp::loading(NAME);
    let loading = (503, "model scripted is being loaded\n");
    check(&app, loading, (503, "loading scripted\n")).await;

    app.registry.set("other", ModelState::Loading);
    app.registry.set(
        NAME,
        ModelState::Failed {
            reason: "it is broken".to_owned(),
        },
    );
    let failed = (503, "model scripted failed to load: it is broken\n");
    check(&app, failed, (503, "loading other\n")).await;

    app.registry.finish_startup();
    check(&app, failed, (200, "started\n")).await;

    let ready = TestAppBuilder::new(app.registry)
        .workers(vec![Scripted::last_value()])
        .build();
    check(&ready, (200, "ready\n"), (200, "started\n")).await;
}

#[tokio::test]
async fn during_shutdown_a_service_is_not_ready_but_still_serves() {
    let app = TestApp::scripted(Scripted::last_value());
    check(&app, (200, "ready\n"), (200, "started\n")).await;
    app.shutdown.signal();
    check(&app, (503, "shutting down\n"), (200, "started\n")).await;
    app.forecast(&json!({"values": [1, 2], "horizon": 1}))
        .await
        .ok();
}

#[tokio::test]
async fn a_failing_model_does_not_make_the_service_unready() {
    let app = TestApp::scripted(Scripted::failing("no memory"));
    app.forecast(&json!({"values": [1, 2], "horizon": 1}))
        .await
        .problem(500, "model_error");
    check(&app, (200, "ready\n"), (200, "started\n")).await;
}

#[tokio::test]
async fn health_and_metrics_are_answered_while_every_worker_is_blocked() {
    let (first, mut first_gate) = Scripted::gated();
    let (second, mut second_gate) = Scripted::gated();
    let app = TestAppBuilder::scripted()
        .workers(vec![first, second])
        .build();
    let body = json!({"values": [1, 2], "horizon": 1});
    let mut running = [(); 2].map(|()| Box::pin(app.forecast(&body)));
    for request in &mut running {
        assert!(poll_once(request).await.is_none());
    }
    // One row for each worker, or both in one batch while the other worker sleeps.
    let rows = tokio::select! {
        rows = first_gate.batch_started() => rows,
        rows = second_gate.batch_started() => rows,
    };
    assert!((1..=2).contains(&rows));
    let mut queued = Box::pin(app.forecast(&body));
    assert!(poll_once(&mut queued).await.is_none());

    check(&app, (200, "ready\n"), (200, "started\n")).await;
    let metrics = app.get("/metrics").await;
    // The scrape itself is the fourth.
    assert!(
        metrics.text().contains("almanac_http_requests_in_flight 4"),
        "{}",
        metrics.text()
    );
    assert_eq!(app.get("/models").await.status, 200);
    drop((first_gate, second_gate));
    for request in running {
        request.await.ok();
    }
    queued.await.ok();
}

#[tokio::test]
async fn a_ready_model_is_described_by_the_api() {
    let model = TestApp::embedded().get("/models/seasonal").await.ok();
    for (field, expected) in [
        ("status", json!("ready")),
        ("version", json!("1")),
        ("licence", json!("Apache-2.0")),
        ("source", json!("embedded:")),
        ("min_context_length", json!(1)),
        ("max_context_length", json!(2_048)),
        ("max_horizon", json!(1_024)),
        ("max_season_length", json!(1_024)),
        ("workers", json!(2)),
    ] {
        assert_eq!(model[field], expected, "{field}");
    }
    assert_eq!(model["quantile_levels"].as_array().map(Vec::len), Some(13));
    assert!(model["load_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(model.get("reason"), None);
}

//! The life of versions: loading, taking over, failing and unloading.

use std::time::Duration;

use serde_json::json;

use crate::support::kept::{ManagedServiceBuilder, version_and_point};
use crate::support::shelf::FATAL;

fn states(states: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut owned = Vec::new();
    for &(version, state) in states {
        owned.push((version.to_owned(), state.to_owned()));
    }
    owned
}

#[tokio::test]
async fn a_new_version_takes_over_and_the_old_one_is_unloaded() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .ready()
        .await;
    assert_eq!(service.answer_from("m").await, ("1".to_owned(), 11.0));
    service.shelf.put("m", "2", "add 20");
    service.wait_until_serving("m", "2").await;
    assert_eq!(service.answer_from("m").await, ("2".to_owned(), 21.0));
    assert_eq!(
        service.versions("m").await,
        states(&[("2", "ready"), ("1", "gone")])
    );
    let swaps = service
        .app
        .metric("almanac_model_swaps_total", &[("model", "m")]);
    assert!((swaps - 1.0).abs() < 1e-9, "{swaps}");
}

#[tokio::test]
async fn a_request_keeps_the_version_that_it_resolved() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .ready()
        .await;
    let resolved = service.app.registry.resolve(None).unwrap();
    service.shelf.put("m", "2", "add 20");
    service.wait_until_serving("m", "2").await;
    // Like a request in flight, it keeps the version alive.
    assert_eq!(
        service.versions("m").await,
        states(&[("2", "ready"), ("1", "draining")])
    );
    assert_eq!((resolved.version(), resolved.engine.workers()), ("1", 1));
    drop(resolved);
    assert_eq!(service.versions("m").await[1].1, "gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_lose_and_mix_nothing() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "0", "add 0")])
        .ready()
        .await;
    let requests = async {
        let mut last = String::new();
        let mut n_answers = 0;
        while last != "100" {
            let (version, value) = service.answer_from("m").await;
            let expected = 1.0 + version.parse::<f64>().unwrap();
            assert!(
                (value - expected).abs() < 1e-6,
                "version {version} answered {value}"
            );
            last = version;
            n_answers += 1;
        }
        n_answers
    };
    let swaps = async {
        for version in 1..=100 {
            let version = version.to_string();
            service.shelf.put("m", &version, &format!("add {version}"));
            service.wait_until_serving("m", &version).await;
        }
    };
    let (n_answers, ()) = tokio::join!(requests, swaps);
    assert!(n_answers > 100, "{n_answers}");
}

#[tokio::test]
async fn a_bad_version_never_takes_over_and_is_loaded_again_once_it_changes() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .ready()
        .await;
    service.shelf.put("m", "2", "refuse");
    service.wait_until_latest("m", "2", "failed").await;
    assert_eq!(service.answer_from("m").await.0, "1");
    let listed = service.app.get("/models/m/versions").await.ok();
    assert_eq!(listed["serving"], "1");
    assert_eq!(listed["versions"][0]["reason"], "no such operator");

    // The sources are listed again, with the same files and with a change elsewhere.
    service.shelf.put("other", "1", "add 1");
    service.wait_until_serving("other", "1").await;
    assert_eq!(service.shelf.open_count("refuse"), 1);

    service.shelf.put("m", "2", "add 20");
    service.wait_until_serving("m", "2").await;
    assert_eq!(service.answer_from("m").await, ("2".to_owned(), 21.0));
}

#[tokio::test]
async fn files_that_are_rewritten_unchanged_are_not_loaded_again() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .ready()
        .await;
    service.shelf.put("m", "1", "add 10");
    service.keeper.poll_sources();
    let labels = [("model", "m"), ("outcome", "unchanged")];
    service
        .wait_until_metric("almanac_model_loads_total", &labels, 1.0)
        .await;
    assert_eq!(service.shelf.open_count("add 10"), 1);
    assert_eq!(service.versions("m").await, states(&[("1", "ready")]));
    // The new revision is recorded: a later replacement is a change.
    service.shelf.put("m", "1", "add 20");
    service.keeper.poll_sources();
    service
        .wait_until(|registry| registry.records().of("m").len() == 2)
        .await;
    service.wait_until_latest("m", "1", "ready").await;
    assert_eq!(service.answer_from("m").await, ("1".to_owned(), 21.0));
}

#[tokio::test]
async fn a_version_that_vanishes_still_serves_until_its_source_has_another() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "2", "add 20")])
        .ready()
        .await;
    service.shelf.remove("m", "2");
    service.shelf.put("other", "1", "add 1");
    service.wait_until_serving("other", "1").await;
    assert_eq!(service.answer_from("m").await.0, "2");
    service.shelf.put("m", "1", "add 10");
    service.wait_until_serving("m", "1").await;
}

#[tokio::test]
async fn an_unreadable_source_is_reported_and_retried() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .down()
        .start();
    let is_reported = |registry: &almanac_engine::registry::Registry| {
        let error = registry.resolve(None).unwrap_err().to_string();
        error.contains("shelf: cannot be read")
    };
    service.wait_until(is_reported).await;
    let answer = service.app.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("it is closed"), "{}", answer.text());
    // The unreadable source may have it.
    service
        .forecast("other", 1.0)
        .await
        .problem(503, "model_loading");

    service.shelf.set_down(false);
    service.wait_until_serving("m", "1").await;
    assert_eq!(service.app.get("/readyz").await.status, 200);
    service
        .forecast("other", 1.0)
        .await
        .problem(404, "unknown_model");

    service.shelf.set_down(true);
    service.keeper.poll_sources();
    service
        .wait_until_metric("almanac_source_up", &[("source", "shelf:")], 0.0)
        .await;
    assert_eq!(service.answer_from("m").await.0, "1");
}

#[tokio::test]
async fn files_that_cannot_be_read_leave_the_next_version_to_answer() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10"), ("m", "2", "refuse")])
        .ready()
        .await;
    assert_eq!(service.answer_from("m").await.0, "1");
}

#[tokio::test]
async fn a_version_that_fails_its_requests_is_rolled_back() {
    let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10")]);
    builder.config.probation = Duration::from_secs(3_600);
    let service = builder.ready().await;
    service.answer_from("m").await;
    service.shelf.put("m", "2", "fail");
    service.wait_until_serving("m", "2").await;
    assert_eq!(
        service.versions("m").await,
        states(&[("2", "ready"), ("1", "ready")])
    );
    for _ in 0..20 {
        service
            .forecast("m", FATAL)
            .await
            .problem(500, "model_error");
    }
    service.wait_until_serving("m", "1").await;
    let (version, value) = version_and_point(&service.forecast("m", FATAL).await);
    assert_eq!((version.as_str(), value), ("1", FATAL + 10.0));
    let listed = service.app.get("/models/m/versions").await.ok();
    let failed = &listed["versions"][0];
    assert_eq!(
        (&failed["version"], &failed["state"]),
        (&json!("2"), &json!("failed"))
    );
    let reason = failed["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("rolled back: 20 of its 20 requests failed"),
        "{reason}"
    );

    // It is not loaded again before it changes.
    service.shelf.put("other", "1", "add 1");
    service.wait_until_serving("other", "1").await;
    assert_eq!(
        (
            service.answer_from("m").await.0.as_str(),
            service.shelf.open_count("fail")
        ),
        ("1", 1)
    );
    service.shelf.put("m", "2", "add 20");
    service.wait_until_serving("m", "2").await;
}

#[tokio::test]
async fn client_errors_cause_no_rollback() {
    let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10")]);
    builder.config.probation = Duration::from_secs(3_600);
    let service = builder.ready().await;
    service.shelf.put("m", "2", "add 20");
    service.wait_until_serving("m", "2").await;
    for _ in 0..30 {
        let body = json!({"values": [1], "horizon": 1});
        service
            .app
            .forecast(&body)
            .await
            .problem(422, "series_too_short");
    }
    service.keeper.overview().await.unwrap();
    assert_eq!(service.answer_from("m").await.0, "2");
    let listed = service.app.get("/models/m/versions").await.ok();
    assert_eq!(
        (
            &listed["versions"][0]["requests"],
            &listed["versions"][0]["errors"]
        ),
        (&json!(31), &json!(0))
    );
}

#[tokio::test]
async fn the_least_recently_used_model_is_unloaded_and_loaded_again_on_request() {
    let mut builder = ManagedServiceBuilder::new().with_versions(&[
        ("m", "1", "add 10"),
        ("a", "1", "add 1"),
        ("b", "1", "add 2"),
    ]);
    // Room for two: a session counts as 1.5 MiB.
    builder.config.memory_bytes = Some(3_500 * 1_024);
    let service = builder.ready().await;
    service.wait_until_serving("b", "1").await;
    assert_eq!(service.versions("a").await, states(&[("1", "unloaded")]));
    let unloaded = service.app.get("/models/a").await.ok();
    assert_eq!(unloaded["status"], "unloaded");
    let answer = service.forecast("a", 1.0).await;
    answer.problem(503, "model_loading");
    assert!(answer.header("retry-after").is_some());
    service.wait_until_serving("a", "1").await;
    assert_eq!(service.answer_from("a").await, ("1".to_owned(), 2.0));
    assert_eq!(service.versions("b").await[0].1, "unloaded");
    assert_eq!(service.answer_from("m").await, ("1".to_owned(), 11.0));
}

//! How versions come, take over, fail and leave.

use std::time::Duration;

use serde_json::json;

use crate::support::kept::{FATAL, KeptBuilder, told};

fn states(states: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(version, state): &(&str, &str)| ((*version).to_owned(), (*state).to_owned());
    states.iter().map(owned).collect()
}

#[tokio::test]
async fn a_new_version_takes_over_and_the_old_one_leaves() {
    let kept = KeptBuilder::new()
        .holding(&[("m", "1", "add 10")])
        .ready()
        .await;
    assert_eq!(kept.answered("m").await, ("1".to_owned(), 11.0));
    kept.shelf.put("m", "2", "add 20");
    kept.until_answers("m", "2").await;
    assert_eq!(kept.answered("m").await, ("2".to_owned(), 21.0));
    assert_eq!(
        kept.versions("m").await,
        states(&[("2", "ready"), ("1", "gone")])
    );
    let swaps = kept
        .app
        .metric("almanac_model_swaps_total", &[("model", "m")]);
    assert!((swaps - 1.0).abs() < 1e-9, "{swaps}");
}

#[tokio::test]
async fn a_request_keeps_the_version_that_it_found() {
    let kept = KeptBuilder::new()
        .holding(&[("m", "1", "add 10")])
        .ready()
        .await;
    let found = kept.app.registry.resolve(None).unwrap();
    kept.shelf.put("m", "2", "add 20");
    kept.until_answers("m", "2").await;
    // As a request in flight does, it holds the version.
    assert_eq!(
        kept.versions("m").await,
        states(&[("2", "ready"), ("1", "draining")])
    );
    assert_eq!((found.version(), found.engine.workers()), ("1", 1));
    drop(found);
    assert_eq!(kept.versions("m").await[1].1, "gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_lose_and_mix_nothing() {
    let kept = KeptBuilder::new()
        .holding(&[("m", "0", "add 0")])
        .ready()
        .await;
    let asking = async {
        let mut last = String::new();
        let mut n_answers = 0;
        while last != "100" {
            let (version, value) = kept.answered("m").await;
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
    let swapping = async {
        for version in 1..=100 {
            let version = version.to_string();
            kept.shelf.put("m", &version, &format!("add {version}"));
            kept.until_answers("m", &version).await;
        }
    };
    let (n_answers, ()) = tokio::join!(asking, swapping);
    assert!(n_answers > 100, "{n_answers}");
}

#[tokio::test]
async fn a_bad_version_never_replaces_and_is_tried_again_once_it_changes() {
    let kept = KeptBuilder::new()
        .holding(&[("m", "1", "add 10")])
        .ready()
        .await;
    kept.shelf.put("m", "2", "refuse");
    kept.until_latest("m", "2", "failed").await;
    assert_eq!(kept.answered("m").await.0, "1");
    let listed = kept.app.get("/models/m/versions").await.ok();
    assert_eq!(listed["serving"], "1");
    assert_eq!(listed["versions"][0]["reason"], "no such operator");

    // Another look at the same files, and one that changes something else.
    kept.shelf.put("other", "1", "add 1");
    kept.until_answers("other", "1").await;
    assert_eq!(kept.shelf.opened("refuse"), 1);

    kept.shelf.put("m", "2", "add 20");
    kept.until_answers("m", "2").await;
    assert_eq!(kept.answered("m").await, ("2".to_owned(), 21.0));
}

#[tokio::test]
async fn files_that_are_written_anew_and_the_same_are_not_loaded_again() {
    let kept = KeptBuilder::new()
        .holding(&[("m", "1", "add 10")])
        .ready()
        .await;
    kept.shelf.put("m", "1", "add 10");
    kept.keeper.look();
    let labels = [("model", "m"), ("outcome", "unchanged")];
    kept.until_metric("almanac_model_loads_total", &labels, 1.0)
        .await;
    assert_eq!(kept.shelf.opened("add 10"), 1);
    assert_eq!(kept.versions("m").await, states(&[("1", "ready")]));
    // It is known by its new revision: what replaces it is a change.
    kept.shelf.put("m", "1", "add 20");
    kept.keeper.look();
    kept.until(|registry| registry.records().of("m").len() == 2)
        .await;
    kept.until_latest("m", "1", "ready").await;
    assert_eq!(kept.answered("m").await, ("1".to_owned(), 21.0));
}

#[tokio::test]
async fn a_version_that_vanishes_serves_on_until_its_source_has_another() {
    let kept = KeptBuilder::new().holding(&[("m", "2", "add 20")]);
    let kept = kept.ready().await;
    kept.shelf.take("m", "2");
    kept.shelf.put("other", "1", "add 1");
    kept.until_answers("other", "1").await;
    assert_eq!(kept.answered("m").await.0, "2");
    kept.shelf.put("m", "1", "add 10");
    kept.until_answers("m", "1").await;
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_waited_for_and_told() {
    let kept = KeptBuilder::new()
        .holding(&[("m", "1", "add 10")])
        .down()
        .start();
    let told_why = |registry: &almanac_engine::registry::Registry| {
        let error = registry.resolve(None).unwrap_err().to_string();
        error.contains("shelf: cannot be read")
    };
    kept.until(told_why).await;
    let answer = kept.app.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("it is closed"), "{}", answer.text());
    // It may be there.
    kept.ask("other", 1.0).await.problem(503, "model_loading");

    kept.shelf.set_down(false);
    kept.until_answers("m", "1").await;
    assert_eq!(kept.app.get("/readyz").await.status, 200);
    kept.ask("other", 1.0).await.problem(404, "unknown_model");

    kept.shelf.set_down(true);
    kept.keeper.look();
    kept.until_metric("almanac_source_up", &[("source", "shelf:")], 0.0)
        .await;
    assert_eq!(kept.answered("m").await.0, "1");
}

#[tokio::test]
async fn files_that_cannot_be_read_leave_the_next_version_to_answer() {
    let kept = KeptBuilder::new().holding(&[("m", "1", "add 10"), ("m", "2", "refuse")]);
    let kept = kept.ready().await;
    assert_eq!(kept.answered("m").await.0, "1");
}

#[tokio::test]
async fn a_version_that_fails_its_requests_is_taken_back() {
    let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 10")]);
    builder.config.probation = Duration::from_secs(3_600);
    let kept = builder.ready().await;
    kept.answered("m").await;
    kept.shelf.put("m", "2", "fail");
    kept.until_answers("m", "2").await;
    assert_eq!(
        kept.versions("m").await,
        states(&[("2", "ready"), ("1", "ready")])
    );
    for _ in 0..20 {
        kept.ask("m", FATAL).await.problem(500, "model_error");
    }
    kept.until_answers("m", "1").await;
    let (version, value) = told(&kept.ask("m", FATAL).await);
    assert_eq!((version.as_str(), value), ("1", FATAL + 10.0));
    let listed = kept.app.get("/models/m/versions").await.ok();
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

    // Not loaded again before it changes.
    kept.shelf.put("other", "1", "add 1");
    kept.until_answers("other", "1").await;
    assert_eq!(
        (
            kept.answered("m").await.0.as_str(),
            kept.shelf.opened("fail")
        ),
        ("1", 1)
    );
    kept.shelf.put("m", "2", "add 20");
    kept.until_answers("m", "2").await;
}

#[tokio::test]
async fn errors_of_the_caller_take_nothing_back() {
    let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 10")]);
    builder.config.probation = Duration::from_secs(3_600);
    let kept = builder.ready().await;
    kept.shelf.put("m", "2", "add 20");
    kept.until_answers("m", "2").await;
    for _ in 0..30 {
        let body = json!({"values": [1], "horizon": 1});
        kept.app
            .forecast(&body)
            .await
            .problem(422, "series_too_short");
    }
    kept.keeper.overview().await.unwrap();
    assert_eq!(kept.answered("m").await.0, "2");
    let listed = kept.app.get("/models/m/versions").await.ok();
    assert_eq!(
        (
            &listed["versions"][0]["requests"],
            &listed["versions"][0]["errors"]
        ),
        (&json!(31), &json!(0))
    );
}

#[tokio::test]
async fn the_longest_unused_model_leaves_memory_and_comes_back_when_asked_for() {
    let mut builder = KeptBuilder::new().holding(&[
        ("m", "1", "add 10"),
        ("a", "1", "add 1"),
        ("b", "1", "add 2"),
    ]);
    // Room for two: a session counts as 1.5 MiB.
    builder.config.memory_bytes = Some(3_500 * 1_024);
    let kept = builder.ready().await;
    kept.until_answers("b", "1").await;
    assert_eq!(kept.versions("a").await, states(&[("1", "unloaded")]));
    let unloaded = kept.app.get("/models/a").await.ok();
    assert_eq!(unloaded["status"], "unloaded");
    let answer = kept.ask("a", 1.0).await;
    answer.problem(503, "model_loading");
    assert!(answer.header("retry-after").is_some());
    kept.until_answers("a", "1").await;
    assert_eq!(kept.answered("a").await, ("1".to_owned(), 2.0));
    assert_eq!(kept.versions("b").await[0].1, "unloaded");
    assert_eq!(kept.answered("m").await, ("1".to_owned(), 11.0));
}

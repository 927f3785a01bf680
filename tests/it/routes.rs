//! Which version answers: names, aliases, canaries, shadows.

use std::collections::{BTreeMap, BTreeSet};

use almanac_engine::registry::{Route, Share};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::kept::{FATAL, Kept, KeptBuilder, told};

fn share(version: &str, share: f64) -> Option<Share> {
    let version = version.to_owned();
    Some(Share { version, share })
}

/// Two versions, of which `route` says which answers, once all that it names is in memory.
async fn routed(route: Route) -> Kept {
    let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 10"), ("m", "2", "add 20")]);
    let named: Vec<_> = route.versions().map(str::to_owned).collect();
    builder.config.routes = BTreeMap::from([("m".to_owned(), route)]);
    let kept = builder.ready().await;
    for version in named {
        let name = format!("m/{version}");
        kept.until(|registry| registry.resolve(Some(&name)).is_ok())
            .await;
    }
    kept
}

/// The versions that answer `count` requests.
async fn answering(kept: &Kept, count: usize) -> BTreeSet<String> {
    let mut versions = BTreeSet::new();
    for _ in 0..count {
        versions.insert(kept.answered("m").await.0);
    }
    versions
}

async fn sticky(kept: &Kept, key: &str) -> String {
    let body = json!({"values": [1, 2], "horizon": 1}).to_string();
    let request = Request::post("/forecast").header("x-almanac-sticky", key);
    told(&kept.app.send(request.body(Body::from(body)).unwrap()).await).0
}

#[tokio::test]
async fn a_version_and_an_alias_are_named_and_kept() {
    let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 10"), ("m", "2", "add 20")]);
    let champion = BTreeMap::from([("champion".to_owned(), "1".to_owned())]);
    builder.config.aliases = BTreeMap::from([("m".to_owned(), champion)]);
    let kept = builder.ready().await;
    kept.until(|registry| registry.resolve(Some("m@champion")).is_ok())
        .await;
    for (name, version) in [("m", "2"), ("m/2", "2"), ("m/1", "1"), ("m@champion", "1")] {
        assert_eq!(kept.answered(name).await.0, version, "{name}");
    }
    let unknown = kept.ask("m/3", 1.0).await.problem(404, "unknown_version");
    assert_eq!(
        (&unknown["pointer"], &unknown["received"]),
        (&json!("/model"), &json!("3"))
    );
    assert_eq!(unknown["expected"].as_array().map(Vec::len), Some(2));
    let unknown = kept
        .ask("m@loser", 1.0)
        .await
        .problem(404, "unknown_version");
    assert_eq!(unknown["expected"], json!(["champion"]));
    for name in ["x/1", "x@champion"] {
        kept.ask(name, 1.0).await.problem(404, "unknown_model");
    }
}

#[tokio::test]
async fn a_stable_version_is_pinned_whatever_is_newer() {
    let route = Route {
        stable: Some("1".to_owned()),
        ..Route::default()
    };
    let kept = routed(route).await;
    assert_eq!(kept.answered("m").await.0, "1");
    kept.keeper.set_route("m", Route::default()).await.unwrap();
    kept.until_answers("m", "2").await;
}

#[tokio::test]
async fn a_route_to_nothing_is_told() {
    let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 10")]);
    let route = Route {
        stable: Some("9".to_owned()),
        ..Route::default()
    };
    builder.config.routes = BTreeMap::from([("m".to_owned(), route)]);
    let kept = builder.start();
    let told = "its route names version 9, which no source has";
    kept.until(|registry| {
        registry
            .resolve(None)
            .unwrap_err()
            .to_string()
            .contains(told)
    })
    .await;
    kept.shelf.put("m", "9", "add 90");
    kept.until_answers("m", "9").await;
}

#[tokio::test]
async fn a_canary_answers_its_share() {
    let route = |weight| Route {
        canary: share("2", weight),
        ..Route::default()
    };
    let kept = routed(route(1.0)).await;
    assert_eq!(answering(&kept, 20).await, BTreeSet::from(["2".to_owned()]));
    // Whoever names a version gets it.
    assert_eq!(kept.answered("m/1").await.0, "1");
    kept.keeper.set_route("m", route(0.0)).await.unwrap();
    assert_eq!(answering(&kept, 20).await, BTreeSet::from(["1".to_owned()]));
    kept.keeper.set_route("m", route(0.5)).await.unwrap();
    // Fewer than both with a chance of one in a million million million.
    assert_eq!(answering(&kept, 60).await.len(), 2);
}

#[tokio::test]
async fn a_key_is_answered_by_one_version() {
    let kept = routed(Route {
        canary: share("2", 0.5),
        ..Route::default()
    })
    .await;
    let mut versions = BTreeSet::new();
    for key in 0..40 {
        let key = format!("store-{key}");
        let first = sticky(&kept, &key).await;
        for _ in 0..3 {
            assert_eq!(sticky(&kept, &key).await, first, "{key}");
        }
        versions.insert(first);
    }
    assert_eq!(versions.len(), 2);
}

#[tokio::test]
async fn a_canary_that_does_worse_is_taken_back() {
    let mut builder = KeptBuilder::new().holding(&[("m", "1", "add 10"), ("m", "2", "fail")]);
    let route = Route {
        canary: share("2", 1.0),
        ..Route::default()
    };
    builder.config.routes = BTreeMap::from([("m".to_owned(), route)]);
    let kept = builder.ready().await;
    kept.until(|registry| registry.resolve(Some("m/2")).is_ok())
        .await;
    for _ in 0..20 {
        kept.ask("m", FATAL).await.problem(500, "model_error");
    }
    kept.keeper.overview().await.unwrap();
    assert_eq!(told(&kept.ask("m", FATAL).await).0, "1");
    assert_eq!(
        kept.versions("m").await[0],
        ("2".to_owned(), "failed".to_owned())
    );
}

#[tokio::test]
async fn a_shadow_is_compared_and_answers_nobody() {
    let kept = routed(Route {
        shadow: share("2", 1.0),
        ..Route::default()
    })
    .await;
    assert_eq!(kept.answered("m").await, ("1".to_owned(), 11.0));
    let compared = [("model", "m"), ("outcome", "compared")];
    kept.until_metric("almanac_shadow_series_total", &compared, 1.0)
        .await;
    let families = kept.app.metrics.gather();
    let family = families
        .iter()
        .find(|family| family.name() == "almanac_shadow_difference_ratio");
    let histogram = family.unwrap().get_metric()[0].get_histogram();
    assert_eq!(histogram.get_sample_count(), 1);
    assert!((histogram.get_sample_sum() - 10.0 / 11.0).abs() < 1e-6);
}

#[tokio::test]
async fn a_shadow_without_room_is_dropped_and_counted() {
    let kept = routed(Route {
        shadow: share("2", 1.0),
        ..Route::default()
    })
    .await;
    // Over the thousand values that may wait.
    let values: Vec<_> = (0..1_001).collect();
    let body = json!({"values": values, "horizon": 1});
    assert_eq!(told(&kept.app.forecast(&body).await).0, "1");
    let dropped = [("model", "m"), ("outcome", "dropped")];
    let dropped = kept.app.metric("almanac_shadow_series_total", &dropped);
    assert!((dropped - 1.0).abs() < 1e-9, "{dropped}");
}

#[tokio::test]
async fn an_alias_is_set_moved_and_removed_while_requests_name_it() {
    let versions = [("m", "1", "add 10"), ("m", "2", "add 20")];
    let kept = KeptBuilder::new().holding(&versions).ready().await;
    let uri = "/admin/models/m/aliases/live";
    kept.ask("m@live", 1.0)
        .await
        .problem(404, "unknown_version");

    let set = kept.admin("PUT", uri, &json!({"version": "1"})).await.ok();
    assert_eq!(set["models"][0]["aliases"], json!({"live": "1"}));
    // What it names is loaded first, and a request that comes too early may come again.
    let early = kept.ask("m@live", 1.0).await;
    assert!(early.status == 200 || early.problem(503, "model_loading").is_object());
    kept.until(|registry| registry.resolve(Some("m@live")).is_ok())
        .await;
    assert_eq!(kept.answered("m@live").await, ("1".to_owned(), 11.0));

    // To a version that cannot be loaded: the one before answers on, and stays in memory.
    kept.shelf.put("m", "3", "refuse");
    kept.until_latest("m", "3", "failed").await;
    kept.admin("PUT", uri, &json!({"version": "3"})).await.ok();
    assert_eq!(kept.answered("m@live").await, ("1".to_owned(), 11.0));

    kept.admin("PUT", uri, &json!({"version": "2"})).await.ok();
    assert_eq!(kept.answered("m@live").await, ("2".to_owned(), 21.0));
    kept.until(|registry| registry.resolve(Some("m/1")).is_err())
        .await;

    assert_eq!(kept.admin("DELETE", uri, &Value::Null).await.status, 204);
    kept.ask("m@live", 1.0)
        .await
        .problem(404, "unknown_version");
}

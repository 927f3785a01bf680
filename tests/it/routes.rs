//! The version that answers a request: names, aliases, canaries, shadows.

use std::collections::{BTreeMap, BTreeSet};

use almanac_engine::registry::{Route, Share};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::kept::{ManagedService, ManagedServiceBuilder, version_and_point};
use crate::support::shelf::FATAL;

fn share(version: &str, share: f64) -> Option<Share> {
    let version = version.to_owned();
    Some(Share { version, share })
}

/// Starts a service with two versions of `m` under `route`, and waits until every version that the
/// route names is loaded.
async fn routed(route: Route) -> ManagedService {
    let mut builder =
        ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10"), ("m", "2", "add 20")]);
    let named: Vec<_> = route.versions().map(str::to_owned).collect();
    builder.config.routes = BTreeMap::from([("m".to_owned(), route)]);
    let service = builder.ready().await;
    for version in named {
        let name = format!("m/{version}");
        service
            .wait_until(|registry| registry.resolve(Some(&name)).is_ok())
            .await;
    }
    service
}

/// Returns the versions that answer `count` requests.
async fn answering(service: &ManagedService, count: usize) -> BTreeSet<String> {
    let mut versions = BTreeSet::new();
    for _ in 0..count {
        versions.insert(service.answer_from("m").await.0);
    }
    versions
}

/// Returns the version that answers a request with the sticky key `key`.
async fn sticky(service: &ManagedService, key: &str) -> String {
    let body = json!({"values": [1, 2], "horizon": 1}).to_string();
    let request = Request::post("/forecast").header("x-almanac-sticky", key);
    version_and_point(
        &service
            .app
            .send(request.body(Body::from(body)).unwrap())
            .await,
    )
    .0
}

#[tokio::test]
async fn a_request_that_names_a_version_or_an_alias_is_answered_by_it() {
    let mut builder =
        ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10"), ("m", "2", "add 20")]);
    let champion = BTreeMap::from([("champion".to_owned(), "1".to_owned())]);
    builder.config.aliases = BTreeMap::from([("m".to_owned(), champion)]);
    let service = builder.ready().await;
    service
        .wait_until(|registry| registry.resolve(Some("m@champion")).is_ok())
        .await;
    for (name, version) in [("m", "2"), ("m/2", "2"), ("m/1", "1"), ("m@champion", "1")] {
        assert_eq!(service.answer_from(name).await.0, version, "{name}");
    }
    let unknown = service
        .forecast("m/3", 1.0)
        .await
        .problem(404, "unknown_version");
    assert_eq!(
        (&unknown["pointer"], &unknown["received"]),
        (&json!("/model"), &json!("3"))
    );
    assert_eq!(unknown["expected"].as_array().map(Vec::len), Some(2));
    let unknown = service
        .forecast("m@loser", 1.0)
        .await
        .problem(404, "unknown_version");
    assert_eq!(unknown["expected"], json!(["champion"]));
    for name in ["x/1", "x@champion"] {
        service
            .forecast(name, 1.0)
            .await
            .problem(404, "unknown_model");
    }
}

#[tokio::test]
async fn a_stable_version_is_pinned_although_there_is_a_newer_one() {
    let route = Route {
        stable: Some("1".to_owned()),
        ..Route::default()
    };
    let service = routed(route).await;
    assert_eq!(service.answer_from("m").await.0, "1");
    service
        .keeper
        .set_route("m", Route::default())
        .await
        .unwrap();
    service.wait_until_serving("m", "2").await;
}

#[tokio::test]
async fn a_route_to_an_unknown_version_is_reported() {
    let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10")]);
    let route = Route {
        stable: Some("9".to_owned()),
        ..Route::default()
    };
    builder.config.routes = BTreeMap::from([("m".to_owned(), route)]);
    let service = builder.start();
    let expected = "its route names version 9, which no source has";
    service
        .wait_until(|registry| {
            registry
                .resolve(None)
                .unwrap_err()
                .to_string()
                .contains(expected)
        })
        .await;
    service.shelf.put("m", "9", "add 90");
    service.wait_until_serving("m", "9").await;
}

#[tokio::test]
async fn a_canary_answers_its_share() {
    let route = |weight| Route {
        canary: share("2", weight),
        ..Route::default()
    };
    let service = routed(route(1.0)).await;
    assert_eq!(
        answering(&service, 20).await,
        BTreeSet::from(["2".to_owned()])
    );
    // A request that names a version is answered by it.
    assert_eq!(service.answer_from("m/1").await.0, "1");
    service.keeper.set_route("m", route(0.0)).await.unwrap();
    assert_eq!(
        answering(&service, 20).await,
        BTreeSet::from(["1".to_owned()])
    );
    service.keeper.set_route("m", route(0.5)).await.unwrap();
    // The chance that only one of them answers is one in 10^18.
    assert_eq!(answering(&service, 60).await.len(), 2);
}

#[tokio::test]
async fn a_key_is_answered_by_one_version() {
    let service = routed(Route {
        canary: share("2", 0.5),
        ..Route::default()
    })
    .await;
    let mut versions = BTreeSet::new();
    for key in 0..40 {
        let key = format!("store-{key}");
        let first = sticky(&service, &key).await;
        for _ in 0..3 {
            assert_eq!(sticky(&service, &key).await, first, "{key}");
        }
        versions.insert(first);
    }
    assert_eq!(versions.len(), 2);
}

#[tokio::test]
async fn a_canary_that_fails_more_requests_is_rolled_back() {
    let mut builder =
        ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10"), ("m", "2", "fail")]);
    let route = Route {
        canary: share("2", 1.0),
        ..Route::default()
    };
    builder.config.routes = BTreeMap::from([("m".to_owned(), route)]);
    let service = builder.ready().await;
    service
        .wait_until(|registry| registry.resolve(Some("m/2")).is_ok())
        .await;
    for _ in 0..20 {
        service
            .forecast("m", FATAL)
            .await
            .problem(500, "model_error");
    }
    service.keeper.overview().await.unwrap();
    assert_eq!(
        version_and_point(&service.forecast("m", FATAL).await).0,
        "1"
    );
    assert_eq!(
        service.versions("m").await[0],
        ("2".to_owned(), "failed".to_owned())
    );
}

#[tokio::test]
async fn a_shadow_is_compared_and_answers_no_request() {
    let service = routed(Route {
        shadow: share("2", 1.0),
        ..Route::default()
    })
    .await;
    assert_eq!(service.answer_from("m").await, ("1".to_owned(), 11.0));
    let compared = [("model", "m"), ("outcome", "compared")];
    service
        .wait_until_metric("almanac_shadow_series_total", &compared, 1.0)
        .await;
    let families = service.app.metrics.gather();
    let family = families
        .iter()
        .find(|family| family.name() == "almanac_shadow_difference_ratio");
    let histogram = family.unwrap().get_metric()[0].get_histogram();
    assert_eq!(histogram.get_sample_count(), 1);
    assert!((histogram.get_sample_sum() - 10.0 / 11.0).abs() < 1e-6);
}

#[tokio::test]
async fn a_shadow_request_over_the_limit_is_dropped_and_counted() {
    let service = routed(Route {
        shadow: share("2", 1.0),
        ..Route::default()
    })
    .await;
    // More than the thousand values that may wait.
    let values: Vec<_> = (0..1_001).collect();
    let body = json!({"values": values, "horizon": 1});
    assert_eq!(version_and_point(&service.app.forecast(&body).await).0, "1");
    let dropped = [("model", "m"), ("outcome", "dropped")];
    let dropped = service.app.metric("almanac_shadow_series_total", &dropped);
    assert!((dropped - 1.0).abs() < 1e-9, "{dropped}");
}

#[tokio::test]
async fn an_alias_is_set_moved_and_removed_while_requests_name_it() {
    let versions = [("m", "1", "add 10"), ("m", "2", "add 20")];
    let service = ManagedServiceBuilder::new()
        .with_versions(&versions)
        .ready()
        .await;
    let uri = "/admin/models/m/aliases/live";
    service
        .forecast("m@live", 1.0)
        .await
        .problem(404, "unknown_version");

    let set = service
        .admin("PUT", uri, &json!({"version": "1"}))
        .await
        .ok();
    assert_eq!(set["models"][0]["aliases"], json!({"live": "1"}));
    // The version is loaded first; an earlier request receives a retryable error.
    let early = service.forecast("m@live", 1.0).await;
    assert!(early.status == 200 || early.problem(503, "model_loading").is_object());
    service
        .wait_until(|registry| registry.resolve(Some("m@live")).is_ok())
        .await;
    assert_eq!(service.answer_from("m@live").await, ("1".to_owned(), 11.0));

    // The new version cannot be loaded: the previous one still answers, and stays in memory.
    service.shelf.put("m", "3", "refuse");
    service.wait_until_latest("m", "3", "failed").await;
    service
        .admin("PUT", uri, &json!({"version": "3"}))
        .await
        .ok();
    assert_eq!(service.answer_from("m@live").await, ("1".to_owned(), 11.0));

    service
        .admin("PUT", uri, &json!({"version": "2"}))
        .await
        .ok();
    assert_eq!(service.answer_from("m@live").await, ("2".to_owned(), 21.0));
    service
        .wait_until(|registry| registry.resolve(Some("m/1")).is_err())
        .await;

    assert_eq!(service.admin("DELETE", uri, &Value::Null).await.status, 204);
    service
        .forecast("m@live", 1.0)
        .await
        .problem(404, "unknown_version");
}

//! The admin API: access, and the effect of its operations.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::kept::{ManagedService, ManagedServiceBuilder};

/// Starts a service with two versions of `m` and one of `other`.
async fn two_versions() -> ManagedService {
    let versions = [
        ("m", "1", "add 10"),
        ("m", "2", "add 20"),
        ("other", "1", "add 1"),
    ];
    let service = ManagedServiceBuilder::new()
        .with_versions(&versions)
        .ready()
        .await;
    service
        .wait_until(|registry| registry.resolve(Some("other")).is_ok())
        .await;
    service
}

#[tokio::test]
async fn the_overview_has_sources_models_routes_and_versions() {
    let service = two_versions().await;
    let overview = service
        .admin("GET", "/admin/models", &Value::Null)
        .await
        .ok();
    assert_eq!(overview["default"], "m");
    let source = &overview["sources"][0];
    assert_eq!(
        (&source["name"], &source["versions"]),
        (&json!("shelf:"), &json!(3))
    );
    assert!(source["read_at"].is_string() && source["error"].is_null());
    let model = &overview["models"][0];
    assert_eq!(
        (&model["name"], &model["serving"]),
        (&json!("m"), &json!("2"))
    );
    assert_eq!(model["versions"][0]["state"], "ready");
}

#[tokio::test]
async fn a_second_version_is_loaded_and_removed_again() {
    let service = two_versions().await;
    service
        .forecast("m/1", 1.0)
        .await
        .problem(404, "unknown_version");
    let loaded = service
        .admin("POST", "/admin/models/m/load", &json!({"version": "1"}))
        .await;
    assert_eq!(loaded.status, 202, "{}", loaded.text());
    service
        .wait_until(|registry| registry.resolve(Some("m/1")).is_ok())
        .await;
    assert_eq!(service.answer_from("m").await.0, "2");
    let uri = "/admin/models/m/versions/1";
    assert_eq!(service.admin("DELETE", uri, &Value::Null).await.status, 204);
    service
        .wait_until(|registry| registry.resolve(Some("m/1")).is_err())
        .await;
    service
        .admin("DELETE", "/admin/models/m/versions/2", &Value::Null)
        .await
        .problem(409, "model_in_use");
    service
        .admin("DELETE", "/admin/models/m/versions/9", &Value::Null)
        .await
        .problem(404, "unknown_version");
}

#[tokio::test]
async fn a_model_is_removed_until_it_is_loaded_again() {
    let service = two_versions().await;
    let uri = "/admin/models/other";
    assert_eq!(service.admin("DELETE", uri, &Value::Null).await.status, 204);
    service
        .wait_until(|registry| registry.resolve(Some("other")).is_err())
        .await;
    service
        .forecast("other", 1.0)
        .await
        .problem(404, "unknown_model");
    service.keeper.poll_sources();
    service.keeper.overview().await.unwrap();
    service
        .forecast("other", 1.0)
        .await
        .problem(404, "unknown_model");
    let loaded = service
        .admin("POST", "/admin/models/other/load", &Value::Null)
        .await;
    assert_eq!(loaded.status, 202, "{}", loaded.text());
    service
        .wait_until(|registry| registry.resolve(Some("other")).is_ok())
        .await;
    service
        .admin("DELETE", "/admin/models/m", &Value::Null)
        .await
        .problem(409, "model_in_use");
    service
        .admin("DELETE", "/admin/models/unknown", &Value::Null)
        .await
        .problem(404, "unknown_model");
}

#[tokio::test]
async fn a_failed_version_is_loaded_again_on_request() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10"), ("m", "2", "refuse")])
        .ready()
        .await;
    assert_eq!(service.shelf.open_count("refuse"), 1);
    service
        .admin("POST", "/admin/models/m/load", &json!({"version": "2"}))
        .await;
    service
        .wait_until(|registry| registry.records().of("m").len() == 3)
        .await;
    service.wait_until_latest("m", "2", "failed").await;
    assert_eq!(
        (
            service.shelf.open_count("refuse"),
            service.answer_from("m").await.0.as_str()
        ),
        (2, "1")
    );
}

#[tokio::test]
async fn a_route_is_set_and_invalid_ones_are_rejected() {
    let service = two_versions().await;
    let uri = "/admin/models/m/route";
    let canary = json!({"stable": "2", "canary": {"version": "1", "weight": 0.25}});
    let set = service.admin("POST", uri, &canary).await.ok();
    assert_eq!(set["models"][0]["route"], canary);
    service
        .wait_until(|registry| registry.resolve(Some("m/1")).is_ok())
        .await;
    service
        .admin("POST", uri, &json!({"stable": "1"}))
        .await
        .ok();
    service.wait_until_serving("m", "1").await;

    service
        .admin("POST", uri, &json!({"stable": "9"}))
        .await
        .problem(404, "unknown_version");
    let heavy = json!({"canary": {"version": "1", "weight": 10}});
    let problem = service
        .admin("POST", uri, &heavy)
        .await
        .problem(422, "wrong_type");
    assert_eq!(
        (&problem["pointer"], &problem["received"]),
        (&json!("/canary/weight"), &json!(10.0))
    );
    service
        .admin("POST", uri, &json!({"stabel": "1"}))
        .await
        .problem(422, "wrong_type");
    let broken = Request::post(uri).body(Body::from("{")).unwrap();
    service
        .send_admin(broken)
        .await
        .problem(400, "invalid_json");
    let long = Request::post(uri)
        .body(Body::from(" ".repeat(20_000)))
        .unwrap();
    service
        .send_admin(long)
        .await
        .problem(413, "body_too_large");
    service
        .admin("GET", "/admin/nothing", &Value::Null)
        .await
        .problem(404, "not_found");
    service
        .admin("PUT", uri, &Value::Null)
        .await
        .problem(405, "method_not_allowed");
}

#[tokio::test]
async fn invalid_aliases_and_too_many_are_rejected() {
    let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10")]);
    builder.config.max_aliases = 2;
    let service = builder.ready().await;
    let first = json!({"version": "1"});
    let uri = |alias: &str| format!("/admin/models/m/aliases/{alias}");
    for alias in ["a", "b", "b"] {
        service.admin("PUT", &uri(alias), &first).await.ok();
    }
    let problem = service.admin("PUT", &uri("c"), &first).await;
    let problem = problem.problem(409, "too_many_aliases");
    assert_eq!(problem["limit"], 2);
    for alias in ["a%2Fb", "a%40b", "%20", &"a".repeat(65)] {
        let refused = service.admin("PUT", &uri(alias), &first).await;
        refused.problem(422, "wrong_type");
    }
    for (body, status, code) in [
        (json!({"version": "9"}), 404, "unknown_version"),
        (json!({}), 422, "wrong_type"),
        (Value::Null, 422, "missing_field"),
        (json!({"verison": "1"}), 422, "wrong_type"),
    ] {
        let refused = service.admin("PUT", &uri("a"), &body).await;
        refused.problem(status, code);
    }
    let unknown_model = "/admin/models/unknown/aliases/a";
    for (method, body) in [("PUT", &first), ("DELETE", &Value::Null)] {
        let refused = service.admin(method, unknown_model, body).await;
        refused.problem(404, "unknown_model");
    }
    let unknown = service.admin("DELETE", &uri("c"), &Value::Null).await;
    let problem = unknown.problem(404, "unknown_version");
    assert_eq!(problem["expected"], json!(["a", "b"]));
}

#[tokio::test]
async fn requests_without_the_key_are_rejected() {
    let mut builder = ManagedServiceBuilder::new().with_versions(&[("m", "1", "add 10")]);
    builder.key = Some("0123456789abcdef");
    let service = builder.ready().await;
    let refused = service.admin("GET", "/admin/models", &Value::Null).await;
    refused.problem(401, "unauthorized");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    for wrong in [
        "Bearer 0123456789abcdeF",
        "Bearer ",
        "0123456789abcdef",
        "Basic 0123456789abcdef",
    ] {
        service.admin_with(wrong).await.problem(401, "unauthorized");
    }
    service.admin_with("Bearer 0123456789abcdef").await.ok();
}

#[tokio::test]
async fn without_a_key_requests_from_a_browser_page_are_rejected() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .ready()
        .await;
    let from_page = Request::post("/admin/reload").header("origin", "https://example.org");
    let answer = service
        .send_admin(from_page.body(Body::empty()).unwrap())
        .await;
    answer.problem(401, "unauthorized");
    assert_eq!(
        service
            .admin("POST", "/admin/reload", &Value::Null)
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn it_serves_its_own_openapi_document() {
    let service = ManagedServiceBuilder::new()
        .with_versions(&[("m", "1", "add 10")])
        .ready()
        .await;
    let served = service
        .admin("GET", "/openapi.json", &Value::Null)
        .await
        .ok();
    let document: Value = serde_json::from_str(&almanac::http::admin_openapi_document()).unwrap();
    assert_eq!(served, document);
}

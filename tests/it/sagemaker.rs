//! SageMaker's hosting contract: the models of a multi-model endpoint, and the platform's variables.

use std::fs;
use std::time::Duration;

use almanac::http::{SageMaker, Strategy, Transform, preferring};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::endpoint::{Endpoint, series};
use crate::support::scripted::Scripted;
use crate::support::{TestApp, TestAppBuilder, poll_once};

#[tokio::test]
async fn a_model_is_loaded_invoked_listed_and_unloaded() {
    let endpoint = Endpoint::new(10, None);
    let name = "d414526c49aa3ae4cbe1c86e1c4d0b60d414526c49aa3ae4cbe1c86e1c4d0b60d414526c49aa";
    let url = endpoint.put("first", "add 10");
    assert_eq!(endpoint.loaded().await, [""; 0]);
    let loaded = endpoint.load(name, &url).await.ok();
    assert_eq!(loaded, json!({"modelName": name, "modelUrl": url}));
    assert_eq!(endpoint.forecast(name).await, json!(11.0));
    let described = endpoint.service.app.get(&format!("/models/{name}")).await;
    assert_eq!(described.ok(), loaded);
    let second = endpoint.put("second", "add 20");
    endpoint.load("b", &second).await.ok();
    assert_eq!(endpoint.loaded().await, ["b", name]);

    endpoint.load(name, &url).await.problem(409, "model_loaded");
    assert_eq!(endpoint.delete(name).await.status, 200);
    assert_eq!(endpoint.loaded().await, ["b"]);
    for answer in [
        endpoint.delete(name).await,
        endpoint.invoke(name, &series()).await,
        endpoint.service.app.get(&format!("/models/{name}")).await,
    ] {
        let problem = answer.problem(404, "unknown_model");
        assert_eq!(problem["received"], name);
    }
    // The name may be loaded again, with another model.
    let url = endpoint.put("first", "add 30");
    endpoint.load(name, &url).await.ok();
    assert_eq!(endpoint.forecast(name).await, json!(31.0));
    assert_eq!(endpoint.forecast("b").await, json!(21.0));
}

#[tokio::test]
async fn nothing_is_left_of_a_model_that_was_unloaded() {
    let endpoint = Endpoint::new(10, None);
    let url = endpoint.put("a", "add 10");
    for _ in 0..3 {
        endpoint.load("a", &url).await.ok();
        endpoint.forecast("a").await;
        assert_eq!(endpoint.delete("a").await.status, 200);
        let metrics = endpoint.service.app.get("/metrics").await;
        assert!(
            !metrics.text().contains("model=\"a\""),
            "{}",
            metrics.text()
        );
        assert!(endpoint.service.app.registry.records().of("a").is_empty());
    }
}

#[tokio::test]
async fn an_unload_waits_for_earlier_requests() {
    let endpoint = Endpoint::new(10, None);
    let url = endpoint.put("a", "wait");
    let load = endpoint.load("a", &url);
    load.await.ok();
    let body = json!({"values": [0, 2e6], "horizon": 1});
    let mut invoked = Box::pin(endpoint.invoke("a", &body));
    assert!(poll_once(&mut invoked).await.is_none());
    endpoint.service.shelf.run_started().await;
    let mut deleted = Box::pin(endpoint.delete("a"));
    assert!(poll_once(&mut deleted).await.is_none());
    // From now on it answers no other request.
    while endpoint.service.app.registry.resolve(Some("a")).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(poll_once(&mut deleted).await.is_none());
    endpoint.service.shelf.release();
    invoked.await.ok();
    assert_eq!(deleted.await.status, 200);
}

#[tokio::test]
async fn loads_are_limited_by_number_and_by_memory() {
    let endpoint = Endpoint::new(2, None);
    for name in ["a", "b"] {
        let url = endpoint.put(name, "add 10");
        endpoint.load(name, &url).await.ok();
    }
    let url = endpoint.put("c", "add 10");
    let problem = endpoint.load("c", &url).await.problem(507, "no_room");
    assert_eq!(problem["limit"], 2);
    assert_eq!(endpoint.delete("a").await.status, 200);
    endpoint.load("c", &url).await.ok();

    // A graph of a few bytes takes a little over 1.5 MiB for its one session; so does the model of the
    // source.
    const SESSION: usize = 3 * 1024 * 1024 / 2;
    let endpoint = Endpoint::new(10, Some(3 * SESSION + 1_000));
    endpoint
        .service
        .wait_until(|registry| registry.resolve(Some("own")).is_ok())
        .await;
    for name in ["a", "b"] {
        let url = endpoint.put(name, "add 10");
        endpoint.load(name, &url).await.ok();
    }
    let url = endpoint.put("c", "add 10");
    let problem = endpoint.load("c", &url).await.problem(507, "no_room");
    assert_eq!(problem["limit"], 3 * SESSION + 1_000);
    assert_eq!(endpoint.loaded().await, ["a", "b"]);
    assert_eq!(endpoint.delete("b").await.status, 200);
    endpoint.load("c", &url).await.ok();
    // A model that the host has loaded is never evicted, even if it is not used.
    assert_eq!(endpoint.forecast("a").await, json!(11.0));
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_rejected_with_the_reason_and_may_be_retried() {
    let endpoint = Endpoint::new(10, None);
    let url = endpoint.put("a", "refuse");
    let problem = endpoint.load("a", &url).await.problem(400, "invalid_model");
    assert_eq!(
        problem["detail"],
        "model a cannot be loaded: no such operator"
    );
    assert_eq!(endpoint.loaded().await, [""; 0]);
    endpoint.put("a", "add 10");
    endpoint.load("a", &url).await.ok();

    let outside = endpoint
        .load("b", "/etc")
        .await
        .problem(400, "invalid_model");
    assert_eq!(outside["pointer"], "/url");
    assert!(
        outside["detail"]
            .as_str()
            .unwrap()
            .contains("\"/etc\" is not a folder below"),
        "{outside}"
    );
    let root = endpoint.root.path();
    fs::create_dir(root.join("pickle")).unwrap();
    fs::write(root.join("pickle/model.pkl"), "x").unwrap();
    let pickle = root.join("pickle").display().to_string();
    let problem = endpoint.load("b", &pickle).await;
    let detail = problem.problem(400, "invalid_model")["detail"].clone();
    assert!(
        detail.as_str().unwrap().contains("only model.pkl"),
        "{detail}"
    );
    for name in ["", "a/1", "a@b", "own"] {
        let problem = endpoint.load(name, &url).await;
        let problem = problem.problem(400, "invalid_model_name");
        assert_eq!(problem["received"], name);
    }
}

#[tokio::test]
async fn an_invalid_load_request_is_rejected() {
    let endpoint = Endpoint::new(10, None);
    let app = &endpoint.service.app;
    for (body, status, code, pointer) in [
        ("{", 400, "invalid_json", Value::Null),
        ("", 422, "missing_field", json!("/model_name")),
        (
            "{\"model_name\": \"a\"}",
            422,
            "missing_field",
            json!("/url"),
        ),
        ("{\"model_name\": 7}", 422, "wrong_type", Value::Null),
    ] {
        let problem = app.post("/models", "application/json", body).await;
        assert_eq!(problem.problem(status, code)["pointer"], pointer, "{body}");
    }
    app.get("/models?page=2")
        .await
        .problem(400, "invalid_query");
}

#[tokio::test]
async fn a_body_may_only_name_the_model_of_the_path() {
    let endpoint = Endpoint::new(10, None);
    let url = endpoint.put("a", "add 10");
    endpoint.load("a", &url).await.ok();
    let mut body = series();
    body["model"] = json!("a");
    endpoint.invoke("a", &body).await.ok();
    body["model"] = json!("own");
    let problem = endpoint.invoke("a", &body).await;
    let problem = problem.problem(422, "conflicting_fields");
    assert_eq!(problem["pointer"], "/model");
    // Models of a source, and versions of hosted models, cannot be invoked by path.
    for name in ["own", "a%2F1", "a@b"] {
        let answer = endpoint.invoke(name, &series()).await;
        answer.problem(404, "unknown_model");
    }
    let lines =
        "{\"values\":[0,1],\"horizon\":1}\n{\"values\":[0,2],\"horizon\":1,\"model\":\"own\"}\n";
    let app = &endpoint.service.app;
    let answer = app
        .post("/models/a/invoke", "application/jsonlines", lines)
        .await;
    let lines: Vec<Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["forecasts"][0]["point"], json!([11.0]));
    assert_eq!(lines[1]["code"], "conflicting_fields");
}

#[tokio::test]
async fn pages_are_linked_by_their_token() {
    let endpoint = Endpoint::new(200, None);
    let url = endpoint.put("a", "add 10");
    for number in 0..101 {
        endpoint.load(&format!("m{number:03}"), &url).await.ok();
    }
    let first = endpoint.service.app.get("/models").await.ok();
    assert_eq!(first["models"].as_array().map(Vec::len), Some(100));
    assert_eq!(first["nextPageToken"], "m099");
    let second = endpoint
        .service
        .app
        .get("/models?next_page_token=m099")
        .await;
    let second = second.ok();
    assert_eq!(second["models"][0]["modelName"], "m100");
    assert_eq!(second.get("nextPageToken"), None);
}

#[tokio::test]
async fn an_endpoint_is_healthy_without_a_model() {
    let endpoint = Endpoint::new(10, None);
    let app = &endpoint.service.app;
    assert_eq!(app.get("/ping").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 503);
    app.shutdown.signal();
    assert_eq!(app.get("/ping").await.status, 503);
}

#[tokio::test]
async fn the_admin_api_leaves_hosted_models_to_their_host() {
    let endpoint = Endpoint::new(10, None);
    let url = endpoint.put("a", "add 10");
    endpoint.load("a", &url).await.ok();
    let refused = endpoint
        .service
        .admin("DELETE", "/admin/models/a", &Value::Null);
    refused.await.problem(409, "model_in_use");
    assert_eq!(endpoint.forecast("a").await, json!(11.0));
}

#[tokio::test]
async fn the_document_is_that_of_the_endpoint() {
    let endpoint = Endpoint::new(10, None);
    let served = endpoint.service.app.get("/openapi.json").await.ok();
    let document: Value =
        serde_json::from_str(&almanac::http::multi_model_openapi_document()).unwrap();
    assert_eq!(served, document);
    let methods = |path: &str| {
        let operations = document["paths"][path].as_object().unwrap();
        operations.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(methods("/models"), ["get", "post"]);
    assert_eq!(methods("/models/{name}"), ["delete", "get"]);
    // Outside a multi-model endpoint these paths have their usual meaning.
    let own = TestApp::loading("m");
    own.post("/models", "application/json", "{}")
        .await
        .problem(405, "method_not_allowed");
    own.post("/models/m/invoke", "application/json", "{}")
        .await
        .problem(404, "not_found");
}

fn app(sagemaker: SageMaker) -> TestApp {
    TestAppBuilder::scripted()
        .workers(vec![Scripted::last_value()])
        .sagemaker(sagemaker)
        .build()
}

async fn invocations(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let mut request =
        Request::post("/invocations").header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(series().to_string());
    app.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn the_configured_type_is_used_when_the_request_accepts_any() {
    let app = app(SageMaker {
        accept: preferring("text/csv"),
        ..SageMaker::default()
    });
    for (headers, expected) in [
        (&[][..], "text/csv"),
        (&[("accept", "*/*")], "text/csv"),
        (&[("accept", "application/json")], "application/json"),
    ] {
        let answer = invocations(&app, headers).await;
        assert_eq!(answer.header("content-type"), Some(expected), "{headers:?}");
    }
    // Lines are answered with lines, and `/forecast` is not affected.
    let lines = app.post(
        "/invocations",
        "application/jsonlines",
        series().to_string(),
    );
    let lines = lines.await;
    assert_eq!(lines.header("content-type"), Some("application/jsonlines"));
    let own = app.forecast(&series()).await;
    assert_eq!(own.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn headers_of_sagemaker_are_ignored_and_not_echoed() {
    let app = app(SageMaker::default());
    let plain = invocations(&app, &[]).await.ok();
    let long = "x".repeat(1_024);
    let headers = [
        ("x-amzn-sagemaker-custom-attributes", long.as_str()),
        ("x-amzn-sagemaker-inference-id", "42"),
        ("x-amzn-sagemaker-target-model", "another.tar.gz"),
        ("x-amzn-sagemaker-target-variant", "champion"),
        ("x-amzn-sagemaker-of-tomorrow", "\u{e9}"),
    ];
    let answer = invocations(&app, &headers).await;
    assert_eq!(answer.ok(), plain);
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-amzn"))
    );
}

#[tokio::test]
async fn execution_parameters_are_those_of_the_batch_transform() {
    let transform = Transform {
        is_batch: true,
        max_concurrent: Some(8),
        strategy: Some(Strategy::SingleRecord),
        max_payload_mib: Some(6),
    };
    let started = app(SageMaker {
        transform,
        load_timeout: Duration::ZERO,
        ..SageMaker::default()
    });
    let expected = json!({"MaxConcurrentTransforms": 8, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 6});
    assert_eq!(started.get("/execution-parameters").await.ok(), expected);
    // All concurrent requests together hold at most 100 MiB.
    let many = app(SageMaker {
        transform: Transform {
            max_concurrent: Some(20),
            ..Transform::default()
        },
        ..SageMaker::default()
    });
    let parameters = many.get("/execution-parameters").await.ok();
    assert_eq!(parameters["MaxPayloadInMB"], 5);
}

//! SageMaker's hosting contract: the models of a multi-model endpoint, and what its variables ask for.

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
    let found = endpoint.kept.app.get(&format!("/models/{name}")).await.ok();
    assert_eq!(found, loaded);
    let second = endpoint.put("second", "add 20");
    endpoint.load("b", &second).await.ok();
    assert_eq!(endpoint.loaded().await, ["b", name]);

    endpoint.load(name, &url).await.problem(409, "model_loaded");
    assert_eq!(endpoint.delete(name).await.status, 200);
    assert_eq!(endpoint.loaded().await, ["b"]);
    for answer in [
        endpoint.delete(name).await,
        endpoint.invoke(name, &series()).await,
        endpoint.kept.app.get(&format!("/models/{name}")).await,
    ] {
        let problem = answer.problem(404, "unknown_model");
        assert_eq!(problem["received"], name);
    }
    // It may come again, and be another.
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
        let metrics = endpoint.kept.app.get("/metrics").await;
        assert!(
            !metrics.text().contains("model=\"a\""),
            "{}",
            metrics.text()
        );
        assert!(endpoint.kept.app.registry.records().of("a").is_empty());
    }
}

#[tokio::test]
async fn an_unload_waits_for_what_was_asked_before() {
    let endpoint = Endpoint::new(10, None);
    let url = endpoint.put("a", "wait");
    let load = endpoint.load("a", &url);
    load.await.ok();
    let body = json!({"values": [0, 2e6], "horizon": 1});
    let mut invoked = Box::pin(endpoint.invoke("a", &body));
    assert!(poll_once(&mut invoked).await.is_none());
    endpoint.kept.shelf.begun().await;
    let mut deleted = Box::pin(endpoint.delete("a"));
    assert!(poll_once(&mut deleted).await.is_none());
    // It answers nobody else from now on.
    while endpoint.kept.app.registry.resolve(Some("a")).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(poll_once(&mut deleted).await.is_none());
    endpoint.kept.shelf.release();
    invoked.await.ok();
    assert_eq!(deleted.await.status, 200);
}

#[tokio::test]
async fn room_is_bounded_by_number_and_by_memory() {
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

    // A graph of a few bytes takes 1.5 MiB and a little for its one session; the source's own does too.
    const SESSION: usize = 3 * 1024 * 1024 / 2;
    let endpoint = Endpoint::new(10, Some(3 * SESSION + 1_000));
    endpoint
        .kept
        .until(|registry| registry.resolve(Some("own")).is_ok())
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
    // What a host has loaded stays, however long it is not used.
    assert_eq!(endpoint.forecast("a").await, json!(11.0));
}

#[tokio::test]
async fn what_cannot_be_loaded_is_refused_with_the_reason_and_may_be_tried_again() {
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
async fn a_body_that_is_no_order_is_refused() {
    let endpoint = Endpoint::new(10, None);
    let app = &endpoint.kept.app;
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
async fn the_path_names_the_model_and_the_body_no_other() {
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
    // What a source holds is not what the host has loaded, nor is a version of it.
    for name in ["own", "a%2F1", "a@b"] {
        let answer = endpoint.invoke(name, &series()).await;
        answer.problem(404, "unknown_model");
    }
    let lines =
        "{\"values\":[0,1],\"horizon\":1}\n{\"values\":[0,2],\"horizon\":1,\"model\":\"own\"}\n";
    let app = &endpoint.kept.app;
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
async fn pages_follow_each_other_by_their_token() {
    let endpoint = Endpoint::new(200, None);
    let url = endpoint.put("a", "add 10");
    for number in 0..101 {
        endpoint.load(&format!("m{number:03}"), &url).await.ok();
    }
    let first = endpoint.kept.app.get("/models").await.ok();
    assert_eq!(first["models"].as_array().map(Vec::len), Some(100));
    assert_eq!(first["nextPageToken"], "m099");
    let second = endpoint.kept.app.get("/models?next_page_token=m099").await;
    let second = second.ok();
    assert_eq!(second["models"][0]["modelName"], "m100");
    assert_eq!(second.get("nextPageToken"), None);
}

#[tokio::test]
async fn an_endpoint_lives_without_a_model() {
    let endpoint = Endpoint::new(10, None);
    let app = &endpoint.kept.app;
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
        .kept
        .admin("DELETE", "/admin/models/a", &Value::Null);
    refused.await.problem(409, "model_in_use");
    assert_eq!(endpoint.forecast("a").await, json!(11.0));
}

#[tokio::test]
async fn the_document_is_that_of_the_endpoint() {
    let endpoint = Endpoint::new(10, None);
    let served = endpoint.kept.app.get("/openapi.json").await.ok();
    let document: Value =
        serde_json::from_str(&almanac::http::multi_model_openapi_document()).unwrap();
    assert_eq!(served, document);
    let methods = |path: &str| {
        let operations = document["paths"][path].as_object().unwrap();
        operations.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(methods("/models"), ["get", "post"]);
    assert_eq!(methods("/models/{name}"), ["delete", "get"]);
    // Elsewhere these paths are the program's own.
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
async fn answers_are_of_the_usual_type_where_nobody_asks_for_another() {
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
    // Lines stay lines, and the program's own path does as it always does.
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
async fn what_sagemaker_adds_changes_nothing_and_is_not_echoed() {
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
    let mut names = answer.headers.keys();
    assert!(names.all(|name| !name.as_str().starts_with("x-amzn")));
}

#[tokio::test]
async fn a_batch_transform_is_told_what_it_was_started_with() {
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
    // All requests at once hold at most 100 MiB.
    let many = app(SageMaker {
        transform: Transform {
            max_concurrent: Some(20),
            ..Transform::default()
        },
        ..SageMaker::default()
    });
    let told = many.get("/execution-parameters").await.ok();
    assert_eq!(told["MaxPayloadInMB"], 5);
}

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::*;
use crate::testing::{serve, short_timeouts};
use crate::{MlflowOptions, Source, Store, WrittenVersion};

/// Returns the response of MLflow 3.17 to a request, as it was recorded.
fn response(path: &str, query: &str) -> Response {
    match path.strip_prefix("mlflow-artifacts/artifacts") {
        Some(path) => artifact_response(path, query),
        None => registry_response(path, query),
    }
}

fn registry_response(path: &str, query: &str) -> Response {
    let version = |number: u32| {
        json!({
            "name": "store", "version": number.to_string(), "creation_timestamp": 1_700_000_000_000_u64,
            "source": "models:/m-1", "run_id": "r", "status": "READY", "aliases": ["live"],
        })
    };
    let one_version = |number| json!({ "model_version": version(number) });
    let error = |status: StatusCode, code: &str, message: &str| {
        let body = axum::Json(json!({"error_code": code, "message": message}));
        (status, body).into_response()
    };
    let body = match (path, query) {
        ("mlflow/registered-models/alias", "name=store&alias=live") => one_version(3),
        ("mlflow/registered-models/alias", _) => {
            let message = "Registered model alias absent not found.";
            return error(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message);
        }
        ("mlflow/model-versions/get", "name=store&version=2") => one_version(2),
        ("mlflow/model-versions/get", _) => {
            let message = "Model Version (name=other, version=2) not found";
            return error(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message);
        }
        ("mlflow/registered-models/get-latest-versions", _) => {
            json!({"model_versions": [version(9), version(10)]})
        }
        ("mlflow/model-versions/get-download-uri", "name=store&version=2") => {
            json!({"artifact_uri": "gs://bucket/elsewhere"})
        }
        ("mlflow/model-versions/get-download-uri", _) => {
            json!({"artifact_uri": "mlflow-artifacts:/0/models/m-1/artifacts"})
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    axum::Json(body).into_response()
}

fn artifact_response(path: &str, query: &str) -> Response {
    let file = |path: &str, size: u64| json!({"path": path, "is_dir": false, "file_size": size});
    let list = |files: Value| axum::Json(json!({ "files": files })).into_response();
    match (path, query) {
        ("", "path=0%2Fmodels%2Fm-1%2Fartifacts") => list(json!([
            file("MLmodel", 4),
            file("model.onnx", 5),
            file("../x", 1),
            {"path": "metadata", "is_dir": true},
        ])),
        ("", "path=0%2Fmodels%2Fm-1%2Fartifacts%2Fmetadata") => list(json!([file("MLmodel", 9)])),
        ("/0/models/m-1/artifacts/MLmodel", _) => "yaml".into_response(),
        ("/0/models/m-1/artifacts/model.onnx", _) => "graph".into_response(),
        (path, query) => format!("{path}?{query}").into_response(),
    }
}

async fn mlflow() -> String {
    let handler = |request: Request| async move {
        let path = request.uri().path().strip_prefix("/api/2.0/").unwrap_or("");
        response(path, request.uri().query().unwrap_or(""))
    };
    serve(Router::new().fallback(handler)).await
}

fn open(text: &str, options: &StoreOptions) -> Box<dyn Store> {
    let source: Source = text.parse().unwrap();
    source.open(options).unwrap()
}

#[tokio::test]
async fn finds_an_alias_a_version_and_the_newest_version() {
    let server = mlflow().await;
    for (model, version) in [("store@live", "3"), ("store/2", "2"), ("store", "10")] {
        let store = open(&format!("mlflow:{server}/{model}"), &short_timeouts());
        let listings = store.list().await.unwrap();
        assert_eq!(listings[0].name, "store", "{model}");
        assert_eq!(listings[0].version, version, "{model}");
        assert!(store.has_authoritative_names());
    }
}

#[tokio::test]
async fn reads_the_files_of_the_model_through_the_proxy() {
    let store = open(
        &format!("mlflow:{}/store@live", mlflow().await),
        &short_timeouts(),
    );
    let listings = store.list().await.unwrap();
    let files = store.fetch(&listings[0]).await.unwrap();
    assert_eq!(files["model.onnx"].as_ref(), b"graph");
    assert_eq!(files["MLmodel"].as_ref(), b"yaml");
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["MLmodel", "metadata/MLmodel", "model.onnx"]);
}

#[tokio::test]
async fn errors_name_the_fix() {
    let server = mlflow().await;
    let error = |model: &str| {
        let store = open(&format!("mlflow:{server}/{model}"), &short_timeouts());
        async move {
            let listings = match store.list().await {
                Ok(listings) => listings,
                Err(error) => return error,
            };
            store.fetch(&listings[0]).await.unwrap_err()
        }
    };
    let alias = error("store@absent").await;
    assert!(
        alias
            .to_string()
            .contains("alias absent not found.; set the alias"),
        "{alias}"
    );
    let model = error("other/2").await;
    assert!(
        model
            .to_string()
            .contains("register the model under this name"),
        "{model}"
    );
    assert!(matches!(model, StoreError::NotFound { .. }));
    let elsewhere = error("store/2").await;
    assert!(
        elsewhere
            .to_string()
            .starts_with("gs://bucket/elsewhere: artifacts can be read"),
        "{elsewhere}"
    );
}

/// Lists a model of a server that returns this status and body, and returns the error and the
/// `authorization` header of the request.
async fn list_error(status: StatusCode, body: &'static str) -> (StoreError, Option<String>) {
    let authorization = Arc::new(Mutex::new(None));
    let recorded = Arc::clone(&authorization);
    let handler = move |headers: HeaderMap| async move {
        let value = headers.get("authorization");
        *recorded.lock().unwrap() = value.map(|value| value.to_str().unwrap().to_owned());
        (status, body)
    };
    let server = serve(Router::new().fallback(handler)).await;
    let mut options = short_timeouts();
    options.mlflow = MlflowOptions {
        tracking_uri: Some(server),
        username: Some("user".to_owned()),
        password: Some("hunter2".to_owned()),
        token: None,
    };
    assert!(!format!("{options:?}").contains("hunter2"));
    let error = open("mlflow:store@live", &options)
        .list()
        .await
        .unwrap_err();
    let authorization = authorization.lock().unwrap().clone();
    (error, authorization)
}

#[tokio::test]
async fn access_errors_name_the_variable_or_flag_to_set() {
    let (error, authorization) =
        list_error(StatusCode::UNAUTHORIZED, "You are not authenticated").await;
    assert!(
        error.to_string().contains("set MLFLOW_TRACKING_TOKEN"),
        "{error}"
    );
    // user:hunter2
    assert_eq!(authorization.as_deref(), Some("Basic dXNlcjpodW50ZXIy"));
    let (error, _) = list_error(
        StatusCode::FORBIDDEN,
        "Invalid Host header - possible attack",
    )
    .await;
    assert!(error.to_string().contains("--allowed-hosts"), "{error}");
    let (error, _) = list_error(StatusCode::BAD_GATEWAY, "restarting").await;
    assert!(error.is_outage(), "{error}");
    let (error, _) = list_error(StatusCode::OK, "<html>").await;
    assert!(
        error.to_string().contains("is not an MLflow server"),
        "{error}"
    );
}

#[test]
fn requires_a_server_and_sends_no_secrets_over_plain_http() {
    let open = |text: &str, options: &StoreOptions| {
        let source: Source = text.parse().unwrap();
        source
            .open(options)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let mut options = StoreOptions::default();
    let error = open("mlflow:store", &options).unwrap_err();
    assert!(error.contains("set MLFLOW_TRACKING_URI"), "{error}");
    options.mlflow.tracking_uri = Some("sqlite:///mlflow.db".to_owned());
    assert!(open("mlflow:store", &options).is_err());
    open("mlflow:http://mlflow:5000/store", &options).unwrap();
    options.mlflow.token = Some("hunter2".to_owned());
    let error = open("mlflow:http://mlflow:5000/store", &options).unwrap_err();
    assert!(error.contains("models.allow_http"), "{error}");
    open("mlflow:https://mlflow/store", &options).unwrap();
    open("mlflow:http://127.0.0.1:5000/store", &options).unwrap();
}

#[test]
fn a_bundle_in_the_root_or_in_a_folder_takes_precedence_over_an_mlflow_model() {
    let file = |name: &str| RemoteFile {
        name: name.to_owned(),
        location: format!("mlflow-artifacts:/0/{name}"),
        size: None,
        tag: None,
    };
    let names_of_model = |names: &[&str]| {
        let files = model_files(names.iter().map(|name| file(name)).collect())?;
        Some(files.into_iter().map(|file| file.name).collect::<Vec<_>>())
    };
    let bundle = [
        "MLmodel",
        "almanac/manifest.toml",
        "almanac/model.onnx",
        "x/manifest.toml",
    ];
    assert_eq!(names_of_model(&bundle).unwrap(), [MANIFEST, "model.onnx"]);
    assert_eq!(
        names_of_model(&["m/MLmodel", "m/model.onnx"]).unwrap(),
        [MLMODEL, "model.onnx"]
    );
    assert_eq!(names_of_model(&["not-manifest.toml", "model.onnx"]), None);
}

/// Returns the response of MLflow to a request of a registration.
fn registration_response(path: &str) -> Response {
    let body = match path {
        "mlflow/registered-models/create" => {
            let body = json!({"error_code": "RESOURCE_ALREADY_EXISTS", "message": "exists"});
            return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
        }
        "mlflow/runs/create" => {
            json!({"run": {"info": {"run_id": "r", "artifact_uri": "mlflow-artifacts:/0/r/artifacts"}}})
        }
        "mlflow/model-versions/create" => json!({"model_version": {"version": "4"}}),
        _ => json!({}),
    };
    axum::Json(body).into_response()
}

/// Pushes a bundle to a test server. Returns the written version, and the path and body of each
/// request.
async fn push() -> (WrittenVersion, Vec<(String, String)>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&requests);
    let handler = move |request: Request| async move {
        let path = request
            .uri()
            .path()
            .trim_start_matches("/api/2.0/")
            .to_owned();
        let body = axum::body::to_bytes(request.into_body(), 10_000)
            .await
            .unwrap();
        let response = registration_response(&path);
        let body = String::from_utf8(body.to_vec()).unwrap();
        recorded.lock().unwrap().push((path, body));
        response
    };
    let server = serve(Router::new().fallback(handler)).await;
    let source: Source = format!("mlflow:{server}/store@live").parse().unwrap();
    let writer = source.deposit(&short_timeouts()).unwrap();
    let files = [
        ("manifest.toml", "m"),
        ("model.onnx", "g"),
        ("golden.json", "j"),
    ]
    .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec().into()));
    let listing = Listing {
        name: "local".to_owned(),
        version: "1".to_owned(),
        revision: String::new(),
    };
    let written = writer.put(&listing, &files.into()).await.unwrap();
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    (written, requests)
}

#[tokio::test]
async fn a_push_registers_a_version_and_moves_the_alias() {
    let (written, requests) = push().await;
    assert_eq!(written.name, "store");
    assert_eq!(written.version, "4");
    let paths: Vec<_> = requests.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "mlflow/registered-models/create",
            "mlflow/runs/create",
            "mlflow-artifacts/artifacts/0/r/artifacts/almanac/golden.json",
            "mlflow-artifacts/artifacts/0/r/artifacts/almanac/model.onnx",
            "mlflow-artifacts/artifacts/0/r/artifacts/almanac/manifest.toml",
            "mlflow/runs/update",
            "mlflow/model-versions/create",
            "mlflow/registered-models/alias",
        ]
    );
    let alias: Value = serde_json::from_str(&requests[7].1).unwrap();
    assert_eq!(
        alias,
        json!({"name": "store", "alias": "live", "version": "4"})
    );
}

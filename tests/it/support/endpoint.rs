//! A multi-model endpoint of SageMaker.

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::answer::Answer;
use super::kept::{HostConfig, ManagedService, ManagedServiceBuilder};

/// A multi-model endpoint, and the folder where the platform puts models.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) service: ManagedService,
    pub(crate) root: TempDir,
}

impl Endpoint {
    /// Creates an endpoint for at most `max_models` models, with `memory_bytes` of memory if given.
    pub(crate) fn new(max_models: usize, memory_bytes: Option<usize>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut builder = ManagedServiceBuilder::new().with_versions(&[("own", "1", "add 1")]);
        builder.host = Some(HostConfig {
            root: root.path().to_owned(),
            max_models,
        });
        builder.config.memory_bytes = memory_bytes;
        let service = builder.start();
        Self { service, root }
    }

    /// Writes a graph with `script` to `folder`, and returns its URL.
    pub(crate) fn put(&self, folder: &str, script: &str) -> String {
        let folder = self.root.path().join(folder).join("model");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.onnx"), script).unwrap();
        folder.display().to_string()
    }

    pub(crate) async fn load(&self, name: &str, url: &str) -> Answer {
        let body = json!({"model_name": name, "url": url}).to_string();
        self.service
            .app
            .post("/models", "application/json", body)
            .await
    }

    pub(crate) async fn delete(&self, name: &str) -> Answer {
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(format!("/models/{name}"));
        self.service
            .app
            .send(request.body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn invoke(&self, name: &str, body: &Value) -> Answer {
        let uri = format!("/models/{name}/invoke");
        let app = &self.service.app;
        app.post(&uri, "application/json", body.to_string()).await
    }

    /// Returns the forecast of `name` after the value 1.
    pub(crate) async fn forecast(&self, name: &str) -> Value {
        let answer = self.invoke(name, &series()).await.ok();
        assert_eq!(answer["model"]["name"], name);
        answer["forecasts"][0]["point"][0].clone()
    }

    /// Returns the names of the loaded models.
    pub(crate) async fn loaded(&self) -> Vec<String> {
        let listed = self.service.app.get("/models").await.ok();
        listed["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["modelName"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Returns a request for the value after 1.
pub(crate) fn series() -> Value {
    json!({"values": [0, 1], "horizon": 1})
}

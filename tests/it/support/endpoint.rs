//! A multi-model endpoint of SageMaker.

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::answer::Answer;
use super::kept::{Kept, KeptBuilder};

/// A multi-model endpoint, and the folder where the platform puts models.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) kept: Kept,
    pub(crate) root: TempDir,
}

impl Endpoint {
    /// With room for `most` models, in `memory_bytes` where there is a bound.
    pub(crate) fn new(most: usize, memory_bytes: Option<usize>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut builder = KeptBuilder::new().holding(&[("own", "1", "add 1")]);
        builder.host = Some((root.path().to_owned(), most));
        builder.config.memory_bytes = memory_bytes;
        let kept = builder.start();
        Self { kept, root }
    }

    /// Puts a graph there that does what `script` says, and gives its url.
    pub(crate) fn put(&self, folder: &str, script: &str) -> String {
        let folder = self.root.path().join(folder).join("model");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("model.onnx"), script).unwrap();
        folder.display().to_string()
    }

    pub(crate) async fn load(&self, name: &str, url: &str) -> Answer {
        let body = json!({"model_name": name, "url": url}).to_string();
        self.kept
            .app
            .post("/models", "application/json", body)
            .await
    }

    pub(crate) async fn delete(&self, name: &str) -> Answer {
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(format!("/models/{name}"));
        self.kept
            .app
            .send(request.body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn invoke(&self, name: &str, body: &Value) -> Answer {
        let uri = format!("/models/{name}/invoke");
        let app = &self.kept.app;
        app.post(&uri, "application/json", body.to_string()).await
    }

    /// What `name` forecasts after the value 1.
    pub(crate) async fn forecast(&self, name: &str) -> Value {
        let answer = self.invoke(name, &series()).await.ok();
        assert_eq!(answer["model"]["name"], name);
        answer["forecasts"][0]["point"][0].clone()
    }

    pub(crate) async fn loaded(&self) -> Vec<String> {
        let listed = self.kept.app.get("/models").await.ok();
        let models = listed["models"].as_array().unwrap().iter();
        models
            .map(|model| model["modelName"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A request for the value after 1.
pub(crate) fn series() -> Value {
    json!({"values": [0, 1], "horizon": 1})
}

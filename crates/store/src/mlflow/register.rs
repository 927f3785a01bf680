//! Registering a bundle as a new version of a model.

use almanac_model::BundleFiles;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::mlflow::api::{MlflowClient, ModelVersion};
use crate::mlflow::artifacts::Artifacts;
use crate::remote::on_source_runtime;
use crate::writer::{BundleWriter, WrittenVersion, manifest_last};
use crate::{Listing, MlflowLocation, StoreError, StoreOptions, VersionSelector};

/// The folder of the bundle among the artifacts of its run.
const FOLDER: &str = "almanac";

/// Registers bundles as versions of a model.
#[derive(Clone, Debug)]
pub(crate) struct Registrar {
    model: MlflowLocation,
    options: StoreOptions,
}

#[derive(Deserialize)]
struct CreateRunResponse {
    run: MlflowRun,
}

#[derive(Deserialize)]
struct MlflowRun {
    info: RunInfo,
}

#[derive(Deserialize)]
struct RunInfo {
    run_id: String,
    artifact_uri: String,
}

#[derive(Deserialize)]
struct CreateVersionResponse {
    model_version: ModelVersion,
}

impl Registrar {
    pub(crate) fn new(model: &MlflowLocation, options: &StoreOptions) -> Result<Self, StoreError> {
        if let VersionSelector::Version(_) = model.pick {
            return Err(StoreError::Setting {
                location: model.to_string(),
                rule: "MLflow assigns version numbers itself; push to mlflow:NAME or mlflow:NAME@ALIAS",
            });
        }
        // Reports an invalid address before anything is read.
        MlflowClient::new(model, options)?;
        Ok(Self {
            model: model.clone(),
            options: options.clone(),
        })
    }

    async fn register(&self, files: &BundleFiles) -> Result<WrittenVersion, StoreError> {
        let client = MlflowClient::new(&self.model, &self.options)?;
        // Requests that create are not retried: a lost response must not lead to two versions.
        let options = StoreOptions {
            attempts: 1,
            ..self.options.clone()
        };
        let client_without_retries = MlflowClient::new(&self.model, &options)?;
        let name = &self.model.name;
        create_model(&client, name).await?;
        let body =
            json!({ "experiment_id": "0", "run_name": format!("almanac models push {name}") });
        let response: CreateRunResponse = client_without_retries.post("runs/create", &body).await?;
        let RunInfo {
            run_id,
            artifact_uri,
        } = response.run.info;
        let source = format!("{}/{FOLDER}", artifact_uri.trim_end_matches('/'));
        let artifacts = Artifacts::new(&client, &source)?;
        for (file, bytes) in manifest_last(files) {
            artifacts.put(file, bytes).await?;
        }
        let body = json!({ "run_id": run_id, "status": "FINISHED" });
        let _response: Value = client.post("runs/update", &body).await?;
        let body = json!({ "name": name, "source": source, "run_id": run_id });
        let response: CreateVersionResponse = client_without_retries
            .post("model-versions/create", &body)
            .await?;
        let version = response.model_version.version;
        if let VersionSelector::Alias(alias) = &self.model.pick {
            let body = json!({ "name": name, "alias": alias, "version": version });
            let _response: Value = client.post("registered-models/alias", &body).await?;
        }
        Ok(WrittenVersion {
            name: name.clone(),
            place: format!("{} version {version}, {source}", self.model),
            version,
        })
    }
}

/// Creates the registered model, unless it exists.
async fn create_model(client: &MlflowClient, name: &str) -> Result<(), StoreError> {
    let response: Result<Value, _> = client
        .post("registered-models/create", &json!({ "name": name }))
        .await;
    match response {
        Err(StoreError::UnexpectedResponse { reason, .. })
            if reason.contains("RESOURCE_ALREADY_EXISTS") =>
        {
            Ok(())
        }
        response => response.map(|_| ()),
    }
}

#[async_trait]
impl BundleWriter for Registrar {
    async fn put(
        &self,
        _listing: &Listing,
        files: &BundleFiles,
    ) -> Result<WrittenVersion, StoreError> {
        let (registrar, files) = (self.clone(), files.clone());
        on_source_runtime(async move { registrar.register(&files).await }).await
    }
}

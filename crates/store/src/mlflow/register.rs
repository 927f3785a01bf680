//! Registering a bundle as a new version.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::deposit::{Deposit, Deposited, in_order};
use crate::mlflow::api::{Api, ModelVersion};
use crate::mlflow::artifacts::Artifacts;
use crate::remote::apart;
use crate::{Listing, MlflowPlace, Pick, StoreError, StoreOptions};
use almanac_model::BundleFiles;

/// The folder of the bundle among the artifacts of its run.
const FOLDER: &str = "almanac";

/// Registers versions of a model.
#[derive(Clone, Debug)]
pub(crate) struct Registrar {
    place: MlflowPlace,
    options: StoreOptions,
}

#[derive(Deserialize)]
struct Created {
    run: Run,
}

#[derive(Deserialize)]
struct Run {
    info: RunInfo,
}

#[derive(Deserialize)]
struct RunInfo {
    run_id: String,
    artifact_uri: String,
}

#[derive(Deserialize)]
struct CreatedVersion {
    model_version: ModelVersion,
}

impl Registrar {
    pub(crate) fn new(place: &MlflowPlace, options: &StoreOptions) -> Result<Self, StoreError> {
        if let Pick::Version(_) = place.pick {
            return Err(StoreError::Setting {
                place: place.to_string(),
                rule: "MLflow numbers its versions itself; push to mlflow:NAME or mlflow:NAME@ALIAS",
            });
        }
        // Says now what is wrong with the address.
        Api::new(place, options)?;
        let (place, options) = (place.clone(), options.clone());
        Ok(Self { place, options })
    }

    async fn register(&self, files: &BundleFiles) -> Result<Deposited, StoreError> {
        let api = Api::new(&self.place, &self.options)?;
        // What creates is asked once: an answer that was lost must not make two versions.
        let options = StoreOptions {
            attempts: 1,
            ..self.options.clone()
        };
        let once = Api::new(&self.place, &options)?;
        let name = &self.place.name;
        create_model(&api, name).await?;
        let body =
            json!({ "experiment_id": "0", "run_name": format!("almanac models push {name}") });
        let created: Created = once.post("runs/create", &body).await?;
        let RunInfo {
            run_id,
            artifact_uri,
        } = created.run.info;
        let source = format!("{}/{FOLDER}", artifact_uri.trim_end_matches('/'));
        let artifacts = Artifacts::new(&api, &source)?;
        for (file, bytes) in in_order(files) {
            artifacts.put(file, bytes).await?;
        }
        let body = json!({ "run_id": run_id, "status": "FINISHED" });
        let _run: Value = api.post("runs/update", &body).await?;
        let body = json!({ "name": name, "source": source, "run_id": run_id });
        let created: CreatedVersion = once.post("model-versions/create", &body).await?;
        let version = created.model_version.version;
        if let Pick::Alias(alias) = &self.place.pick {
            let body = json!({ "name": name, "alias": alias, "version": version });
            let _answer: Value = api.post("registered-models/alias", &body).await?;
        }
        Ok(Deposited {
            name: name.clone(),
            place: format!("{} version {version}, {source}", self.place),
            version,
        })
    }
}

async fn create_model(api: &Api, name: &str) -> Result<(), StoreError> {
    let answer: Result<Value, _> = api
        .post("registered-models/create", &json!({ "name": name }))
        .await;
    match answer {
        Err(StoreError::Answer { reason, .. }) if reason.contains("RESOURCE_ALREADY_EXISTS") => {
            Ok(())
        }
        answer => answer.map(|_| ()),
    }
}

#[async_trait]
impl Deposit for Registrar {
    async fn put(&self, _listing: &Listing, files: &BundleFiles) -> Result<Deposited, StoreError> {
        let (registrar, files) = (self.clone(), files.clone());
        apart(async move { registrar.register(&files).await }).await
    }
}

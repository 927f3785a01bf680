//! A registered model of MLflow, through its REST API.
//!
//! The artifacts of the version are read through the server's artifact proxy or from S3. They are
//! an Almanac bundle, or an MLflow model whose graph describes its own inputs.

mod api;
mod artifacts;
mod register;

pub(super) use register::Registrar;

use async_trait::async_trait;

use crate::mlflow::api::MlflowClient;
use crate::mlflow::artifacts::Artifacts;
use crate::remote::{RemoteFile, RemoteProtocol};
use crate::{Listing, MANIFEST, MlflowLocation, StoreError, StoreOptions};

/// The file that describes an MLflow model.
const MLMODEL: &str = "MLmodel";

/// One version of a registered model.
#[derive(Debug)]
pub(super) struct MlflowModel {
    client: MlflowClient,
    model: MlflowLocation,
}

impl MlflowModel {
    pub(super) fn new(model: &MlflowLocation, options: &StoreOptions) -> Result<Self, StoreError> {
        Ok(Self {
            client: MlflowClient::new(model, options)?,
            model: model.clone(),
        })
    }
}

#[async_trait]
impl RemoteProtocol for MlflowModel {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let version = self.client.find(&self.model.name, &self.model.pick).await?;
        Ok(vec![Listing {
            name: self.model.name.clone(),
            revision: format!("{} {}", version.source, version.creation_timestamp),
            version: version.version,
        }])
    }

    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        let uri = self
            .client
            .artifact_uri(&listing.name, &listing.version)
            .await?;
        let artifacts = Artifacts::new(&self.client, &uri)?.list().await?;
        let files = model_files(artifacts).ok_or_else(|| StoreError::NotFound {
            location: self.model.to_string(),
            reason: format!(
                "{uri} contains neither a manifest.toml nor an MLmodel, in its root or in a folder"
            ),
        })?;
        Ok(Some(files))
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        Artifacts::of(&self.client, file)?.read(file, limit).await
    }

    fn has_authoritative_names(&self) -> bool {
        // Users know the registered name and the version number of the registry.
        true
    }
}

/// Returns the files of the bundle among `artifacts`, or else those of the MLflow model, with their
/// names in its folder.
fn model_files(artifacts: Vec<RemoteFile>) -> Option<Vec<RemoteFile>> {
    let folder = [MANIFEST, MLMODEL].into_iter().find_map(|marker| {
        // The folder nearest to the root, and the first of these by name.
        artifacts
            .iter()
            .filter_map(|file| file.name.strip_suffix(marker))
            .filter(|folder| folder.is_empty() || folder.ends_with('/'))
            .min_by_key(|folder| (folder.matches('/').count(), (*folder).to_owned()))
            .map(str::to_owned)
    })?;
    let files = artifacts
        .into_iter()
        .filter_map(|mut file| {
            file.name = file.name.strip_prefix(&folder)?.to_owned();
            Some(file)
        })
        .collect();
    Some(files)
}

#[cfg(test)]
mod tests;

//! A registered model of MLflow, through its REST API.
//!
//! The version's artifacts are read through the server's artifact proxy or from S3. They are an
//! Almanac bundle, or an MLflow model whose graph tells itself what it wants.

mod api;
mod artifacts;
mod register;

pub(super) use register::Registrar;

use async_trait::async_trait;

use crate::mlflow::api::Api;
use crate::mlflow::artifacts::Artifacts;
use crate::remote::{Remote, RemoteFile};
use crate::{Listing, MANIFEST, MlflowPlace, StoreError, StoreOptions};

/// The file that says what an MLflow model is.
const MLMODEL: &str = "MLmodel";

/// One version of a registered model.
#[derive(Debug)]
pub(super) struct Mlflow {
    api: Api,
    place: MlflowPlace,
}

impl Mlflow {
    pub(super) fn new(place: &MlflowPlace, options: &StoreOptions) -> Result<Self, StoreError> {
        Ok(Self {
            api: Api::new(place, options)?,
            place: place.clone(),
        })
    }
}

#[async_trait]
impl Remote for Mlflow {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let found = self.api.find(&self.place.name, &self.place.pick).await?;
        Ok(vec![Listing {
            name: self.place.name.clone(),
            revision: format!("{} {}", found.source, found.creation_timestamp),
            version: found.version,
        }])
    }

    async fn files(&self, listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        let uri = self
            .api
            .artifact_uri(&listing.name, &listing.version)
            .await?;
        let artifacts = Artifacts::new(&self.api, &uri)?;
        let all = artifacts.list().await?;
        let found = model_files(all).ok_or_else(|| StoreError::Missing {
            place: self.place.to_string(),
            reason: format!(
                "{uri} holds neither a manifest.toml nor an MLmodel, in its root or in one folder"
            ),
        });
        found.map(Some)
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        Artifacts::of(&self.api, file)?.read(file, limit).await
    }

    fn names_models(&self) -> bool {
        // The registered name and the registry's own number are what its users know.
        true
    }
}

/// The files of the bundle, or else of the MLflow model, among all artifacts, by their names in it.
fn model_files(all: Vec<RemoteFile>) -> Option<Vec<RemoteFile>> {
    let folder = [MANIFEST, MLMODEL].into_iter().find_map(|mark| {
        let paths = all.iter().filter_map(|file| file.name.strip_suffix(mark));
        // The folder nearest to the root, and the first of these in order of name.
        let folders = paths.filter(|folder| folder.is_empty() || folder.ends_with('/'));
        folders
            .min_by_key(|folder| (folder.matches('/').count(), (*folder).to_owned()))
            .map(str::to_owned)
    })?;
    let files = all.into_iter().filter_map(|mut file| {
        file.name = file.name.strip_prefix(&folder)?.to_owned();
        Some(file)
    });
    Some(files.collect())
}

#[cfg(test)]
mod tests;

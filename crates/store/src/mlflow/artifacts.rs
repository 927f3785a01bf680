//! The artifacts of a model version: behind MLflow's artifact proxy, or in S3.

use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;

use crate::mlflow::api::MlflowClient;
use crate::remote::{RemoteFile, is_plain};
use crate::s3::{S3Bucket, remote_files, to_object};
use crate::{Source, StoreError};

/// The maximum depth of folders that are listed.
const MAX_DEPTH: usize = 4;

/// The artifacts below one URI.
pub(super) struct Artifacts<'a> {
    client: &'a MlflowClient,
    root: ArtifactRoot,
}

/// The location of artifacts.
enum ArtifactRoot {
    /// A path behind the server's proxy.
    Proxy(String),
    /// A key prefix in a bucket.
    S3 {
        bucket: Arc<S3Bucket>,
        /// The prefix, with a trailing slash.
        prefix: String,
    },
}

#[derive(Deserialize)]
struct ArtifactList {
    #[serde(default)]
    files: Vec<ArtifactInfo>,
}

#[derive(Deserialize)]
struct ArtifactInfo {
    path: String,
    #[serde(default)]
    is_dir: bool,
    #[serde(default)]
    file_size: Option<u64>,
}

impl<'a> Artifacts<'a> {
    /// Returns the artifacts at `uri`.
    pub(super) fn new(client: &'a MlflowClient, uri: &str) -> Result<Self, StoreError> {
        let unsupported = |reason| StoreError::UnexpectedResponse {
            location: uri.to_owned(),
            reason,
            is_transient: false,
        };
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            let path = match rest.strip_prefix("//") {
                Some(rest) => {
                    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                    if !host.is_empty() && client.server.authority() != host {
                        let reason =
                            format!("the artifacts are on {host}; use the address of that server");
                        return Err(unsupported(reason));
                    }
                    path
                }
                None => rest,
            };
            let root = ArtifactRoot::Proxy(path.trim_matches('/').to_owned());
            return Ok(Self { client, root });
        }
        let Ok(Source::S3(location)) = uri.parse() else {
            let reason =
                "artifacts can be read through MLflow's proxy (--serve-artifacts) or from s3://";
            return Err(unsupported(reason.to_owned()));
        };
        let root = ArtifactRoot::S3 {
            bucket: client.bucket(&location.bucket),
            prefix: format!("{}/", location.key),
        };
        Ok(Self { client, root })
    }

    /// Returns the artifact `file`, whose location is a URI.
    pub(super) fn of(client: &'a MlflowClient, file: &RemoteFile) -> Result<Self, StoreError> {
        Self::new(client, &file.location)
    }

    /// Returns all files, with their paths below the root as names.
    pub(super) async fn list(&self) -> Result<Vec<RemoteFile>, StoreError> {
        match &self.root {
            ArtifactRoot::S3 { bucket, prefix } => {
                let mut files = remote_files(prefix, bucket.list(prefix).await?);
                for file in &mut files {
                    file.location = bucket.uri(&file.location);
                }
                Ok(files)
            }
            ArtifactRoot::Proxy(root) => self.list_proxy(root).await,
        }
    }

    async fn list_proxy(&self, root: &str) -> Result<Vec<RemoteFile>, StoreError> {
        let limit = self.client.options.max_listed;
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let mut url = self.client.url("mlflow-artifacts/artifacts");
            let path = format!("{root}/{folder}");
            url.query_pairs_mut()
                .append_pair("path", path.trim_end_matches('/'));
            let request = self.client.request(Method::GET, url)?;
            let list: ArtifactList = self.client.send(request).await?;
            for artifact in list.files {
                let name = format!("{folder}{}", artifact.path);
                if !is_plain(&name) {
                    tracing::debug!(%name, "artifact outside of its folder skipped");
                } else if !artifact.is_dir {
                    files.push(RemoteFile {
                        location: format!("mlflow-artifacts:/{root}/{name}"),
                        name,
                        size: artifact.file_size,
                        tag: None,
                    });
                } else if name.matches('/').count() + 1 < MAX_DEPTH {
                    folders.push(format!("{name}/"));
                }
            }
            if files.len() + folders.len() > limit {
                let location = format!("mlflow-artifacts:/{root}");
                return Err(StoreError::TooMany { location, limit });
            }
        }
        Ok(files)
    }

    /// Reads the file at the root.
    pub(super) async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        match &self.root {
            ArtifactRoot::S3 { bucket, prefix } => {
                let mut object = to_object(file);
                object.key = prefix.trim_end_matches('/').to_owned();
                bucket.read(&object, limit).await
            }
            ArtifactRoot::Proxy(path) => {
                let request = self.client.request(Method::GET, self.proxy_url(path))?;
                self.client
                    .http
                    .read(&file.location, request, limit, |status, body| {
                        self.client.response_error(status, body)
                    })
                    .await
            }
        }
    }

    /// Writes a file below the root.
    pub(super) async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let root = match &self.root {
            ArtifactRoot::S3 { bucket, prefix } => {
                return bucket.put(&format!("{prefix}{name}"), bytes).await;
            }
            ArtifactRoot::Proxy(root) => root,
        };
        let url = self.proxy_url(&format!("{root}/{name}"));
        let request = self.client.request(Method::PUT, url)?.body(bytes.to_vec());
        let location = format!("mlflow-artifacts:/{root}/{name}");
        let mut response = self.client.http.send(&location, request).await?;
        if response.status().is_success() {
            self.client.http.report_sent(bytes.len());
            return Ok(());
        }
        let body = self.client.http.error_body(&mut response).await;
        Err(self.client.response_error(response.status(), &body))
    }

    fn proxy_url(&self, path: &str) -> url::Url {
        self.client
            .url(&format!("mlflow-artifacts/artifacts/{path}"))
    }
}

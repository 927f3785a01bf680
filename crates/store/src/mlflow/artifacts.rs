//! The artifacts of a model version: behind MLflow's own proxy, or in S3.

use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;

use crate::mlflow::api::Api;
use crate::remote::{RemoteFile, is_plain};
use crate::s3::{Bucket, object, remote_files};
use crate::{Source, StoreError};

/// Folders below one another that are looked into.
const MAX_DEPTH: usize = 4;

/// Where artifacts are.
pub(super) struct Artifacts<'a> {
    api: &'a Api,
    root: Root,
}

enum Root {
    /// A path behind the server's proxy.
    Proxy(String),
    /// A bucket, and a key with a slash at its end.
    S3(Arc<Bucket>, String),
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    files: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    path: String,
    #[serde(default)]
    is_dir: bool,
    #[serde(default)]
    file_size: Option<u64>,
}

impl<'a> Artifacts<'a> {
    /// The artifacts at `uri`.
    pub(super) fn new(api: &'a Api, uri: &str) -> Result<Self, StoreError> {
        let unreadable = |reason| StoreError::Answer {
            place: uri.to_owned(),
            reason,
            passes: false,
        };
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            let path = match rest.strip_prefix("//") {
                Some(rest) => {
                    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                    if !host.is_empty() && api.server.authority() != host {
                        let reason = format!("the artifacts are on {host}; name that server");
                        return Err(unreadable(reason));
                    }
                    path
                }
                None => rest,
            };
            let root = Root::Proxy(path.trim_matches('/').to_owned());
            return Ok(Self { api, root });
        }
        let Ok(Source::S3(place)) = uri.parse() else {
            let reason =
                "artifacts are read through MLflow's proxy (--serve-artifacts) or from s3://";
            return Err(unreadable(reason.to_owned()));
        };
        let bucket = api.bucket(&place.bucket);
        let root = Root::S3(bucket, format!("{}/", place.key));
        Ok(Self { api, root })
    }

    /// The artifacts that `file` is of.
    pub(super) fn of(api: &'a Api, file: &RemoteFile) -> Result<Self, StoreError> {
        Self::new(api, &file.place)
    }

    /// Every file, by its path below the root.
    pub(super) async fn list(&self) -> Result<Vec<RemoteFile>, StoreError> {
        match &self.root {
            Root::S3(bucket, prefix) => {
                let mut files = remote_files(prefix, bucket.list(prefix).await?);
                for file in &mut files {
                    file.place = bucket.place(&file.place);
                }
                Ok(files)
            }
            Root::Proxy(root) => self.list_proxy(root).await,
        }
    }

    async fn list_proxy(&self, root: &str) -> Result<Vec<RemoteFile>, StoreError> {
        let limit = self.api.options.max_listed;
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let mut url = self.api.url("mlflow-artifacts/artifacts");
            let path = format!("{root}/{folder}");
            url.query_pairs_mut()
                .append_pair("path", path.trim_end_matches('/'));
            let page: Page = self.api.answer(self.api.request(Method::GET, url)?).await?;
            for artifact in page.files {
                let name = format!("{folder}{}", artifact.path);
                if !is_plain(&name) {
                    tracing::debug!(%name, "an artifact outside of its folder is left out");
                } else if !artifact.is_dir {
                    files.push(RemoteFile {
                        place: format!("mlflow-artifacts:/{root}/{name}"),
                        name,
                        size: artifact.file_size,
                        tag: None,
                    });
                } else if name.matches('/').count() + 1 < MAX_DEPTH {
                    folders.push(format!("{name}/"));
                }
            }
            if files.len() + folders.len() > limit {
                let place = format!("mlflow-artifacts:/{root}");
                return Err(StoreError::TooMany { place, limit });
            }
        }
        Ok(files)
    }

    /// The bytes of a file, whose place is a URI of its own.
    pub(super) async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        match &self.root {
            Root::S3(bucket, key) => {
                let mut object = object(file);
                object.key = key.trim_end_matches('/').to_owned();
                bucket.read(&object, limit).await
            }
            Root::Proxy(path) => {
                let url = self.proxied(path);
                let request = self.api.request(Method::GET, url)?;
                let refused = |status, message: &str| self.api.refused(status, message);
                let http = &self.api.http;
                http.read(&file.place, request, limit, refused).await
            }
        }
    }

    /// Writes a file below the root.
    pub(super) async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let root = match &self.root {
            Root::S3(bucket, prefix) => return bucket.put(&format!("{prefix}{name}"), bytes).await,
            Root::Proxy(root) => root,
        };
        let url = self.proxied(&format!("{root}/{name}"));
        let request = self.api.request(Method::PUT, url)?.body(bytes.to_vec());
        let place = format!("mlflow-artifacts:/{root}/{name}");
        let mut answer = self.api.http.send(&place, request).await?;
        if answer.status().is_success() {
            self.api.http.moved(bytes.len());
            return Ok(());
        }
        let message = self.api.http.message(&mut answer).await;
        Err(self.api.refused(answer.status(), &message))
    }

    fn proxied(&self, path: &str) -> url::Url {
        self.api.url(&format!("mlflow-artifacts/artifacts/{path}"))
    }
}

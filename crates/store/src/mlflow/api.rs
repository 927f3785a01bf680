//! The calls of MLflow's tracking server and model registry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::http::{Http, is_loopback, passes};
use crate::s3::Bucket;
use crate::{MlflowOptions, MlflowPlace, Pick, StoreError, StoreOptions};

/// Bytes of an answer of the registry.
const MAX_ANSWER: u64 = 16 * 1_024 * 1_024;

/// A tracking server.
pub(super) struct Api {
    pub(super) http: Http,
    pub(super) options: StoreOptions,
    pub(super) server: Url,
    place: String,
    /// The buckets of artifacts that were asked.
    buckets: Mutex<BTreeMap<String, Arc<Bucket>>>,
}

/// A version of a registered model.
#[derive(Debug, Deserialize)]
pub(super) struct ModelVersion {
    pub(super) version: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) creation_timestamp: u64,
}

#[derive(Deserialize)]
struct OneVersion {
    model_version: ModelVersion,
}

#[derive(Deserialize)]
struct LatestVersions {
    #[serde(default)]
    model_versions: Vec<ModelVersion>,
}

#[derive(Deserialize)]
struct DownloadUri {
    artifact_uri: String,
}

/// What MLflow says when it fails.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

impl Api {
    /// The server of `place`, asked with the credentials of `options`.
    pub(super) fn new(place: &MlflowPlace, options: &StoreOptions) -> Result<Self, StoreError> {
        let shown = place.to_string();
        let setting = |rule| StoreError::Setting {
            place: place.to_string(),
            rule,
        };
        let server = place
            .server
            .as_ref()
            .or(options.mlflow.tracking_uri.as_ref());
        let server = server.ok_or_else(|| {
            setting("set MLFLOW_TRACKING_URI, or write mlflow:http://host:5000/NAME@ALIAS")
        })?;
        let server = Url::parse(server.trim_end_matches('/')).ok();
        let server =
            server.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let server = server.ok_or_else(|| {
            setting(
                "MLFLOW_TRACKING_URI must be the http:// or https:// address of a tracking server",
            )
        })?;
        let is_plain = server.scheme() == "http" && !is_loopback(&server);
        let has_secret = options.mlflow.token.is_some() || options.mlflow.password.is_some();
        if is_plain && has_secret && !options.allow_http {
            return Err(setting(
                "MLflow's token or password would be sent over http; use https, or set models.allow_http",
            ));
        }
        Ok(Self {
            http: Http::new(options),
            options: options.clone(),
            server,
            place: shown,
            buckets: Mutex::default(),
        })
    }

    /// A bucket, connected once for all of its files.
    pub(super) fn bucket(&self, name: &str) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Bucket::new(name, &self.options)));
        Arc::clone(bucket)
    }

    /// The version that `pick` means now.
    pub(super) async fn find(&self, name: &str, pick: &Pick) -> Result<ModelVersion, StoreError> {
        let found: OneVersion = match pick {
            Pick::Alias(alias) => {
                let query = [("name", name), ("alias", alias)];
                self.get("registered-models/alias", &query).await?
            }
            Pick::Version(version) => {
                let query = [("name", name), ("version", version)];
                self.get("model-versions/get", &query).await?
            }
            Pick::Latest => return self.latest(name).await,
        };
        Ok(found.model_version)
    }

    async fn latest(&self, name: &str) -> Result<ModelVersion, StoreError> {
        let body = json!({ "name": name });
        let path = "registered-models/get-latest-versions";
        let found: LatestVersions = self.post(path, &body).await?;
        // One for each stage; a version is a number.
        let number = |found: &ModelVersion| found.version.parse::<u64>().unwrap_or(0);
        let newest = found.model_versions.into_iter().max_by_key(number);
        newest.ok_or_else(|| StoreError::Missing {
            place: self.place.clone(),
            reason: "the registered model has no version yet".to_owned(),
        })
    }

    /// Where the artifacts of a version are. Its `source` may name a logged model instead of them.
    pub(super) async fn artifact_uri(
        &self,
        name: &str,
        version: &str,
    ) -> Result<String, StoreError> {
        let query = [("name", name), ("version", version)];
        let found: DownloadUri = self.get("model-versions/get-download-uri", &query).await?;
        Ok(found.artifact_uri)
    }

    /// The address of a call, below `/api/2.0/`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        // An address with a host has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            let path = path.split('/').filter(|part| !part.is_empty());
            segments.pop_if_empty().extend(["api", "2.0"]).extend(path);
        }
        url
    }

    /// A request with the credentials, if there are any.
    pub(super) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, StoreError> {
        let MlflowOptions {
            username,
            password,
            token,
            ..
        } = &self.options.mlflow;
        let request = self.http.request(method, url)?;
        Ok(match (token, username) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(username)) => request.basic_auth(username, password.as_ref()),
            (None, None) => request,
        })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, StoreError> {
        let mut url = self.url(&format!("mlflow/{path}"));
        url.query_pairs_mut().extend_pairs(query);
        self.answer(self.request(Method::GET, url)?).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, StoreError> {
        let url = self.url(&format!("mlflow/{path}"));
        let request = self.request(Method::POST, url)?;
        let request = request.header("content-type", "application/json");
        self.answer(request.body(body.to_string())).await
    }

    /// What a call answers, as JSON.
    pub(super) async fn answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, StoreError> {
        let refused = |status, message: &str| self.refused(status, message);
        let read = self.http.read(&self.place, request, MAX_ANSWER, refused);
        let bytes = read.await?;
        serde_json::from_slice(&bytes).map_err(|error| StoreError::Answer {
            place: self.place.clone(),
            reason: format!("{} answered what MLflow does not: {error}", self.server),
            passes: false,
        })
    }

    /// What an answer without success means.
    pub(super) fn refused(&self, status: StatusCode, message: &str) -> StoreError {
        let refusal: Refusal = serde_json::from_str(message).unwrap_or_default();
        let said = match refusal.message.as_str() {
            "" => message.lines().next().unwrap_or_default(),
            said => said,
        };
        let place = self.place.clone();
        let told = |advice: &str| format!("MLflow answered {status}: {said}{advice}");
        match (status, refusal.error_code.as_str()) {
            (StatusCode::FORBIDDEN, _) if message.contains("Invalid Host header") => {
                StoreError::Denied {
                    place,
                    reason: told("; start it with --allowed-hosts and the host of this address"),
                }
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => StoreError::Denied {
                place,
                reason: told(
                    "; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
                ),
            },
            (StatusCode::BAD_REQUEST, _) if said.contains("alias") => StoreError::Missing {
                place,
                reason: told("; set the alias, or name a version"),
            },
            (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST") => StoreError::Missing {
                place,
                reason: told("; register the model under this name, or write another"),
            },
            (StatusCode::NOT_FOUND, _) => StoreError::Missing {
                place,
                reason: told("; is this the address of an MLflow server?"),
            },
            (_, code) => StoreError::Answer {
                place,
                reason: told(&format!(" {code}")),
                passes: passes(status),
            },
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

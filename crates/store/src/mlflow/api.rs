//! A client of MLflow's tracking server and model registry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::http::{HttpClient, is_loopback, is_transient};
use crate::s3::S3Bucket;
use crate::{MlflowLocation, MlflowOptions, StoreError, StoreOptions, VersionSelector};

/// The maximum size of a response of the registry, in bytes.
const MAX_RESPONSE: u64 = 16 * 1_024 * 1_024;

/// A client of one tracking server.
pub(super) struct MlflowClient {
    pub(super) http: HttpClient,
    pub(super) options: StoreOptions,
    pub(super) server: Url,
    /// The source, as it is configured.
    location: String,
    /// The buckets of artifacts that were read.
    buckets: Mutex<BTreeMap<String, Arc<S3Bucket>>>,
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
struct VersionResponse {
    model_version: ModelVersion,
}

#[derive(Deserialize)]
struct LatestVersionsResponse {
    #[serde(default)]
    model_versions: Vec<ModelVersion>,
}

#[derive(Deserialize)]
struct DownloadUriResponse {
    artifact_uri: String,
}

/// The body of an error response.
#[derive(Default, Deserialize)]
struct MlflowError {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

impl MlflowClient {
    /// Creates a client of the server of `model`, with the credentials of `options`.
    pub(super) fn new(model: &MlflowLocation, options: &StoreOptions) -> Result<Self, StoreError> {
        let location = model.to_string();
        let setting = |rule| StoreError::Setting {
            location: location.clone(),
            rule,
        };
        let server = model
            .server
            .as_ref()
            .or(options.mlflow.tracking_uri.as_ref())
            .ok_or_else(|| {
                setting("set MLFLOW_TRACKING_URI, or write mlflow:http://host:5000/NAME@ALIAS")
            })?;
        let server = Url::parse(server.trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                setting(
                    "MLFLOW_TRACKING_URI must be the http:// or https:// address of a tracking server",
                )
            })?;
        let is_insecure = server.scheme() == "http" && !is_loopback(&server);
        let has_secret = options.mlflow.token.is_some() || options.mlflow.password.is_some();
        if is_insecure && has_secret && !options.allow_http {
            return Err(setting(
                "MLflow's token or password would be sent over http; use https, or set models.allow_http",
            ));
        }
        Ok(Self {
            http: HttpClient::new(options),
            options: options.clone(),
            server,
            location,
            buckets: Mutex::default(),
        })
    }

    /// Returns a bucket. Each bucket is connected once, for all files in it.
    pub(super) fn bucket(&self, name: &str) -> Arc<S3Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(S3Bucket::new(name, &self.options)));
        Arc::clone(bucket)
    }

    /// Returns the version that `pick` currently selects.
    pub(super) async fn find(
        &self,
        name: &str,
        pick: &VersionSelector,
    ) -> Result<ModelVersion, StoreError> {
        let response: VersionResponse = match pick {
            VersionSelector::Alias(alias) => {
                let query = [("name", name), ("alias", alias)];
                self.get("registered-models/alias", &query).await?
            }
            VersionSelector::Version(version) => {
                let query = [("name", name), ("version", version)];
                self.get("model-versions/get", &query).await?
            }
            VersionSelector::Latest => return self.find_latest(name).await,
        };
        Ok(response.model_version)
    }

    async fn find_latest(&self, name: &str) -> Result<ModelVersion, StoreError> {
        let body = json!({ "name": name });
        let path = "registered-models/get-latest-versions";
        let response: LatestVersionsResponse = self.post(path, &body).await?;
        // The response contains the latest version of each stage. Versions are numbers.
        response
            .model_versions
            .into_iter()
            .max_by_key(|version| version.version.parse::<u64>().unwrap_or(0))
            .ok_or_else(|| StoreError::NotFound {
                location: self.location.clone(),
                reason: "the registered model has no versions".to_owned(),
            })
    }

    /// Returns the URI of the artifacts of a version. The `source` of the version may be a logged
    /// model instead.
    pub(super) async fn artifact_uri(
        &self,
        name: &str,
        version: &str,
    ) -> Result<String, StoreError> {
        let query = [("name", name), ("version", version)];
        let response: DownloadUriResponse =
            self.get("model-versions/get-download-uri", &query).await?;
        Ok(response.artifact_uri)
    }

    /// Returns the address of an endpoint below `/api/2.0/`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        // Addresses with a host always have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["api", "2.0"])
                .extend(path.split('/').filter(|part| !part.is_empty()));
        }
        url
    }

    /// Creates a request with the credentials, if there are any.
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
        self.send(self.request(Method::GET, url)?).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, StoreError> {
        let url = self.url(&format!("mlflow/{path}"));
        let request = self
            .request(Method::POST, url)?
            .header("content-type", "application/json")
            .body(body.to_string());
        self.send(request).await
    }

    /// Sends a request and parses the JSON of the response.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, StoreError> {
        let bytes = self
            .http
            .read(&self.location, request, MAX_RESPONSE, |status, body| {
                self.response_error(status, body)
            })
            .await?;
        serde_json::from_slice(&bytes).map_err(|error| StoreError::UnexpectedResponse {
            location: self.location.clone(),
            reason: format!("{} is not an MLflow server: {error}", self.server),
            is_transient: false,
        })
    }

    /// Returns the error of a response that is not a success.
    pub(super) fn response_error(&self, status: StatusCode, body: &str) -> StoreError {
        let error: MlflowError = serde_json::from_str(body).unwrap_or_default();
        let message = match error.message.as_str() {
            "" => body.lines().next().unwrap_or_default(),
            message => message,
        };
        let location = self.location.clone();
        let reason = |advice: &str| format!("MLflow returned {status}: {message}{advice}");
        match (status, error.error_code.as_str()) {
            (StatusCode::FORBIDDEN, _) if body.contains("Invalid Host header") => {
                StoreError::AccessDenied {
                    location,
                    reason: reason("; start it with --allowed-hosts and the host of this address"),
                }
            }
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => StoreError::AccessDenied {
                location,
                reason: reason(
                    "; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
                ),
            },
            (StatusCode::BAD_REQUEST, _) if message.contains("alias") => StoreError::NotFound {
                location,
                reason: reason("; set the alias, or use a version"),
            },
            (StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST") => StoreError::NotFound {
                location,
                reason: reason("; register the model under this name, or use another"),
            },
            (StatusCode::NOT_FOUND, _) => StoreError::NotFound {
                location,
                reason: reason("; check that this is the address of an MLflow server"),
            },
            (_, code) => StoreError::UnexpectedResponse {
                location,
                reason: reason(&format!(" {code}")),
                is_transient: is_transient(status),
            },
        }
    }
}

impl fmt::Debug for MlflowClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MlflowClient")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

//! The folder of a bundle, or one graph, on a web server.

use almanac_model::Digest;
use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::graph::{MODEL, version_of};
use crate::http::{HttpClient, is_loopback, is_transient};
use crate::remote::{RemoteFile, RemoteProtocol};
use crate::{Listing, MANIFEST, StoreError, StoreOptions, WebLocation};

/// The maximum size of a manifest, in bytes.
const MAX_MANIFEST: u64 = 1_024 * 1_024;

/// One model version on a web server.
#[derive(Debug)]
pub(super) struct WebModel {
    http: HttpClient,
    location: WebLocation,
}

impl WebModel {
    pub(super) fn new(location: &WebLocation, options: &StoreOptions) -> Result<Self, StoreError> {
        let is_insecure = location.url.scheme() == "http" && !is_loopback(&location.url);
        if is_insecure && !options.allow_http {
            return Err(StoreError::Setting {
                location: location.to_string(),
                rule: "http can be read and modified in transit; use https, or set models.allow_http",
            });
        }
        Ok(Self {
            http: HttpClient::new(options),
            location: location.clone(),
        })
    }

    /// Returns the address of a file in the folder.
    fn url(&self, file: &str) -> Url {
        let mut url = self.location.url.clone();
        // Addresses with a host always have segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(file.split('/'));
        }
        url
    }

    async fn get(&self, url: Url, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut without_query = url.clone();
        without_query.set_query(None);
        let location = without_query.to_string();
        let request = self.http.request(Method::GET, url)?;
        self.http
            .read(&location, request, limit, |status, _body| {
                response_error(&location, status)
            })
            .await
    }
}

#[async_trait]
impl RemoteProtocol for WebModel {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let listing = match (self.location.digest, self.location.folder()) {
            (Some(digest), _) => Listing {
                name: self.location.stem(),
                version: version_of(digest),
                revision: digest.to_string(),
            },
            (None, Some((name, version))) => {
                let manifest = self.get(self.url(MANIFEST), MAX_MANIFEST).await?;
                let revision = Digest::of(&manifest).to_string();
                Listing {
                    name,
                    version,
                    revision,
                }
            }
            (None, None) => return Ok(Vec::new()),
        };
        Ok(vec![listing])
    }

    async fn files(&self, _listing: &Listing) -> Result<Option<Vec<RemoteFile>>, StoreError> {
        Ok(self.location.digest.map(|_| vec![self.file(MODEL)]))
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        let Some(expected) = self.location.digest else {
            return self.get(self.url(&file.location), limit).await;
        };
        let bytes = self.get(self.location.url.clone(), limit).await?;
        let actual = Digest::of(&bytes);
        if actual == expected {
            return Ok(bytes);
        }
        Err(StoreError::Digest {
            location: self.location.to_string(),
            expected,
            actual,
        })
    }

    fn has_authoritative_names(&self) -> bool {
        self.location.digest.is_some()
    }
}

/// Returns the error of a response that is not a success.
fn response_error(location: &str, status: StatusCode) -> StoreError {
    let location = location.to_owned();
    let reason = format!("the server returned {status}");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            StoreError::AccessDenied { location, reason }
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => StoreError::NotFound { location, reason },
        _ => StoreError::UnexpectedResponse {
            location,
            reason,
            is_transient: is_transient(status),
        },
    }
}

#[cfg(test)]
mod tests;

//! A bundle's folder, or one graph, behind a web server.

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::graph::{MODEL, version_of};
use crate::http::{Http, is_loopback, passes};
use crate::remote::{Remote, RemoteFile};
use crate::{Listing, MANIFEST, StoreError, StoreOptions, WebPlace};
use almanac_model::Digest;

/// Bytes of a manifest.
const MAX_MANIFEST: u64 = 1_024 * 1_024;

/// One version behind a web server.
#[derive(Debug)]
pub(super) struct Web {
    http: Http,
    place: WebPlace,
}

impl Web {
    pub(super) fn new(place: &WebPlace, options: &StoreOptions) -> Result<Self, StoreError> {
        let is_plain = place.url.scheme() == "http" && !is_loopback(&place.url);
        if is_plain && !options.allow_http {
            return Err(StoreError::Setting {
                place: place.to_string(),
                rule: "http can be read and changed on the way; write https, or set models.allow_http",
            });
        }
        let http = Http::new(options);
        let place = place.clone();
        Ok(Self { http, place })
    }

    /// The address of a file of the folder.
    fn url(&self, file: &str) -> Url {
        let mut url = self.place.url.clone();
        // An address with a host has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(file.split('/'));
        }
        url
    }

    async fn get(&self, url: Url, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut shown = url.clone();
        shown.set_query(None);
        let place = shown.to_string();
        let request = self.http.request(Method::GET, url)?;
        let refused = |status, _: &str| refused(&place, status);
        self.http.read(&place, request, limit, refused).await
    }
}

#[async_trait]
impl Remote for Web {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let listing = match (self.place.digest, self.place.folder()) {
            (Some(digest), _) => Listing {
                name: self.place.stem(),
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
        Ok(self.place.digest.map(|_| vec![self.file(MODEL)]))
    }

    async fn read(&self, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, StoreError> {
        let Some(expected) = self.place.digest else {
            return self.get(self.url(&file.place), limit).await;
        };
        let bytes = self.get(self.place.url.clone(), limit).await?;
        let actual = Digest::of(&bytes);
        if actual == expected {
            return Ok(bytes);
        }
        Err(StoreError::Digest {
            place: self.place.to_string(),
            expected,
            actual,
        })
    }

    fn names_models(&self) -> bool {
        self.place.digest.is_some()
    }
}

fn refused(place: &str, status: StatusCode) -> StoreError {
    let place = place.to_owned();
    let reason = format!("the server answered {status}");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreError::Denied { place, reason },
        StatusCode::NOT_FOUND | StatusCode::GONE => StoreError::Missing { place, reason },
        _ => StoreError::Answer {
            place,
            reason,
            passes: passes(status),
        },
    }
}

#[cfg(test)]
mod tests;

//! HTTP as sources need it: bounded, retried, resumed where it broke.

use std::fmt;
use std::sync::OnceLock;

use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use url::{Host, Url};

use crate::error::causes;
use crate::remote::pause;
use crate::{StoreError, StoreOptions};

/// Bytes of an answer that says what went wrong.
const MAX_MESSAGE: usize = 64 * 1_024;

/// A client of web servers, made when it is first used.
pub(super) struct Http {
    options: StoreOptions,
    client: OnceLock<Result<Client, String>>,
}

impl Http {
    pub(super) fn new(options: &StoreOptions) -> Self {
        Self {
            options: options.clone(),
            client: OnceLock::new(),
        }
    }

    /// A request, to be sent by [`Self::send`].
    pub(super) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, StoreError> {
        let client = self.client.get_or_init(|| client(&self.options));
        match client {
            Ok(client) => Ok(client.request(method, url)),
            Err(reason) => Err(StoreError::Unreachable {
                place: url.origin().ascii_serialization(),
                reason: reason.clone(),
            }),
        }
    }

    /// The answer to a request, made again when the server is out of reach or says that it failed.
    pub(super) async fn send(
        &self,
        place: &str,
        request: RequestBuilder,
    ) -> Result<Response, StoreError> {
        let mut attempt = 1;
        loop {
            let is_last = attempt >= self.options.attempts;
            // A body that cannot be sent twice is sent once.
            let Some(again) = request.try_clone().filter(|_| !is_last) else {
                let answer = request.send().await;
                return answer.map_err(|error| self.failure(place, error));
            };
            match again.send().await {
                Ok(answer) if !passes(answer.status()) => return Ok(answer),
                Ok(answer) => tracing::debug!(%place, status = %answer.status(), "asked again"),
                Err(error) => {
                    let reason = causes(&error.without_url());
                    tracing::debug!(%place, %reason, "asked again");
                }
            }
            pause(attempt).await;
            attempt += 1;
        }
    }

    /// The bytes that `request` gives, of which there are at most `limit`; `refused` says what an
    /// answer without them means.
    pub(super) async fn read(
        &self,
        place: &str,
        request: RequestBuilder,
        limit: u64,
        refused: impl Fn(StatusCode, &str) -> StoreError,
    ) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let mut tag: Option<String> = None;
        for attempt in 1.. {
            let copy = request.try_clone();
            let mut request = copy.ok_or_else(|| refused(StatusCode::OK, "asked with a body"))?;
            if let Some(tag) = tag.as_ref().filter(|_| !bytes.is_empty()) {
                let range = format!("bytes={}-", bytes.len());
                request = request.header(RANGE, range).header(IF_RANGE, tag);
            }
            let mut answer = self.send(place, request).await?;
            let status = answer.status();
            if !status.is_success() {
                let message = self.message(&mut answer).await;
                return Err(refused(status, &message));
            }
            if !continues(&answer, bytes.len()) {
                bytes.clear();
            }
            tag = header(&answer, ETAG);
            match self.drain(place, &mut answer, limit, &mut bytes).await {
                Ok(()) => break,
                Err(error) if error.is_outage() && attempt < self.options.attempts => {
                    tracing::debug!(%place, %error, at = bytes.len(), "a download broke and goes on");
                    pause(attempt).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    async fn drain(
        &self,
        place: &str,
        answer: &mut Response,
        limit: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let too_large = || StoreError::TooLarge {
            place: place.to_owned(),
            limit: self.options.max_bundle,
        };
        let told = answer.content_length().unwrap_or(0);
        if (bytes.len() as u64).saturating_add(told) > limit {
            return Err(too_large());
        }
        loop {
            let piece = answer.chunk().await;
            let piece = piece.map_err(|error| self.failure(place, error))?;
            let Some(piece) = piece else { return Ok(()) };
            if (bytes.len() + piece.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
            self.options.progress.advance(piece.len() as u64);
        }
    }

    /// Tells whoever watches that so many bytes were sent.
    pub(super) fn moved(&self, bytes: usize) {
        self.options.progress.advance(bytes as u64);
    }

    /// What an answer that is no success says, as far as it can be read.
    pub(super) async fn message(&self, answer: &mut Response) -> String {
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_MESSAGE {
                bytes.truncate(MAX_MESSAGE);
                break;
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn failure(&self, place: &str, error: reqwest::Error) -> StoreError {
        // The address may hold a signature.
        let error = error.without_url();
        let place = place.to_owned();
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => StoreError::Slow {
                place,
                limit: self.options.connect_timeout,
                setting: "models.connect_timeout",
            },
            (true, false) => StoreError::Slow {
                place,
                limit: self.options.read_timeout,
                setting: "models.read_timeout",
            },
            (false, _) => {
                let reason = causes(&error);
                StoreError::Unreachable { place, reason }
            }
        }
    }
}

/// A client with our bounds, and with the certificates of the system.
fn client(options: &StoreOptions) -> Result<Client, String> {
    // Another part of the process may have chosen it first, and there is only one.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .user_agent(concat!("almanac/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .redirect(redirect::Policy::custom(redirected))
        .build()
        .map_err(|error| causes(&error))
}

/// Follows a few redirects, and none from https to http.
fn redirected(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_secure = attempt
        .previous()
        .last()
        .is_some_and(|url| url.scheme() == "https");
    if was_secure && attempt.url().scheme() != "https" {
        return attempt.error("redirected from https to http");
    }
    if attempt.previous().len() > 5 {
        return attempt.error("redirected over 5 times");
    }
    attempt.follow()
}

/// Whether the server's failure may pass.
pub(super) fn passes(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Whether the answer goes on after `bytes` bytes, and does not begin anew.
fn continues(answer: &Response, bytes: usize) -> bool {
    answer.status() == StatusCode::PARTIAL_CONTENT
        && header(answer, CONTENT_RANGE)
            .is_some_and(|range| range.starts_with(&format!("bytes {bytes}-")))
}

fn header(answer: &Response, name: reqwest::header::HeaderName) -> Option<String> {
    let value = answer.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Whether `url` is of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

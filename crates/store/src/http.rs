//! An HTTP client with limits, retries and resumed downloads.

use std::fmt;
use std::sync::OnceLock;

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderName, IF_RANGE, RANGE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use url::{Host, Url};

use crate::error::error_chain;
use crate::remote::back_off;
use crate::{StoreError, StoreOptions};

/// The maximum size of an error response that is read, in bytes.
const MAX_ERROR_BODY: usize = 64 * 1_024;

/// A client of web servers, which is created when it is first used.
pub(super) struct HttpClient {
    options: StoreOptions,
    client: OnceLock<reqwest::Result<Client>>,
}

impl HttpClient {
    pub(super) fn new(options: &StoreOptions) -> Self {
        Self {
            options: options.clone(),
            client: OnceLock::new(),
        }
    }

    /// Creates a request, to be sent by [`Self::send`].
    pub(super) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, StoreError> {
        let client = self.client.get_or_init(|| build_client(&self.options));
        match client {
            Ok(client) => Ok(client.request(method, url)),
            Err(error) => Err(StoreError::Unreachable {
                location: url.origin().ascii_serialization(),
                reason: error_chain(error),
            }),
        }
    }

    /// Sends a request, and repeats it if the server is unreachable or reports a transient failure.
    pub(super) async fn send(
        &self,
        location: &str,
        request: RequestBuilder,
    ) -> Result<Response, StoreError> {
        let mut attempt = 1;
        loop {
            let is_last = attempt >= self.options.attempts;
            // A body that cannot be cloned is sent once.
            let Some(copy) = request.try_clone().filter(|_| !is_last) else {
                return request
                    .send()
                    .await
                    .map_err(|error| self.error(location, error));
            };
            match copy.send().await {
                Ok(response) if !is_transient(response.status()) => return Ok(response),
                Ok(response) => {
                    tracing::debug!(%location, status = %response.status(), "request retried");
                }
                Err(error) => {
                    let reason = error_chain(&error.without_url());
                    tracing::debug!(%location, %reason, "request retried");
                }
            }
            back_off(attempt).await;
            attempt += 1;
        }
    }

    /// Sends `request` and reads a body of at most `limit` bytes, which is resumed after an
    /// interruption. `response_error` converts the status and body of a response that is not a
    /// success.
    pub(super) async fn read(
        &self,
        location: &str,
        request: RequestBuilder,
        limit: u64,
        response_error: impl Fn(StatusCode, &str) -> StoreError,
    ) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let mut tag: Option<String> = None;
        for attempt in 1.. {
            let mut request = request.try_clone().ok_or_else(|| {
                response_error(StatusCode::OK, "the body of the request cannot be cloned")
            })?;
            if let Some(tag) = tag.as_ref().filter(|_| !bytes.is_empty()) {
                let range = format!("bytes={}-", bytes.len());
                request = request.header(RANGE, range).header(IF_RANGE, tag);
            }
            let mut response = self.send(location, request).await?;
            let status = response.status();
            if !status.is_success() {
                let message = self.error_body(&mut response).await;
                return Err(response_error(status, &message));
            }
            if !is_continuation(&response, bytes.len()) {
                bytes.clear();
            }
            tag = header(&response, ETAG);
            match self
                .read_body(location, &mut response, limit, &mut bytes)
                .await
            {
                Ok(()) => break,
                Err(error) if error.is_outage() && attempt < self.options.attempts => {
                    tracing::debug!(%location, %error, offset = bytes.len(), "interrupted download resumed");
                    back_off(attempt).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    /// Appends the body of `response` to `bytes`, up to `limit` bytes in total.
    async fn read_body(
        &self,
        location: &str,
        response: &mut Response,
        limit: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let too_large = || StoreError::TooLarge {
            location: location.to_owned(),
            limit: self.options.max_bundle,
        };
        let declared = response.content_length().unwrap_or(0);
        if (bytes.len() as u64).saturating_add(declared) > limit {
            return Err(too_large());
        }
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.error(location, error))?
        {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
            self.options.progress.advance(chunk.len() as u64);
        }
        Ok(())
    }

    /// Notifies the listener that `bytes` were sent.
    pub(super) fn report_sent(&self, bytes: usize) {
        self.options.progress.advance(bytes as u64);
    }

    /// Reads the body of an error response, up to a limit and as far as it arrives.
    pub(super) async fn error_body(&self, response: &mut Response) -> String {
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ERROR_BODY {
                bytes.truncate(MAX_ERROR_BODY);
                break;
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn error(&self, location: &str, error: reqwest::Error) -> StoreError {
        // The query of the address may contain a signature.
        let error = error.without_url();
        let location = location.to_owned();
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => StoreError::Timeout {
                location,
                limit: self.options.connect_timeout,
                setting: "models.connect_timeout",
            },
            (true, false) => StoreError::Timeout {
                location,
                limit: self.options.read_timeout,
                setting: "models.read_timeout",
            },
            (false, _) => {
                let reason = error_chain(&error);
                StoreError::Unreachable { location, reason }
            }
        }
    }
}

/// Creates a client with the timeouts of `options` and the certificates of the system.
fn build_client(options: &StoreOptions) -> reqwest::Result<Client> {
    // The provider is global. An error means that it has been installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .user_agent(concat!("almanac/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .redirect(redirect::Policy::custom(check_redirect))
        .build()
}

/// Follows up to five redirects, and none from HTTPS to HTTP.
fn check_redirect(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_secure = attempt
        .previous()
        .last()
        .is_some_and(|url| url.scheme() == "https");
    if was_secure && attempt.url().scheme() != "https" {
        return attempt.error("redirected from https to http");
    }
    if attempt.previous().len() > 5 {
        return attempt.error("redirected more than 5 times");
    }
    attempt.follow()
}

/// Returns true if the status says that the failure is the server's own, or temporary.
pub(super) fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Returns true if the body of `response` begins at offset `bytes` instead of at the start.
fn is_continuation(response: &Response, bytes: usize) -> bool {
    response.status() == StatusCode::PARTIAL_CONTENT
        && header(response, CONTENT_RANGE)
            .is_some_and(|range| range.starts_with(&format!("bytes {bytes}-")))
}

fn header(response: &Response, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Returns true if `url` is an address of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

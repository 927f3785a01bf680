//! A client of one bucket.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{PoisonError, RwLock};

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use crate::s3::credentials::LoggedCredentials;
use crate::s3::failure::{reported_region, to_store_error};
use crate::{StoreError, StoreOptions};

/// The region that is used if neither the settings, the environment nor S3 name one.
const FALLBACK_REGION: &str = "us-east-1";

/// A bucket, to which a connection is opened at the first call.
pub(crate) struct S3Bucket {
    name: String,
    pub(super) options: StoreOptions,
    config: OnceCell<SdkConfig>,
    connection: RwLock<Option<Connection>>,
}

/// A client, and the region whose endpoint it uses.
#[derive(Clone)]
struct Connection {
    client: Client,
    region: String,
}

/// An object, as a list request returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct S3Object {
    /// The key of the object.
    pub(crate) key: String,
    /// The size of the object, in bytes.
    pub(crate) size: u64,
    /// The `ETag` of the object, including its quotes.
    pub(crate) tag: String,
}

impl S3Bucket {
    pub(crate) fn new(name: &str, options: &StoreOptions) -> Self {
        Self {
            name: name.to_owned(),
            options: options.clone(),
            config: OnceCell::new(),
            connection: RwLock::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URI of `key`.
    pub(crate) fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Returns all objects whose key begins with `prefix`, up to the limit.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<S3Object>, StoreError> {
        let limit = self.options.max_listed;
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .call(prefix, |client| {
                    client
                        .list_objects_v2()
                        .bucket(&self.name)
                        .prefix(prefix)
                        .set_continuation_token(token.clone())
                        .send()
                })
                .await?;
            objects.extend(page.contents().iter().map(|object| {
                S3Object {
                    key: object.key().unwrap_or_default().to_owned(),
                    size: object
                        .size()
                        .and_then(|size| size.try_into().ok())
                        .unwrap_or(0),
                    tag: object.e_tag().unwrap_or_default().to_owned(),
                }
            }));
            if objects.len() > limit {
                let location = self.uri(prefix);
                return Err(StoreError::TooMany { location, limit });
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    /// Returns the object with this key.
    pub(crate) async fn head(&self, key: &str) -> Result<S3Object, StoreError> {
        let head = self
            .call(key, |client| {
                client.head_object().bucket(&self.name).key(key).send()
            })
            .await?;
        Ok(S3Object {
            key: key.to_owned(),
            size: head
                .content_length()
                .and_then(|size| size.try_into().ok())
                .unwrap_or(0),
            tag: head.e_tag().unwrap_or_default().to_owned(),
        })
    }

    /// Requests an object, or a range of it, as a stream. Fails if the tag of the object has
    /// changed.
    pub(super) async fn get(
        &self,
        object: &S3Object,
        range: Option<String>,
    ) -> Result<ByteStream, StoreError> {
        let response = self
            .call(&object.key, |client| {
                client
                    .get_object()
                    .bucket(&self.name)
                    .key(&object.key)
                    .if_match(&object.tag)
                    .set_range(range.clone())
                    .send()
            })
            .await?;
        // Bytes of another range must not be appended to those that have arrived.
        let expected = range
            .as_deref()
            .and_then(|range| range.split('-').next())
            .map(|start| start.replace('=', " ") + "-");
        let actual = response.content_range().unwrap_or_default();
        if expected.is_some_and(|start| !actual.starts_with(&start)) {
            return Err(StoreError::UnexpectedResponse {
                location: self.uri(&object.key),
                reason: "the server does not support range requests; raise models.part_size"
                    .to_owned(),
                is_transient: false,
            });
        }
        Ok(response.body)
    }

    /// Sends a request, and repeats it in the region of the bucket if S3 reports another one.
    pub(super) async fn call<T, E, F, Fut>(&self, key: &str, send: F) -> Result<T, StoreError>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E>>>,
        E: Error + ProvideErrorMetadata + 'static,
    {
        let Connection { client, region } = self.connection(key).await?;
        let error = match send(client).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let location = self.uri(key);
        // A configured region is never replaced: the error reports the region of the bucket.
        let reported = reported_region(&error)
            .filter(|reported| *reported != region)
            .filter(|_| self.options.s3.region.is_none());
        let Some(reported) = reported else {
            return Err(to_store_error(&location, &error, &self.options));
        };
        tracing::info!(bucket = %self.name, from = %region, to = %reported, "the bucket is in another region");
        let Connection { client, .. } = self.connect(key, Some(reported)).await?;
        send(client)
            .await
            .map_err(|error| to_store_error(&location, &error, &self.options))
    }

    /// Returns the open connection, or opens one.
    async fn connection(&self, key: &str) -> Result<Connection, StoreError> {
        let connection = self
            .connection
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match connection {
            Some(connection) => Ok(connection),
            None => self.connect(key, None).await,
        }
    }

    /// Opens a connection to `region`, or to the region of the settings or the environment.
    async fn connect(&self, key: &str, region: Option<String>) -> Result<Connection, StoreError> {
        let config = self
            .config
            .get_or_init(|| config_loader(&self.options).load())
            .await;
        let region = region
            .or_else(|| config.region().map(ToString::to_string))
            .unwrap_or_else(|| FALLBACK_REGION.to_owned());
        let mut builder = Builder::from(config)
            .region(Region::new(region.clone()))
            .force_path_style(self.options.s3.path_style);
        if let Some(provider) = config.credentials_provider() {
            let credentials = LoggedCredentials::new(provider);
            credentials.check(&self.uri(key)).await?;
            builder = builder.credentials_provider(credentials);
        }
        let connection = Connection {
            client: Client::from_conf(builder.build()),
            region,
        };
        *self
            .connection
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        Ok(connection)
    }
}

/// Returns the standard configuration of the environment, with the limits of `options`.
fn config_loader(options: &StoreOptions) -> ConfigLoader {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .build();
    let stalled = StalledStreamProtectionConfig::enabled().grace_period(options.read_timeout);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(options.attempts))
        .stalled_stream_protection(stalled.build());
    if let Some(endpoint) = &options.s3.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    // The chain ends with the fallback, because roles are assumed in a region too.
    let provider_config = ProviderConfig::default().with_http_client(https);
    let imds = ImdsRegionProvider::builder()
        .configure(&provider_config)
        .build();
    let region = RegionProviderChain::first_try(options.s3.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(imds)
        .or_else(Region::from_static(FALLBACK_REGION));
    loader.region(region)
}

#[cfg(test)]
impl S3Bucket {
    /// Sets fixed credentials, so that the credential chain of the machine is not used.
    pub(super) async fn set_credentials(&self, access_key: &str) {
        let keys =
            aws_credential_types::Credentials::new(access_key, "made-up", None, None, "test");
        let region = self.options.s3.region.as_deref().unwrap_or(FALLBACK_REGION);
        let config = config_loader(&self.options)
            .region(Region::new(region.to_owned()))
            .credentials_provider(keys)
            .load()
            .await;
        self.config.set(config).expect("the bucket is new");
    }
}

impl fmt::Debug for S3Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Bucket")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

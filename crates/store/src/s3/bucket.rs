//! Calls to one bucket.

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

use crate::s3::credentials::ToldCredentials;
use crate::s3::failure::{failure, named_region};
use crate::{StoreError, StoreOptions};

/// Where requests are signed for when neither the settings, the environment nor S3 name a region.
const FALLBACK_REGION: &str = "us-east-1";

/// A bucket, connected when it is first asked.
pub(crate) struct Bucket {
    name: String,
    pub(super) options: StoreOptions,
    config: OnceCell<SdkConfig>,
    /// The client, and the region that it asks.
    client: RwLock<Option<(Client, String)>>,
}

/// An object, as a list tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its key.
    pub(crate) key: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its `ETag`, with its quotes.
    pub(crate) tag: String,
}

impl Bucket {
    pub(crate) fn new(name: &str, options: &StoreOptions) -> Self {
        Self {
            name: name.to_owned(),
            options: options.clone(),
            config: OnceCell::new(),
            client: RwLock::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The URI of `key`.
    pub(crate) fn place(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Every object whose key begins with `prefix`, up to the limit.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Object>, StoreError> {
        let limit = self.options.max_listed;
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let page = self.call(prefix, |client| {
                let list = client.list_objects_v2().bucket(&self.name).prefix(prefix);
                list.set_continuation_token(token.clone()).send()
            });
            let page = page.await?;
            objects.extend(page.contents().iter().map(|object| {
                Object {
                    key: object.key().unwrap_or_default().to_owned(),
                    size: object
                        .size()
                        .and_then(|size| size.try_into().ok())
                        .unwrap_or(0),
                    tag: object.e_tag().unwrap_or_default().to_owned(),
                }
            }));
            if objects.len() > limit {
                let place = self.place(prefix);
                return Err(StoreError::TooMany { place, limit });
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    /// The object of this key.
    pub(crate) async fn head(&self, key: &str) -> Result<Object, StoreError> {
        let head = self.call(key, |client| {
            client.head_object().bucket(&self.name).key(key).send()
        });
        let head = head.await?;
        Ok(Object {
            key: key.to_owned(),
            size: head
                .content_length()
                .and_then(|size| size.try_into().ok())
                .unwrap_or(0),
            tag: head.e_tag().unwrap_or_default().to_owned(),
        })
    }

    /// Part of an object, as a stream. Fails when its tag is another by now.
    pub(super) async fn get(
        &self,
        object: &Object,
        range: Option<String>,
    ) -> Result<ByteStream, StoreError> {
        let got = self.call(&object.key, |client| {
            let get = client.get_object().bucket(&self.name).key(&object.key);
            get.if_match(&object.tag).set_range(range.clone()).send()
        });
        let got = got.await?;
        // Bytes from elsewhere in the object must not be put after those that came.
        let start = range.as_deref().and_then(|range| range.split('-').next());
        let start = start.map(|start| start.replace('=', " ") + "-");
        let told = got.content_range().unwrap_or_default();
        if start.is_some_and(|start| !told.starts_with(&start)) {
            return Err(StoreError::Answer {
                place: self.place(&object.key),
                reason: "the server does not give parts of a file; raise models.part_size"
                    .to_owned(),
                passes: false,
            });
        }
        Ok(got.body)
    }

    /// Makes a call, and makes it once more in the bucket's own region when S3 names another.
    pub(super) async fn call<T, E, F, Fut>(&self, key: &str, send: F) -> Result<T, StoreError>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E>>>,
        E: Error + ProvideErrorMetadata + 'static,
    {
        let (client, region) = self.client(key).await?;
        let error = match send(client).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let place = self.place(key);
        let moved = named_region(&error).filter(|named| *named != region);
        // A region that the settings name is not second-guessed: the failure tells of it.
        let Some(moved) = moved.filter(|_| self.options.s3.region.is_none()) else {
            return Err(failure(&place, &error, &self.options));
        };
        tracing::info!(bucket = %self.name, from = %region, to = %moved, "the bucket is in another region");
        let client = self.connect(key, Some(moved)).await?.0;
        let answer = send(client).await;
        answer.map_err(|error| failure(&place, &error, &self.options))
    }

    /// The client and its region.
    async fn client(&self, key: &str) -> Result<(Client, String), StoreError> {
        let connected = self
            .client
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match connected {
            Some(connected) => Ok(connected),
            None => self.connect(key, None).await,
        }
    }

    /// A client of `region`, or of the region that the settings or the environment name.
    async fn connect(
        &self,
        key: &str,
        region: Option<String>,
    ) -> Result<(Client, String), StoreError> {
        let config = self
            .config
            .get_or_init(|| loader(&self.options).load())
            .await;
        let region = region
            .or_else(|| config.region().map(ToString::to_string))
            .unwrap_or_else(|| FALLBACK_REGION.to_owned());
        let mut builder = Builder::from(config)
            .region(Region::new(region.clone()))
            .force_path_style(self.options.s3.path_style);
        if let Some(provider) = config.credentials_provider() {
            let told = ToldCredentials::new(provider);
            told.try_out(&self.place(key)).await?;
            builder = builder.credentials_provider(told);
        }
        let connected = (Client::from_conf(builder.build()), region);
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        *client = Some(connected.clone());
        Ok(connected)
    }
}

/// The standard configuration of the environment, with our bounds.
fn loader(options: &StoreOptions) -> ConfigLoader {
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
    // With the last resort, for a role is assumed in some region too.
    let asked = ProviderConfig::default().with_http_client(https);
    let region = RegionProviderChain::first_try(options.s3.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(ImdsRegionProvider::builder().configure(&asked).build())
        .or_else(Region::from_static(FALLBACK_REGION));
    loader.region(region)
}

#[cfg(test)]
impl Bucket {
    /// Makes this bucket ask with made-up keys, whatever the machine has.
    pub(super) async fn ask_as(&self, access_key: &str) {
        let keys =
            aws_credential_types::Credentials::new(access_key, "made-up", None, None, "test");
        let region = self.options.s3.region.as_deref().unwrap_or(FALLBACK_REGION);
        let loader = loader(&self.options).region(Region::new(region.to_owned()));
        let config = loader.credentials_provider(keys).load().await;
        self.config.set(config).expect("the bucket is new");
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

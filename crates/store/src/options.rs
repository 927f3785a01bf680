//! Options of sources: limits, timeouts, addresses and credentials.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use almanac_model::PublicKeys;

use crate::StoreMetrics;

/// The options with which every source is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The maximum size of all files of one version, in bytes.
    pub max_bundle: u64,
    /// The maximum number of files below one prefix.
    pub max_listed: usize,
    /// The maximum time to open a connection.
    pub connect_timeout: Duration,
    /// The maximum time to the first byte of a response, and between two chunks of it.
    pub read_timeout: Duration,
    /// The maximum time to fetch one version.
    pub fetch_timeout: Duration,
    /// The maximum number of attempts per request, including the first.
    pub attempts: u32,
    /// The size of the parts in which larger files are downloaded and uploaded, in bytes.
    pub part_size: u64,
    /// The maximum number of parts of one file that are transferred in parallel.
    pub parallel_parts: usize,
    /// If true, other machines may be reached over plain HTTP.
    pub allow_http: bool,
    /// The S3 service.
    pub s3: S3Options,
    /// The MLflow server, and the credentials for it.
    pub mlflow: MlflowOptions,
    /// The cache of downloads; `None` disables it.
    pub cache: Option<CacheOptions>,
    /// The keys of which one must have signed each bundle; if empty, no signature is required.
    pub public_keys: PublicKeys,
    /// The metrics of all sources.
    pub metrics: StoreMetrics,
    /// A listener that is notified of transferred bytes.
    pub progress: Arc<dyn TransferProgress>,
}

/// The address of an S3 service. Credentials come from the standard AWS chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Options {
    /// The endpoint of a service other than AWS.
    pub endpoint: Option<String>,
    /// If true, the bucket name is part of the path instead of the host name.
    pub path_style: bool,
    /// The region of the buckets; `None` uses the region of the environment, or the one that S3
    /// reports.
    pub region: Option<String>,
}

/// The address of an MLflow server, and the credentials for it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MlflowOptions {
    /// `MLFLOW_TRACKING_URI`: the server of `mlflow:NAME`.
    pub tracking_uri: Option<String>,
    /// `MLFLOW_TRACKING_USERNAME`.
    pub username: Option<String>,
    /// `MLFLOW_TRACKING_PASSWORD`.
    pub password: Option<String>,
    /// `MLFLOW_TRACKING_TOKEN`, which takes precedence over a password.
    pub token: Option<String>,
}

/// The location and size of the cache of downloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder.
    pub dir: PathBuf,
    /// The maximum size, in bytes; the least recently used versions are evicted.
    pub size: u64,
}

/// A listener that is notified of transferred bytes.
pub trait TransferProgress: fmt::Debug + Send + Sync {
    /// Announces that `bytes` more bytes will be transferred.
    fn expect(&self, bytes: u64);

    /// Reports that `bytes` more bytes were transferred.
    fn advance(&self, bytes: u64);
}

/// A listener that ignores all notifications.
#[derive(Clone, Copy, Debug)]
pub struct NoProgress;

impl TransferProgress for NoProgress {
    fn expect(&self, _bytes: u64) {}

    fn advance(&self, _bytes: u64) {}
}

impl Default for StoreOptions {
    fn default() -> Self {
        const MEBIBYTE: u64 = 1_024 * 1_024;
        Self {
            max_bundle: 2_048 * MEBIBYTE,
            max_listed: 100_000,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
            fetch_timeout: Duration::from_secs(600),
            attempts: 3,
            part_size: 16 * MEBIBYTE,
            parallel_parts: 4,
            allow_http: false,
            s3: S3Options::default(),
            mlflow: MlflowOptions::default(),
            cache: None,
            public_keys: PublicKeys::default(),
            metrics: StoreMetrics::default(),
            progress: Arc::new(NoProgress),
        }
    }
}

impl fmt::Debug for MlflowOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may contain a password too.
        f.debug_struct("MlflowOptions")
            .field("has_tracking_uri", &self.tracking_uri.is_some())
            .field("has_username", &self.username.is_some())
            .field("has_password", &self.password.is_some())
            .field("has_token", &self.token.is_some())
            .finish()
    }
}

//! How sources are read: bounds, patience, addresses and credentials.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::StoreMetrics;
use almanac_model::PublicKeys;

/// What every source is opened with.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Bytes in all the files of one version.
    pub max_bundle: u64,
    /// Files below one prefix.
    pub max_listed: usize,
    /// Longest time to open a connection.
    pub connect_timeout: Duration,
    /// Longest time to the first byte of an answer, and between two pieces of it.
    pub read_timeout: Duration,
    /// Longest time to fetch one version.
    pub fetch_timeout: Duration,
    /// How often a call is made before it has failed, the first included.
    pub attempts: u32,
    /// Bytes above which a file is downloaded, or uploaded, in parts of that size.
    pub part_size: u64,
    /// Parts of one file downloaded or uploaded side by side.
    pub parallel_parts: usize,
    /// Whether other machines may be asked over plain http.
    pub allow_http: bool,
    /// Where S3 is, when it is not AWS's own.
    pub s3: S3Options,
    /// Where MLflow is, and who asks it.
    pub mlflow: MlflowOptions,
    /// Where what was downloaded is kept; `None` keeps nothing.
    pub cache: Option<CacheOptions>,
    /// Whose signature every bundle must have; empty: none is needed.
    pub public_keys: PublicKeys,
    /// Where sources count.
    pub metrics: StoreMetrics,
    /// Who watches bytes come and go.
    pub progress: Arc<dyn Progress>,
}

/// Where S3 is. Credentials come from the standard chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Options {
    /// Address of the service, instead of AWS's.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path and not in the host.
    pub path_style: bool,
    /// Region of the buckets, instead of the one that the environment names or S3 tells.
    pub region: Option<String>,
}

/// Where MLflow is, and who asks it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MlflowOptions {
    /// `MLFLOW_TRACKING_URI`: the server of `mlflow:NAME`.
    pub tracking_uri: Option<String>,
    /// `MLFLOW_TRACKING_USERNAME`.
    pub username: Option<String>,
    /// `MLFLOW_TRACKING_PASSWORD`.
    pub password: Option<String>,
    /// `MLFLOW_TRACKING_TOKEN`, which wins over a password.
    pub token: Option<String>,
}

/// Where what was downloaded is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder.
    pub dir: PathBuf,
    /// Bytes in it; the versions used longest ago leave.
    pub size: u64,
}

/// Watches bytes come and go.
pub trait Progress: fmt::Debug + Send + Sync {
    /// So many bytes will move.
    fn expect(&self, bytes: u64);

    /// So many more have moved.
    fn advance(&self, bytes: u64);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Progress for Unwatched {
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
            progress: Arc::new(Unwatched),
        }
    }
}

impl fmt::Debug for MlflowOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password too.
        f.debug_struct("MlflowOptions")
            .field("has_tracking_uri", &self.tracking_uri.is_some())
            .field("has_username", &self.username.is_some())
            .field("has_password", &self.password.is_some())
            .field("has_token", &self.token.is_some())
            .finish()
    }
}

//! The models to serve, their sources, and the lifecycle of their versions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use almanac_model::PublicKey;
use almanac_store::Source;
use serde::Deserialize;

use crate::config::settings::{check_range, parsed_list, settings};
use crate::config::{Bytes, ConfigError, Span};

settings! {
    /// The models to serve.
    pub struct ModelSettings(ModelLayer) in "models" under "Models" {
        /// Sources of models: embedded:, a path, s3://, mlflow: or https://; of several sources with
        /// the same model, the first is used
        #[serde(deserialize_with = "parsed_list")]
        sources: Vec<Source> = "embedded:", Shared("--models <SOURCE>");
        /// Model for requests that name none
        default: String = "almanac", Shared("--default-model <NAME>");
        /// Maximum total size of the files of a model version
        // Above the largest known forecasting model, below the limit of the ONNX file format.
        max_bundle: Bytes = "2GiB", Shared("--max-bundle <SIZE>"), Bytes::new(1)..;
        /// Maximum number of files below an S3 prefix
        max_listed: usize = "100000", Shared("--max-listed <N>"), 1..;
        /// Public keys, ed25519:BASE64; every model that is not embedded must be signed with one of them
        #[serde(deserialize_with = "parsed_list")]
        public_keys: Vec<PublicKey> = "none", Shared("--public-keys <KEY>");
        /// Folder of the download cache
        cache_dir: Option<PathBuf> = "almanac/models in the user's cache folder",
            Shared("--model-cache-dir <FOLDER>");
        /// Maximum size of the download cache; 0B disables it
        cache_size: Bytes = "4GiB", Shared("--model-cache-size <SIZE>");
        /// Time limit for connecting to a source
        connect_timeout: Span = "5s", Shared("--source-connect-timeout <DURATION>");
        /// Time limit for the first byte of a response of a source, and between two chunks of it
        read_timeout: Span = "20s", Shared("--source-read-timeout <DURATION>");
        /// Time limit for downloading a model version, or uploading a file
        // A gigabyte at 2 MB/s.
        fetch_timeout: Span = "10m", Shared("--fetch-timeout <DURATION>");
        /// Number of attempts of a request to a source
        attempts: usize = "3", Shared("--source-attempts <N>"), 1..;
        /// Size of the parts in which larger files are downloaded from or uploaded to S3
        part_size: Bytes = "16MiB", Shared("--part-size <SIZE>"), Bytes::new(1)..;
        /// Number of parts of a file that are transferred in parallel
        parallel_parts: usize = "4", Shared("--parallel-parts <N>"), 1..;
        /// Allow plain HTTP to other machines
        allow_http: bool = "false", Shared("--allow-http <BOOL>");
        /// S3 endpoint, if it is not AWS
        s3_endpoint: Option<String> = "found", Shared("--s3-endpoint <URL>");
        /// Put the bucket into the path of an S3 URL, not into the host name
        s3_path_style: bool = "false", Shared("--s3-path-style <BOOL>");
        /// Region of the S3 buckets
        s3_region: Option<String> = "found", Shared("--s3-region <REGION>");
        /// Interval between polls of each source; with 0s, only at startup, on SIGHUP and through the
        /// admin API
        watch: Span = "30s", Serve("--watch <DURATION>");
        /// Time limit for one poll of a source
        list_timeout: Span = "30s", Serve("--list-timeout <DURATION>");
        /// Number of versions that are verified and loaded at the same time
        loads: usize = "1", Serve("--loads <N>"), 1..;
        /// Number of load attempts that are remembered per model
        history: usize = "32", Serve("--history <N>"), 1..;
        /// Time for which the previous version is kept for a rollback; 0s disables it
        probation: Span = "60s", Serve("--probation <DURATION>");
        /// Approximate memory limit of all versions together
        memory: Option<Bytes> = "unbounded", Serve("--model-memory <SIZE>");
        /// Maximum number of values in the queue of a shadow; further series are dropped
        // 8 MB of values.
        shadow_values: usize = "1000000", Serve("--shadow-values <N>"), 1..;
        /// Maximum number of aliases of a model
        max_aliases: usize = "32", Serve("--max-aliases <N>");
    }
    sections {
        /// The limits beyond which a new version is rolled back.
        rollback: RollbackSettings;
    }
    without_flags {
        /// The versions by alias, by model.
        aliases: BTreeMap<String, BTreeMap<String, String>>;
        /// The routes, by model.
        routes: BTreeMap<String, RouteConfig>;
    }
}

settings! {
    /// The limits beyond which a new version is rolled back.
    pub struct RollbackSettings(RollbackLayer) in "models.rollback" under "Rollback" {
        /// Number of requests of a new version before its error rate is evaluated
        requests: u64 = "20", Serve("--rollback-requests <N>");
        /// Error rate above which a new version is rolled back
        error_rate: f64 = "0.05", Serve("--rollback-error-rate <SHARE>"), 0.0..=1.0;
        /// Factor by which the error rate must also exceed that of the previous version
        error_ratio: f64 = "2", Serve("--rollback-error-ratio <RATIO>"), 1.0..;
        /// Number of requests of both versions before their time in the model is compared
        // The 99th percentile of fewer requests is the slowest one.
        latency_requests: u64 = "100", Serve("--rollback-latency-requests <N>");
        /// Ratio of the 99th percentiles, new version to previous version, above which it is rolled back
        latency_ratio: f64 = "3", Serve("--rollback-latency-ratio <RATIO>"), 1.0..;
        /// 99th percentile up to which a new version is never rolled back for latency
        // Below it, the percentile depends on the machine more than on the model.
        latency_floor: Span = "50ms", Serve("--rollback-latency-floor <DURATION>");
    }
}

/// The versions of a model that receive its requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteConfig {
    /// The version that answers; the newest, if absent.
    pub stable: Option<String>,
    /// The version that answers a share of the requests instead.
    pub canary: Option<CanaryConfig>,
    /// The version that is run in addition, and compared.
    pub shadow: Option<ShadowConfig>,
}

/// A version that answers a share of the requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryConfig {
    /// The version.
    pub version: String,
    /// The share of the requests, from 0 to 1.
    pub weight: f64,
}

/// A version that is run on a share of the answered requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowConfig {
    /// The version.
    pub version: String,
    /// The share of the answered requests, from 0 to 1.
    pub sample: f64,
}

impl ModelSettings {
    /// Rejects sources, aliases, routes and ratios that are not allowed.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_sources()?;
        self.check_aliases()?;
        self.check_routes()?;
        self.rollback.check()
    }

    fn check_aliases(&self) -> Result<(), ConfigError> {
        let max = self.max_aliases;
        match self.aliases.iter().find(|(_, aliases)| aliases.len() > max) {
            Some((model, aliases)) => Err(ConfigError::value(
                "models.aliases",
                format_args!("{} aliases of model {model}", aliases.len()),
                format!("the limit is {max} (models.max_aliases)"),
            )),
            None => Ok(()),
        }
    }

    fn check_routes(&self) -> Result<(), ConfigError> {
        for RouteConfig { canary, shadow, .. } in self.routes.values() {
            let weight = canary.as_ref().map(|canary| &canary.weight);
            check_range("models.routes canary.weight", weight, 0.0..=1.0)?;
            let sample = shadow.as_ref().map(|shadow| &shadow.sample);
            check_range("models.routes shadow.sample", sample, 0.0..=1.0)?;
        }
        Ok(())
    }
}

impl RollbackSettings {
    fn check(&self) -> Result<(), ConfigError> {
        let ratios = [
            ("models.rollback.error_ratio", self.error_ratio),
            ("models.rollback.latency_ratio", self.latency_ratio),
        ];
        match ratios.into_iter().find(|(_, ratio)| !ratio.is_finite()) {
            Some((setting, ratio)) => Err(ConfigError::value(setting, ratio, "it must be finite")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::config::settings::Section as _;

    #[test]
    fn routes_and_aliases_are_tables_by_model() {
        let text = "[models.aliases.airline]\nchampion = \"3\"\n[models.routes.airline]\nstable = \"3\"\n\
                    canary = { version = \"4\", weight = 0.1 }\nshadow = { version = \"5\", sample = 1 }\n";
        let models = toml::from_str::<Config>(text).unwrap().models;
        assert_eq!(models.aliases["airline"]["champion"], "3");
        let route = &models.routes["airline"];
        assert_eq!(route.canary.as_ref().unwrap().version, "4");
        models.check().unwrap();
    }

    #[test]
    fn shares_and_ratios_out_of_range_are_rejected() {
        for (text, expected) in [
            (
                "[models.routes.a]\ncanary = { version = \"4\", weight = 10.0 }",
                "models.routes canary.weight is 10; it must be from 0 to 1",
            ),
            (
                "[models.rollback]\nerror_rate = -0.1",
                "models.rollback.error_rate is -0.1; it must be from 0 to 1",
            ),
            (
                "[models.rollback]\nlatency_ratio = 0.5",
                "models.rollback.latency_ratio is 0.5; it must be at least 1",
            ),
            (
                "[models.rollback]\nerror_ratio = inf",
                "models.rollback.error_ratio is inf; it must be finite",
            ),
            (
                "[models]\nmax_aliases = 1\n[models.aliases.m]\na = \"1\"\nb = \"1\"",
                "models.aliases is 2 aliases of model m; the limit is 1 (models.max_aliases)",
            ),
            (
                "[models]\nsources = []",
                "models.sources is empty; name at least one source",
            ),
        ] {
            let models = toml::from_str::<Config>(text).unwrap().models;
            let error = models.check_ranges().and_then(|()| models.check());
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}

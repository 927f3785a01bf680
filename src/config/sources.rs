//! Where models come from, and how patiently and how far sources are read: flags, checks, and what
//! the stores are told.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Bytes, Config, ConfigError, Models, Span};
use almanac_model::{PublicKey, PublicKeys};
use almanac_store::{CacheOptions, S3Options, Source, StoreOptions};

/// The settings of [`Models`] that are about sources, as flags.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Models")]
pub struct SourceFlags {
    /// Where models come from: embedded:, a path, s3://, mlflow: or https://; the first that has a
    /// name wins [default: embedded:]
    #[arg(
        long,
        value_name = "SOURCE",
        env = "ALMANAC_MODELS",
        value_delimiter = ','
    )]
    pub models: Option<Vec<Source>>,

    /// The model that answers requests which name none [default: almanac]
    #[arg(long, value_name = "NAME", env = "ALMANAC_DEFAULT_MODEL")]
    pub default_model: Option<String>,

    /// Size of all files of a model version together [default: 2GiB]
    #[arg(long, value_name = "SIZE", env = "ALMANAC_MAX_BUNDLE")]
    pub max_bundle: Option<Bytes>,

    /// Files below one prefix of S3 [default: 100000]
    #[arg(long, value_name = "N", env = "ALMANAC_MAX_LISTED")]
    pub max_listed: Option<usize>,

    /// Keys, ed25519:BASE64, of which one must have signed every model that is not embedded
    /// [default: none]
    #[arg(
        long,
        value_name = "KEY",
        env = "ALMANAC_PUBLIC_KEYS",
        value_delimiter = ','
    )]
    pub public_keys: Option<Vec<PublicKey>>,

    /// Folder that keeps downloaded models [default: almanac/models in the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "ALMANAC_MODEL_CACHE_DIR")]
    pub model_cache_dir: Option<PathBuf>,

    /// Size of downloaded models kept; 0B keeps none [default: 4GiB]
    #[arg(long, value_name = "SIZE", env = "ALMANAC_MODEL_CACHE_SIZE")]
    pub model_cache_size: Option<Bytes>,

    /// Longest time to connect to a source of models [default: 5s]
    #[arg(long, value_name = "DURATION", env = "ALMANAC_SOURCE_CONNECT_TIMEOUT")]
    pub source_connect_timeout: Option<Span>,

    /// Longest time to the first byte of a source's answer, and between two pieces of it [default:
    /// 20s]
    #[arg(long, value_name = "DURATION", env = "ALMANAC_SOURCE_READ_TIMEOUT")]
    pub source_read_timeout: Option<Span>,

    /// Longest time to fetch one model version [default: 10m]
    #[arg(long, value_name = "DURATION", env = "ALMANAC_FETCH_TIMEOUT")]
    pub fetch_timeout: Option<Span>,

    /// How often a call to a source is made before it has failed [default: 3]
    #[arg(long, value_name = "N", env = "ALMANAC_SOURCE_ATTEMPTS")]
    pub source_attempts: Option<usize>,

    /// Size over which a file is downloaded from S3, or uploaded to it, in parts of that size [default:
    /// 16MiB]
    #[arg(long, value_name = "SIZE", env = "ALMANAC_PART_SIZE")]
    pub part_size: Option<Bytes>,

    /// Parts of one file downloaded or uploaded side by side [default: 4]
    #[arg(long, value_name = "N", env = "ALMANAC_PARALLEL_PARTS")]
    pub parallel_parts: Option<usize>,

    /// Whether machines other than this one may be asked over plain http [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "ALMANAC_ALLOW_HTTP",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub allow_http: Option<bool>,

    /// Address of S3, when it is not AWS's [default: found]
    #[arg(long, value_name = "URL", env = "ALMANAC_S3_ENDPOINT")]
    pub s3_endpoint: Option<String>,

    /// Whether the bucket stands in the path of an S3 address and not in its host [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "ALMANAC_S3_PATH_STYLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    pub s3_path_style: Option<bool>,

    /// Region of the S3 buckets [default: found]
    #[arg(long, value_name = "REGION", env = "ALMANAC_S3_REGION")]
    pub s3_region: Option<String>,
}

impl SourceFlags {
    pub(super) fn apply(&self, models: &mut Models) {
        fn set<T: Clone>(setting: &mut T, given: Option<&T>) {
            if let Some(value) = given {
                setting.clone_from(value);
            }
        }
        fn set_some<T: Clone>(setting: &mut Option<T>, given: Option<&T>) {
            if given.is_some() {
                *setting = given.cloned();
            }
        }
        set(&mut models.sources, self.models.as_ref());
        set(&mut models.default, self.default_model.as_ref());
        set(&mut models.max_bundle, self.max_bundle.as_ref());
        set(&mut models.max_listed, self.max_listed.as_ref());
        set(&mut models.public_keys, self.public_keys.as_ref());
        set_some(&mut models.cache_dir, self.model_cache_dir.as_ref());
        set(&mut models.cache_size, self.model_cache_size.as_ref());
        set(
            &mut models.connect_timeout,
            self.source_connect_timeout.as_ref(),
        );
        set(&mut models.read_timeout, self.source_read_timeout.as_ref());
        set(&mut models.fetch_timeout, self.fetch_timeout.as_ref());
        set(&mut models.attempts, self.source_attempts.as_ref());
        set(&mut models.part_size, self.part_size.as_ref());
        set(&mut models.parallel_parts, self.parallel_parts.as_ref());
        set(&mut models.allow_http, self.allow_http.as_ref());
        set_some(&mut models.s3_endpoint, self.s3_endpoint.as_ref());
        set(&mut models.s3_path_style, self.s3_path_style.as_ref());
        set_some(&mut models.s3_region, self.s3_region.as_ref());
    }
}

impl Models {
    /// The settings that must be at least 1.
    pub(super) fn positive(&self) -> [(&'static str, usize); 5] {
        [
            ("models.max_bundle", self.max_bundle.get()),
            ("models.max_listed", self.max_listed),
            ("models.attempts", self.attempts),
            ("models.part_size", self.part_size.get()),
            ("models.parallel_parts", self.parallel_parts),
        ]
    }

    /// Refuses sources that make no sense.
    pub(super) fn check_sources(&self) -> Result<(), ConfigError> {
        if self.sources.is_empty() {
            return Err(ConfigError::Value {
                setting: "models.sources",
                value: "empty".to_owned(),
                rule: "name at least one source",
            });
        }
        if let Some(endpoint) = &self.s3_endpoint {
            let is_address = endpoint.starts_with("http://") || endpoint.starts_with("https://");
            if !is_address || endpoint.contains('@') {
                return Err(ConfigError::Value {
                    setting: "models.s3_endpoint",
                    // It may hold a password.
                    value: "not an address".to_owned(),
                    rule: "write https://host, without a user or a password",
                });
            }
        }
        Ok(())
    }
}

impl Config {
    /// How sources are opened. Nobody counts or watches yet.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        let models = &self.models;
        let size = models.cache_size.get() as u64;
        let found = self.platform.cache_home.as_ref();
        let found = found.map(|home| home.join("almanac").join("models"));
        let dir = models.cache_dir.clone().or(found);
        StoreOptions {
            max_bundle: models.max_bundle.get() as u64,
            max_listed: models.max_listed,
            connect_timeout: models.connect_timeout.get(),
            read_timeout: models.read_timeout.get(),
            fetch_timeout: models.fetch_timeout.get(),
            attempts: u32::try_from(models.attempts).unwrap_or(u32::MAX),
            part_size: models.part_size.get() as u64,
            parallel_parts: models.parallel_parts,
            allow_http: models.allow_http,
            s3: S3Options {
                endpoint: models.s3_endpoint.clone(),
                path_style: models.s3_path_style,
                region: models.s3_region.clone(),
            },
            mlflow: self.platform.mlflow.clone(),
            cache: dir
                .filter(|_| size > 0)
                .map(|dir| CacheOptions { dir, size }),
            public_keys: PublicKeys::new(models.public_keys.clone()),
            ..StoreOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_stores() {
        let mut config = Config::default();
        config.platform.cache_home = Some("/home/a/.cache".into());
        let (ours, theirs) = (config.store_options(), StoreOptions::default());
        let cache = ours.cache.clone().unwrap();
        assert_eq!(cache.dir, PathBuf::from("/home/a/.cache/almanac/models"));
        let without_cache = StoreOptions {
            cache: None,
            ..ours
        };
        assert_eq!(format!("{without_cache:?}"), format!("{theirs:?}"));
        config.models.cache_size = Bytes::mebibytes(0);
        assert_eq!(config.store_options().cache, None);
    }

    #[test]
    fn a_source_or_key_that_is_none_is_refused() {
        for (text, expected) in [
            ("sources = [\"gs://b\"]", "is not a model source"),
            ("public_keys = [\"x\"]", "not a public key"),
        ] {
            let error = toml::from_str::<Models>(text).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
        let models: Models = toml::from_str("s3_endpoint = \"localhost:4566\"").unwrap();
        assert!(models.check_sources().is_err());
    }
}

//! The options of the stores that read and write the sources of models.

use almanac_model::PublicKeys;
use almanac_store::{CacheOptions, S3Options, StoreOptions};

use crate::config::{Config, ConfigError, ModelSettings};

impl ModelSettings {
    /// Rejects sources that cannot be opened.
    pub(super) fn check_sources(&self) -> Result<(), ConfigError> {
        if self.sources.is_empty() {
            let rule = "name at least one source";
            return Err(ConfigError::value("models.sources", "empty", rule));
        }
        let Some(endpoint) = &self.s3_endpoint else {
            return Ok(());
        };
        let is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if is_url && !endpoint.contains('@') {
            return Ok(());
        }
        // The value is not shown: it may contain a password.
        let rule = "write https://host, without a user or a password";
        Err(ConfigError::value(
            "models.s3_endpoint",
            "not a valid URL",
            rule,
        ))
    }
}

impl Config {
    /// Returns the options with which sources are opened, without metrics and progress.
    #[must_use]
    pub fn store_options(&self) -> StoreOptions {
        let models = &self.models;
        let size = models.cache_size.get() as u64;
        let dir = models.cache_dir.clone().or_else(|| {
            let home = self.platform.cache_home.as_ref()?;
            Some(home.join("almanac").join("models"))
        });
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
    use std::path::PathBuf;

    use super::*;
    use crate::config::Bytes;

    #[test]
    fn the_defaults_are_those_of_the_stores() {
        let mut config = Config::default();
        config.platform.cache_home = Some("/home/a/.cache".into());
        let (options, expected) = (config.store_options(), StoreOptions::default());
        let cache = options.cache.clone().unwrap();
        assert_eq!(cache.dir, PathBuf::from("/home/a/.cache/almanac/models"));
        let without_cache = StoreOptions {
            cache: None,
            ..options
        };
        assert_eq!(format!("{without_cache:?}"), format!("{expected:?}"));
        config.models.cache_size = Bytes::mebibytes(0);
        assert_eq!(config.store_options().cache, None);
    }

    #[test]
    fn an_invalid_source_key_or_endpoint_is_rejected() {
        for (text, expected) in [
            ("sources = [\"gs://b\"]", "is not a model source"),
            ("public_keys = [\"x\"]", "not a public key"),
        ] {
            let error = toml::from_str::<Config>(&format!("[models]\n{text}")).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
        let text = "[models]\ns3_endpoint = \"localhost:4566\"";
        let config: Config = toml::from_str(text).unwrap();
        assert!(config.models.check_sources().is_err());
    }
}

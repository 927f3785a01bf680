//! The configuration: flags, environment variables and a file, merged into typed values.
//!
//! A flag takes precedence over a variable, a variable over the file, and the file over the
//! default. An unknown key or an unknown `ALMANAC_` variable is an error of one line. This module is
//! the only reader of the environment. `docs/configuration.md` lists every setting; a test compares
//! it with the program.

mod admin;
mod engine;
mod error;
mod flags;
mod models;
mod observation;
mod platform;
mod sagemaker;
mod server;
mod settings;
mod sources;
mod units;

pub use admin::{AdminSettings, Secret};
pub use engine::{EngineSettings, LimitSettings};
pub use error::ConfigError;
pub use flags::{Flags, SettingFlags, SharedFlags};
pub use models::{CanaryConfig, ModelSettings, RollbackSettings, RouteConfig, ShadowConfig};
pub use observation::{EmfSettings, LogSettings, TraceSettings};
pub use platform::{BatchStrategy, BatchTransform, Platform, SageMakerVariables};
pub use sagemaker::SageMakerSettings;
pub use server::{ServerSettings, ShutdownSettings};
pub use settings::Setting;
pub use units::{Bytes, SizeError, Span, SpanError};

use std::path::Path;

use serde::{Deserialize, Deserializer};

use crate::config::sagemaker::Choices;
use crate::config::settings::{Section, settings};

settings! {
    /// Every setting, with its value.
    pub struct Config(ConfigLayer) in "" under "" {}
    sections {
        /// The HTTP server.
        server: ServerSettings;
        /// The end of the process.
        shutdown: ShutdownSettings;
        /// The limits of a request.
        limits: LimitSettings;
        /// The queues and the sessions of the models.
        engine: EngineSettings;
        /// The models to serve.
        models: ModelSettings;
        /// The admin API.
        admin: AdminSettings;
        /// The models that SageMaker provides.
        sagemaker: SageMakerSettings;
        /// The log.
        log: LogSettings;
        /// The traces.
        traces: TraceSettings;
        /// The metrics for CloudWatch.
        emf: EmfSettings;
    }
    without_flags {
        /// The variables of the platform.
        #[serde(skip)]
        platform: Platform;
    }
}

/// Reads the configuration of a file alone.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ConfigLayer::deserialize(deserializer).map(Self::from)
    }
}

impl Config {
    /// Merges `flags`, which hold the `ALMANAC_` variables too, with the file that they name, the
    /// variables of the platform and the defaults.
    ///
    /// # Errors
    /// [`ConfigError`], in one line that names the setting, its value and the rule.
    pub fn load<const S: bool>(flags: &SettingFlags<S>) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        flags::check_variables(variables)?;
        let platform = Platform::read()?;
        let file = match &flags.config {
            Some(path) => ConfigLayer::read(path)?,
            None => ConfigLayer::default(),
        };
        let chosen = Self::merge(flags.layer.clone(), file);
        let choices = Choices::of(&chosen.models);
        let mut config = Self::from(Self::merge(chosen, platform.sagemaker.layer()));
        // The port takes precedence over the file, but not over a flag or a variable.
        if let Some(port) = platform.sagemaker.port
            && flags.layer.server.listen.is_none()
        {
            config.server.listen.set_port(port);
        }
        config.platform = platform;
        config.traces.apply_platform(&config.platform)?;
        config.check()?;
        config.use_provided_model(choices)?;
        Ok(config)
    }

    /// Returns every setting that has a flag, in the order of the documentation.
    #[must_use]
    pub fn settings() -> Vec<Setting> {
        <Self as Section>::settings()
    }

    /// Rejects values that are out of range, or that contradict each other.
    fn check(&self) -> Result<(), ConfigError> {
        self.check_ranges()?;
        self.server.check()?;
        self.shutdown.check()?;
        self.emf.check()?;
        self.models.check()?;
        self.check_safe_ports()?;
        self.admin.check()
    }
}

impl ConfigLayer {
    /// Reads the file at `path`.
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = ConfigError::read(path)?;
        toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start].matches('\n').count() + 1);
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            ConfigError::File {
                path: path.display().to_string(),
                reason: format!("{place}{}", error.message().replace('\n', ", ")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn parse(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    fn layer(text: &str) -> ConfigLayer {
        toml::from_str(text).unwrap()
    }

    #[track_caller]
    fn refusal(text: &str) -> String {
        parse(text).unwrap().check().unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.server.listen.port(), 8080);
        assert!(config.server.idle_timeout >= Span::seconds(75));
        config.check().unwrap();
    }

    #[test]
    fn an_unknown_key_is_rejected() {
        let error = parse("[server]\nport = 80\n").unwrap_err();
        assert!(
            error.message().starts_with("unknown field `port`"),
            "{error}"
        );
    }

    #[test]
    fn an_error_in_a_file_names_its_line() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[server]\nport = 80\n").unwrap();
        let error = ConfigLayer::read(file.path()).unwrap_err().to_string();
        assert!(error.contains(": line 2: unknown field `port`"), "{error}");
    }

    #[test]
    fn values_have_units() {
        let config = parse("[server]\nidle_timeout = \"2m\"\nmax_body = \"1MiB\"\n").unwrap();
        assert_eq!(config.server.idle_timeout, Span::seconds(120));
        assert_eq!(config.server.max_body, Bytes::mebibytes(1));
        assert!(parse("[server]\nidle_timeout = 5\n").is_err());
    }

    #[test]
    fn the_upper_layer_takes_precedence() {
        let lower = layer("[server]\nrequest_timeout = \"60s\"\nmax_body = \"1MiB\"\n");
        let upper = layer("[server]\nrequest_timeout = \"5s\"\n[models.rollback]\nrequests = 7\n");
        let config = Config::from(Config::merge(upper, lower));
        assert_eq!(config.server.request_timeout, Span::seconds(5));
        assert_eq!(config.server.max_body, Bytes::mebibytes(1));
        assert_eq!(config.models.rollback.requests, 7);
        assert_eq!(config.server.idle_timeout, Span::seconds(75));
    }

    #[test]
    fn a_value_out_of_range_is_rejected_with_its_names_and_the_rule() {
        assert_eq!(
            refusal("[limits]\nmax_series = 0"),
            "limits.max_series is 0; it must be at least 1 (--max-series, ALMANAC_MAX_SERIES)"
        );
        for (section, text, rule) in [
            ("engine", "cores = 0.0", "over 0 and at most 4096"),
            ("traces", "sample_ratio = 1.5", "from 0 to 1"),
            (
                "server",
                "max_header_bytes = '4KiB'",
                "from 8.0 KiB to 1.0 MiB",
            ),
            ("server", "write_timeout = '0s'", "from 1s to 1h"),
            ("server", "body_deadline = '2h'", "from 1s to 1h"),
            (
                "server",
                "body_timeout = '3m'",
                "at least server.body_timeout, 3m",
            ),
            (
                "shutdown",
                "drain_delay = '60s'",
                "at most shutdown.drain_deadline, 25s",
            ),
        ] {
            let error = refusal(&format!("[{section}]\n{text}"));
            assert!(
                error.contains(&format!("; it must be {rule} (--")),
                "{error}"
            );
        }
        let nan = parse("[engine]\ncores = nan").unwrap();
        assert!(nan.check().is_err());
    }
}

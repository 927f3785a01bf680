//! Configuration: flags, environment and a file to typed values, in one step.
//!
//! A flag wins over the environment, the environment over the file, the file over the default.
//! Strict: an unknown key or an unknown `ALMANAC_` variable is an error of one line. This is the
//! only reader of the environment. `docs/configuration.md` lists every setting; a test keeps it
//! complete.

mod admin;
mod flags;
mod models;
mod observation;
mod platform;
mod sagemaker;
mod sources;
mod units;

pub use admin::{Admin, Secret};
pub use flags::{EmfFlags, Flags, LifeFlags, SharedFlags};
pub use models::{Canary, Models, Rollback, RouteConfig, Shadow};
pub use observation::{Emf, Log, Traces};
pub use platform::{Platform, SageMakerVariables, Strategy, Transform};
pub use sagemaker::{SageMaker, SageMakerFlags};
pub use sources::SourceFlags;
pub use units::{Bytes, Span};

use std::net::SocketAddr;
use std::path::Path;

use clap::Args as _;
use serde::Deserialize;
use thiserror::Error;
use toml::Table;

use crate::config::sagemaker::Made;
use crate::cpu::CpuOverrides;
use almanac_forecast::{BacktestLimits, Limits};

/// Every setting, with its value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How HTTP is served.
    pub server: Server,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// What one request may ask.
    pub limits: RequestLimits,
    /// How much work may wait and run.
    pub engine: Engine,
    /// Which models are served.
    pub models: Models,
    /// Who may change that while the server runs.
    pub admin: Admin,
    /// How the log is written.
    pub log: Log,
    /// Where traces go.
    pub traces: Traces,
    /// Metrics that are written for CloudWatch.
    pub emf: Emf,
    /// How models come that SageMaker puts beside the program.
    pub sagemaker: SageMaker,
    /// Where the platform puts things. Not settings of the file.
    #[serde(skip)]
    pub platform: Platform,
}

/// How HTTP is served.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Longest time from the first byte of a request head to its end.
    pub header_timeout: Span,
    /// Longest time between two pieces of a request body.
    pub body_timeout: Span,
    /// Longest time from a request's head to its answer.
    pub request_timeout: Span,
    /// How long an unused connection is kept open.
    pub idle_timeout: Span,
    /// Connections open at once; more wait in the kernel's backlog.
    pub max_connections: usize,
    /// Largest request body.
    pub max_body: Bytes,
}

/// How the process ends.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// How long to keep serving, not ready, after the signal.
    pub drain_delay: Span,
    /// When, after the signal, what is still running is cut off.
    pub drain_deadline: Span,
}

/// What one request may ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestLimits {
    /// Series in one request.
    pub max_series: usize,
    /// Values in one series.
    pub max_values: usize,
    /// Steps ahead.
    pub max_horizon: usize,
    /// Quantiles and levels together.
    pub max_levels: usize,
    /// Covariates of one series.
    pub max_covariates: usize,
    /// Windows of one series in a backtest.
    pub max_windows: usize,
    /// Forecasts in one backtest: a window of a series by a model.
    pub max_backtest_forecasts: usize,
}

/// How much work may wait and run.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// Steps (context and horizon of every series) that may wait for a model.
    pub queue_steps: usize,
    /// Steps that one run of a model may hold, padding included.
    pub batch_steps: usize,
    /// How long a request that does not say it is bulk may be expected to wait for a model.
    pub max_wait: Span,
    /// Cores to plan for, instead of those found.
    pub cores: Option<f64>,
    /// Sessions of each model, instead of one per core.
    pub workers: Option<usize>,
    /// Threads inside each session, instead of 1.
    pub session_threads: Option<usize>,
}

/// Why there is no configuration. One line each.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or not this schema.
    #[error("{path}: {reason}")]
    File {
        /// Its path.
        path: String,
        /// Where and why, in one line.
        reason: String,
    },
    /// A variable starts with `ALMANAC_` and is no setting.
    #[error("{name} is not a setting{}", suggestion(.nearest.as_ref()))]
    UnknownVariable {
        /// Its name.
        name: String,
        /// The setting whose name is nearest.
        nearest: Option<String>,
    },
    /// A value that has the right type and makes no sense.
    #[error("{setting} is {value}; {rule}")]
    Value {
        /// The setting, as the file writes it.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// A variable that other programs define, with a value that this one cannot follow.
    #[error("{setting} is {value}; {reason}")]
    Standard {
        /// The variable.
        setting: &'static str,
        /// Its value.
        value: String,
        /// Why it cannot be followed.
        reason: String,
    },
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 8080)),
            header_timeout: Span::seconds(10),
            body_timeout: Span::seconds(10),
            request_timeout: Span::seconds(30),
            // Longer than the 60 s after which an AWS load balancer drops an idle connection. A
            // server that closes first makes it answer 502.
            idle_timeout: Span::seconds(75),
            // Leaves room among the 1,024 files that a process may usually open.
            max_connections: 960,
            // SageMaker sends payloads of up to 25 MB.
            max_body: Bytes::mebibytes(32),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            // Load balancers stop sending a few seconds after a target turns not ready.
            drain_delay: Span::seconds(5),
            // ECS, Kubernetes and SageMaker all kill 30 s after the signal.
            drain_deadline: Span::seconds(25),
        }
    }
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            max_series: 10_000,
            max_values: 100_000,
            max_horizon: 1_024,
            max_levels: 99,
            max_covariates: 100,
            max_windows: 50,
            // A minute or so of one core, with the embedded models.
            max_backtest_forecasts: 100_000,
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            queue_steps: 4_000_000,
            batch_steps: 16_384,
            // Who waits longer than this for a forecast is better served by another replica. A burst
            // of a few thousand series is worked off in that time on one core.
            max_wait: Span::seconds(5),
            cores: None,
            workers: None,
            session_threads: None,
        }
    }
}

impl Config {
    /// The configuration that `flags` (which hold the `ALMANAC_` variables too), the file they name
    /// and the defaults make.
    ///
    /// # Errors
    /// [`ConfigError`] of one line, naming the setting, its value and the rule.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        check_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        let platform = Platform::read()?;
        let settings = platform.sagemaker.settings(sagemaker::usual_body());
        let (mut config, mut made) = Self::read(flags.shared.config.as_deref(), settings)?;
        flags.apply(&mut config);
        config.platform = platform;
        if let Some(port) = config.platform.sagemaker.port
            && flags.listen.is_none()
        {
            config.server.listen.set_port(port);
        }
        config.traces.take_standard(&config.platform)?;
        config.check()?;
        made.sources |= flags.shared.sources.models.is_some();
        made.default_model |= flags.shared.sources.default_model.is_some();
        config.take_given_model(made)?;
        Ok(config)
    }

    /// What the file at `path` says, over `settings`, and which settings it makes.
    fn read(path: Option<&Path>, settings: Table) -> Result<(Self, Made), ConfigError> {
        let Some(path) = path else {
            let config = Self::layered(settings, Table::new());
            let config = config.map_err(|error| ConfigError::File {
                path: "the variables of SageMaker".to_owned(),
                reason: error.message().to_owned(),
            })?;
            return Ok((config, Made::default()));
        };
        let shown = || path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: shown(),
            source,
        })?;
        // Read alone first: only what comes from text knows its line.
        let file = toml::from_str::<Self>(&text).and_then(|_alone| toml::from_str::<Table>(&text));
        let layered = file.and_then(|file| {
            let made = Made::by(&file);
            Ok((Self::layered(settings, file)?, made))
        });
        layered.map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start].lines().count().max(1));
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            ConfigError::File {
                path: shown(),
                reason: format!("{place}{}", error.message().replace('\n', ", ")),
            }
        })
    }

    /// The settings that must be at least 1.
    fn positive(&self) -> [(&'static str, usize); 17] {
        [
            ("limits.max_series", self.limits.max_series),
            ("limits.max_values", self.limits.max_values),
            ("limits.max_horizon", self.limits.max_horizon),
            ("limits.max_levels", self.limits.max_levels),
            ("limits.max_covariates", self.limits.max_covariates),
            ("limits.max_windows", self.limits.max_windows),
            (
                "limits.max_backtest_forecasts",
                self.limits.max_backtest_forecasts,
            ),
            ("server.max_connections", self.server.max_connections),
            ("engine.queue_steps", self.engine.queue_steps),
            ("engine.batch_steps", self.engine.batch_steps),
            ("engine.workers", self.engine.workers.unwrap_or(1)),
            (
                "engine.session_threads",
                self.engine.session_threads.unwrap_or(1),
            ),
            ("traces.queue", self.traces.queue),
            ("models.loads", self.models.loads),
            ("models.history", self.models.history),
            ("models.shadow_values", self.models.shadow_values),
            ("sagemaker.max_models", self.sagemaker.max_models),
        ]
    }

    fn check(&self) -> Result<(), ConfigError> {
        let value = |setting, value: String, rule| {
            Err(ConfigError::Value {
                setting,
                value,
                rule,
            })
        };
        let mut positive = self.positive().into_iter().chain(self.models.positive());
        if let Some((setting, zero)) = positive.find(|(_, value)| *value == 0) {
            return value(setting, zero.to_string(), "it must be at least 1");
        }
        if let Some(cores) = self
            .engine
            .cores
            .filter(|cores| !(*cores > 0.0 && *cores <= 4_096.0))
        {
            return value(
                "engine.cores",
                cores.to_string(),
                "it must be over 0 and at most 4096",
            );
        }
        if self.shutdown.drain_delay > self.shutdown.drain_deadline {
            let shown = self.shutdown.drain_delay.to_string();
            return value(
                "shutdown.drain_delay",
                shown,
                "it must not be over drain_deadline",
            );
        }
        self.traces.check()?;
        self.emf.check()?;
        self.models.check()?;
        self.check_safe_ports()?;
        self.admin.check()
    }

    /// The limits in the domain's words.
    #[must_use]
    pub const fn request_limits(&self) -> Limits {
        Limits {
            series: self.limits.max_series,
            values: self.limits.max_values,
            horizon: self.limits.max_horizon,
            levels: self.limits.max_levels,
            covariates: self.limits.max_covariates,
        }
    }

    /// The limits of a backtest.
    #[must_use]
    pub const fn backtest_limits(&self) -> BacktestLimits {
        BacktestLimits {
            windows: self.limits.max_windows,
            forecasts: self.limits.max_backtest_forecasts,
        }
    }

    /// What configuration says about the CPU plan.
    #[must_use]
    pub const fn cpu_overrides(&self) -> CpuOverrides {
        CpuOverrides {
            cores: self.engine.cores,
            workers: self.engine.workers,
            session_threads: self.engine.session_threads,
        }
    }
}

/// Refuses variables that look like settings and are none: a misspelt one would be ignored.
fn check_variables(names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let command = Flags::augment_args(clap::Command::new("almanac"));
    let known: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str())
        .chain(["ALMANAC_CACHE_DIR"])
        .collect();
    for name in names.filter(|name| name.starts_with("ALMANAC_")) {
        if !known.contains(&name.as_str()) {
            let nearest = known
                .iter()
                .map(|candidate| (strsim::jaro_winkler(candidate, &name), *candidate))
                .max_by(|left, right| left.0.total_cmp(&right.0))
                .map(|(_, candidate)| candidate.to_owned());
            return Err(ConfigError::UnknownVariable { name, nearest });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.server.listen.port(), 8080);
        assert!(config.server.idle_timeout >= Span::seconds(75));
        config.check().unwrap();
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = parse("[server]\nport = 80\n").unwrap_err();
        assert!(
            error.message().starts_with("unknown field `port`"),
            "{error}"
        );
    }

    #[test]
    fn values_have_units() {
        let config = parse("[server]\nidle_timeout = \"2m\"\nmax_body = \"1MiB\"\n").unwrap();
        assert_eq!(config.server.idle_timeout, Span::seconds(120));
        assert_eq!(config.server.max_body, Bytes::mebibytes(1));
        assert!(parse("[server]\nidle_timeout = 5\n").is_err());
    }

    #[test]
    fn a_misspelt_variable_is_refused_with_the_nearest() {
        let error = check_variables(["ALMANAC_LISTN".to_owned()].into_iter()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ALMANAC_LISTN is not a setting; did you mean ALMANAC_LISTEN?"
        );
        check_variables(["ALMANAC_LISTEN".to_owned(), "HOME".to_owned()].into_iter()).unwrap();
    }

    #[test]
    fn senseless_values_are_refused() {
        let config = parse("[limits]\nmax_series = 0\n").unwrap();
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "limits.max_series is 0; it must be at least 1"
        );
        let config = parse("[shutdown]\ndrain_delay = \"60s\"\n").unwrap();
        assert!(config.check().is_err());
    }
}

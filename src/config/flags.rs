//! The settings as flags and as `ALMANAC_` variables.
//!
//! One declaration gives both, and the text of `--help`. Defaults stand in [`Config`].

mod emf;
mod life;

pub use emf::EmfFlags;
pub use life::LifeFlags;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Bytes, Config, SageMakerFlags, SourceFlags, Span};
use almanac_telemetry::logging::{LogFormat, LoggedRequests};
use almanac_telemetry::traces::Endpoint;

/// Every setting: what `serve` takes.
#[derive(Clone, Debug, Default, Args)]
pub struct Flags {
    /// Address and port to listen on [default: 0.0.0.0:8080]
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ALMANAC_LISTEN",
        help_heading = "Server"
    )]
    pub listen: Option<SocketAddr>,

    /// Longest time from the first byte of a request head to its end [default: 10s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_HEADER_TIMEOUT",
        help_heading = "Server"
    )]
    pub header_timeout: Option<Span>,

    /// Longest time between two pieces of a request body [default: 10s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_BODY_TIMEOUT",
        help_heading = "Server"
    )]
    pub body_timeout: Option<Span>,

    /// Longest time from a request's head to its answer [default: 30s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_REQUEST_TIMEOUT",
        help_heading = "Server"
    )]
    pub request_timeout: Option<Span>,

    /// How long an unused connection is kept; over a load balancer's 60 s [default: 75s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_IDLE_TIMEOUT",
        help_heading = "Server"
    )]
    pub idle_timeout: Option<Span>,

    /// Connections open at once; more wait [default: 960]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_CONNECTIONS",
        help_heading = "Server"
    )]
    pub max_connections: Option<usize>,

    /// Largest request body [default: 32MiB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "ALMANAC_MAX_BODY",
        help_heading = "Server"
    )]
    pub max_body: Option<Bytes>,

    /// Forecasts in one backtest: a window of a series by a model [default: 100000]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_BACKTEST_FORECASTS",
        help_heading = "Limits"
    )]
    pub max_backtest_forecasts: Option<usize>,

    /// How long to keep serving, not ready, after SIGTERM [default: 5s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_DRAIN_DELAY",
        help_heading = "Shutdown"
    )]
    pub drain_delay: Option<Span>,

    /// When, after SIGTERM, what still runs is cut off [default: 25s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_DRAIN_DEADLINE",
        help_heading = "Shutdown"
    )]
    pub drain_deadline: Option<Span>,

    /// Which requests are logged: all, slow (and failed), or failed [default: all]
    #[arg(
        long,
        value_name = "WHICH",
        env = "ALMANAC_LOG_REQUESTS",
        hide_possible_values = true,
        help_heading = "Log"
    )]
    pub log_requests: Option<LoggedRequests>,

    /// How long a request takes that is slow [default: 1s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "ALMANAC_LOG_SLOW",
        help_heading = "Log"
    )]
    pub log_slow: Option<Span>,

    /// Collector that traces are sent to, over OTLP and plain http [default: none]
    #[arg(
        long,
        value_name = "URL",
        env = "ALMANAC_OTLP_ENDPOINT",
        help_heading = "Traces"
    )]
    pub otlp_endpoint: Option<Endpoint>,

    /// Share of traces begun here that are recorded, from 0 to 1 [default: 1]
    #[arg(
        long,
        value_name = "SHARE",
        env = "ALMANAC_TRACE_RATIO",
        help_heading = "Traces"
    )]
    pub trace_ratio: Option<f64>,

    /// Requests whose spans may wait to be sent [default: 2048]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_TRACE_QUEUE",
        help_heading = "Traces"
    )]
    pub trace_queue: Option<usize>,

    /// Name of the service in its traces and in CloudWatch [default: almanac]
    #[arg(
        long,
        value_name = "NAME",
        env = "ALMANAC_SERVICE_NAME",
        help_heading = "Traces"
    )]
    pub service_name: Option<String>,

    /// Metrics that are written for CloudWatch.
    #[command(flatten)]
    pub emf: EmfFlags,

    /// How versions come and go.
    #[command(flatten)]
    pub life: LifeFlags,

    /// What other subcommands take too.
    #[command(flatten)]
    pub shared: SharedFlags,
}

/// The settings of every subcommand that runs a model.
#[derive(Clone, Debug, Default, Args)]
pub struct SharedFlags {
    /// TOML file with settings
    #[arg(
        long,
        value_name = "FILE",
        env = "ALMANAC_CONFIG",
        help_heading = "Settings"
    )]
    pub config: Option<PathBuf>,

    /// Series in one request [default: 10000]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_SERIES",
        help_heading = "Limits"
    )]
    pub max_series: Option<usize>,

    /// Values in one series [default: 100000]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_VALUES",
        help_heading = "Limits"
    )]
    pub max_values: Option<usize>,

    /// Steps ahead [default: 1024]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_HORIZON",
        help_heading = "Limits"
    )]
    pub max_horizon: Option<usize>,

    /// Quantiles and levels together [default: 99]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_LEVELS",
        help_heading = "Limits"
    )]
    pub max_levels: Option<usize>,

    /// Covariates of one series [default: 100]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_COVARIATES",
        help_heading = "Limits"
    )]
    pub max_covariates: Option<usize>,

    /// Windows of one series in a backtest [default: 50]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_WINDOWS",
        help_heading = "Limits"
    )]
    pub max_windows: Option<usize>,

    /// Steps (context and horizon of every series) that may wait for a model [default: 4000000]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_QUEUE_STEPS",
        help_heading = "Engine"
    )]
    pub queue_steps: Option<usize>,

    /// Steps that one run of a model may hold, padding included [default: 16384]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_BATCH_STEPS",
        help_heading = "Engine"
    )]
    pub batch_steps: Option<usize>,

    /// How long a request that does not say it is bulk may be expected to wait [default: 5s]
    #[arg(
        long,
        value_name = "TIME",
        env = "ALMANAC_MAX_WAIT",
        help_heading = "Engine"
    )]
    pub max_wait: Option<Span>,

    /// Cores to plan for [default: found from cgroup, cpuset and ECS task]
    #[arg(
        long,
        value_name = "CORES",
        env = "ALMANAC_CORES",
        help_heading = "Engine"
    )]
    pub cores: Option<f64>,

    /// Sessions of each model [default: one per core]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_WORKERS",
        help_heading = "Engine"
    )]
    pub workers: Option<usize>,

    /// Threads inside each session [default: 1]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_SESSION_THREADS",
        help_heading = "Engine"
    )]
    pub session_threads: Option<usize>,

    /// Where models come from.
    #[command(flatten)]
    pub sources: SourceFlags,

    /// How models come that SageMaker puts beside the program.
    #[command(flatten)]
    pub sagemaker: SageMakerFlags,

    /// How log lines are written [default: text]
    #[arg(
        long,
        value_name = "FORMAT",
        env = "ALMANAC_LOG_FORMAT",
        help_heading = "Log"
    )]
    pub log_format: Option<LogFormat>,

    /// Least severe level that is written, or TARGET=LEVEL directives [default: info]
    #[arg(
        long,
        value_name = "LEVEL",
        env = "ALMANAC_LOG_LEVEL",
        help_heading = "Log"
    )]
    pub log_level: Option<String>,

    /// Log lines that may wait to be written; more are dropped and counted [default: 1MiB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "ALMANAC_LOG_BUFFER",
        help_heading = "Log"
    )]
    pub log_buffer: Option<Bytes>,
}

impl Flags {
    /// Overwrites in `config` what was given.
    pub(super) fn apply(&self, config: &mut Config) {
        set(&mut config.server.listen, self.listen);
        set(&mut config.server.header_timeout, self.header_timeout);
        set(&mut config.server.body_timeout, self.body_timeout);
        set(&mut config.server.request_timeout, self.request_timeout);
        set(&mut config.server.idle_timeout, self.idle_timeout);
        set(&mut config.server.max_connections, self.max_connections);
        set(&mut config.server.max_body, self.max_body);
        set(&mut config.shutdown.drain_delay, self.drain_delay);
        set(&mut config.shutdown.drain_deadline, self.drain_deadline);
        set(&mut config.log.requests, self.log_requests);
        set(&mut config.log.slow, self.log_slow);
        set(
            &mut config.traces.endpoint,
            self.otlp_endpoint.clone().map(Some),
        );
        set(&mut config.traces.sample_ratio, self.trace_ratio);
        set(&mut config.traces.queue, self.trace_queue);
        set(
            &mut config.traces.service,
            self.service_name.clone().map(Some),
        );
        set(
            &mut config.limits.max_backtest_forecasts,
            self.max_backtest_forecasts,
        );
        self.emf.apply(config);
        self.life.apply(config);
        self.shared.apply(config);
    }
}

impl SharedFlags {
    fn apply(&self, config: &mut Config) {
        set(&mut config.limits.max_series, self.max_series);
        set(&mut config.limits.max_values, self.max_values);
        set(&mut config.limits.max_horizon, self.max_horizon);
        set(&mut config.limits.max_levels, self.max_levels);
        set(&mut config.limits.max_covariates, self.max_covariates);
        set(&mut config.limits.max_windows, self.max_windows);
        set(&mut config.engine.queue_steps, self.queue_steps);
        set(&mut config.engine.batch_steps, self.batch_steps);
        set(&mut config.engine.max_wait, self.max_wait);
        set(&mut config.engine.cores, self.cores.map(Some));
        set(&mut config.engine.workers, self.workers.map(Some));
        set(
            &mut config.engine.session_threads,
            self.session_threads.map(Some),
        );
        self.sources.apply(&mut config.models);
        self.sagemaker.apply(&mut config.sagemaker);
        set(&mut config.log.format, self.log_format);
        set(&mut config.log.level, self.log_level.clone());
        set(&mut config.log.buffer, self.log_buffer);
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *setting = value;
    }
}

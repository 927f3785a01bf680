//! The settings of how versions come and go, as flags and as `ALMANAC_` variables.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::flags::set;
use crate::config::{Bytes, Config, Secret, Span};

/// How versions come and go, and who may say so.
#[derive(Clone, Debug, Default, Args)]
pub struct LifeFlags {
    /// Time between two looks at a source; 0s for at the start, at SIGHUP and when told to [default: 30s]
    #[arg(
        long,
        value_name = "TIME",
        env = "ALMANAC_WATCH",
        help_heading = "Models"
    )]
    pub watch: Option<Span>,

    /// Longest time of one look at a source [default: 30s]
    #[arg(
        long,
        value_name = "TIME",
        env = "ALMANAC_LIST_TIMEOUT",
        help_heading = "Models"
    )]
    pub list_timeout: Option<Span>,

    /// Versions that are verified and opened at the same time [default: 1]
    #[arg(long, value_name = "N", env = "ALMANAC_LOADS", help_heading = "Models")]
    pub loads: Option<usize>,

    /// Attempts at versions that are remembered of each model [default: 32]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_HISTORY",
        help_heading = "Models"
    )]
    pub history: Option<usize>,

    /// How long the version before is kept, to take over again; 0s for not at all [default: 60s]
    #[arg(
        long,
        value_name = "TIME",
        env = "ALMANAC_PROBATION",
        help_heading = "Models"
    )]
    pub probation: Option<Span>,

    /// Memory that all versions may take, about [default: unbounded]
    #[arg(
        long,
        value_name = "SIZE",
        env = "ALMANAC_MODEL_MEMORY",
        help_heading = "Models"
    )]
    pub model_memory: Option<Bytes>,

    /// Values of series that may wait for a shadow [default: 1000000]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_SHADOW_VALUES",
        help_heading = "Models"
    )]
    pub shadow_values: Option<usize>,

    /// Aliases that a model may have [default: 32]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_MAX_ALIASES",
        help_heading = "Models"
    )]
    pub max_aliases: Option<usize>,

    /// Requests of a new version before its errors count [default: 20]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_ROLLBACK_REQUESTS",
        help_heading = "Rollback"
    )]
    pub rollback_requests: Option<u64>,

    /// Share of its requests that may fail [default: 0.05]
    #[arg(
        long,
        value_name = "SHARE",
        env = "ALMANAC_ROLLBACK_ERROR_RATE",
        help_heading = "Rollback"
    )]
    pub rollback_error_rate: Option<f64>,

    /// How many times the share of the version before that may be [default: 2]
    #[arg(
        long,
        value_name = "RATIO",
        env = "ALMANAC_ROLLBACK_ERROR_RATIO",
        help_heading = "Rollback"
    )]
    pub rollback_error_ratio: Option<f64>,

    /// Requests of both versions before their time in the model counts [default: 100]
    #[arg(
        long,
        value_name = "N",
        env = "ALMANAC_ROLLBACK_LATENCY_REQUESTS",
        help_heading = "Rollback"
    )]
    pub rollback_latency_requests: Option<u64>,

    /// How many times the 99th percentile of the version before its own may be [default: 3]
    #[arg(
        long,
        value_name = "RATIO",
        env = "ALMANAC_ROLLBACK_LATENCY_RATIO",
        help_heading = "Rollback"
    )]
    pub rollback_latency_ratio: Option<f64>,

    /// A 99th percentile that is never too long [default: 50ms]
    #[arg(
        long,
        value_name = "TIME",
        env = "ALMANAC_ROLLBACK_LATENCY_FLOOR",
        help_heading = "Rollback"
    )]
    pub rollback_latency_floor: Option<Span>,

    /// Address and port of the admin API [default: none]
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ALMANAC_ADMIN_LISTEN",
        help_heading = "Admin"
    )]
    pub admin_listen: Option<SocketAddr>,

    /// Access key of the admin API; a file does not show in the list of processes [default: none]
    #[arg(
        long,
        value_name = "KEY",
        env = "ALMANAC_ADMIN_KEY",
        hide_env_values = true,
        help_heading = "Admin"
    )]
    pub admin_key: Option<Secret>,

    /// File with the access key of the admin API [default: none]
    #[arg(
        long,
        value_name = "FILE",
        env = "ALMANAC_ADMIN_KEY_FILE",
        help_heading = "Admin"
    )]
    pub admin_key_file: Option<PathBuf>,
}

impl LifeFlags {
    /// Overwrites in `config` what was given.
    pub(super) fn apply(&self, config: &mut Config) {
        let Config { models, admin, .. } = config;
        set(&mut models.watch, self.watch);
        set(&mut models.list_timeout, self.list_timeout);
        set(&mut models.loads, self.loads);
        set(&mut models.history, self.history);
        set(&mut models.probation, self.probation);
        set(&mut models.memory, self.model_memory.map(Some));
        set(&mut models.shadow_values, self.shadow_values);
        set(&mut models.max_aliases, self.max_aliases);
        set(&mut models.rollback.requests, self.rollback_requests);
        set(&mut models.rollback.error_rate, self.rollback_error_rate);
        set(&mut models.rollback.error_ratio, self.rollback_error_ratio);
        set(
            &mut models.rollback.latency_requests,
            self.rollback_latency_requests,
        );
        set(
            &mut models.rollback.latency_ratio,
            self.rollback_latency_ratio,
        );
        set(
            &mut models.rollback.latency_floor,
            self.rollback_latency_floor,
        );
        set(&mut admin.listen, self.admin_listen.map(Some));
        set(&mut admin.key, self.admin_key.clone().map(Some));
        set(&mut admin.key_file, self.admin_key_file.clone().map(Some));
    }
}

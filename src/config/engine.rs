//! The limits of a request, and the settings of the queues and sessions of the models.

use std::ops::Bound;

use almanac_forecast::{BacktestLimits, ForecastLimits};

use crate::config::settings::settings;
use crate::config::{Config, Span};
use crate::cpu::CpuOverrides;

settings! {
    /// The limits of a request.
    pub struct LimitSettings(LimitLayer) in "limits" under "Limits" {
        /// Maximum number of series in a request
        max_series: usize = "10000", Shared("--max-series <N>"), 1..;
        /// Maximum number of values in a series, including filled gaps
        max_values: usize = "100000", Shared("--max-values <N>"), 1..;
        /// Maximum number of steps to forecast
        max_horizon: usize = "1024", Shared("--max-horizon <N>"), 1..;
        /// Maximum number of quantiles and levels together
        max_levels: usize = "99", Shared("--max-levels <N>"), 1..;
        /// Maximum number of covariates of a series
        max_covariates: usize = "100", Shared("--max-covariates <N>"), 1..;
        /// Maximum number of windows per series in a backtest or a calibration
        max_windows: usize = "50", Shared("--max-windows <N>"), 1..;
        /// Maximum number of forecasts in a backtest over HTTP: series times windows times models
        // About a minute of one core with the embedded models.
        max_backtest_forecasts: usize = "100000", Serve("--max-backtest-forecasts <N>"), 1..;
    }
}

settings! {
    /// The queues and sessions of the models.
    pub struct EngineSettings(EngineLayer) in "engine" under "Engine" {
        /// Maximum number of steps (context and horizon of every series) in the queue of a model
        queue_steps: usize = "4000000", Shared("--queue-steps <N>"), 1..;
        /// Maximum number of steps in one run of a model, including padding
        batch_steps: usize = "16384", Shared("--batch-steps <N>"), 1..;
        /// Maximum expected wait for a model of a request that does not declare itself bulk
        // A client that waits longer is better served by another replica. One core forecasts a burst
        // of a few thousand series in that time.
        max_wait: Span = "5s", Shared("--max-wait <DURATION>");
        /// Number of cores to plan for, by default those of cgroup, cpuset and ECS task; may be a fraction
        cores: Option<f64> = "found", Shared("--cores <CORES>"),
            (Bound::Excluded(0.0), Bound::Included(4_096.0));
        /// Number of sessions of each model
        workers: Option<usize> = "one per core", Shared("--workers <N>"), 1..;
        /// Number of threads of each session
        session_threads: Option<usize> = "1", Shared("--session-threads <N>"), 1..;
    }
}

impl Config {
    /// Returns the limits of a request.
    #[must_use]
    pub const fn request_limits(&self) -> ForecastLimits {
        ForecastLimits {
            series: self.limits.max_series,
            values: self.limits.max_values,
            horizon: self.limits.max_horizon,
            levels: self.limits.max_levels,
            covariates: self.limits.max_covariates,
        }
    }

    /// Returns the limits of a backtest.
    #[must_use]
    pub const fn backtest_limits(&self) -> BacktestLimits {
        BacktestLimits {
            windows: self.limits.max_windows,
            forecasts: self.limits.max_backtest_forecasts,
        }
    }

    /// Returns the settings that override the detected CPU plan.
    #[must_use]
    pub const fn cpu_overrides(&self) -> CpuOverrides {
        CpuOverrides {
            cores: self.engine.cores,
            workers: self.engine.workers,
            session_threads: self.engine.session_threads,
        }
    }
}

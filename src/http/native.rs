//! The native API: forecasts, backtests, models, health and metrics.

pub(super) mod backtest;
pub(super) mod forecast;
pub(super) mod health;
pub(super) mod metrics;
pub(super) mod models;

//! The domain of forecasting: series, calendars, horizons, quantiles, and the forecasts made of them.
//!
//! This crate is pure: no async, no I/O, no clock, no serialisation, no model runtime. Its types are
//! valid by construction, so the outer layers never validate again. It knows neither the status codes
//! nor the field names of the API.
//!
//! A client's description of a series is a [`SeriesDraft`]. It becomes a [`ForecastRequest`], which a
//! model or a [`Baseline`] answers with a [`Forecast`]. A [`BacktestPlan`] and a [`Leaderboard`] compare
//! forecasts of the past with the values that were observed.

pub mod accuracy;
pub mod backtest;
pub mod baseline;
pub mod calendar;
pub mod calibration;
pub mod covariates;
pub mod draft;
mod forecast;
pub mod frequency;
pub mod horizon;
pub mod quantile;
mod quantile_grid;
pub mod request;
pub mod season;
pub mod series;
mod warning;

pub use accuracy::{Measures, Scores};
pub use backtest::{
    BacktestLimits, BacktestPlan, BacktestPlanDraft, BacktestPlanError, Leaderboard,
};
pub use baseline::Baseline;
pub use calendar::{Calendar, CalendarError, Stamp, StampError};
pub use calibration::{Calibration, Residuals};
pub use covariates::{
    Covariate, CovariateError, CovariateKind, CovariateValues, Covariates, InvalidReason,
    StaticValue,
};
pub use draft::{DraftError, DraftField, SeasonDraft, SeriesDraft};
pub use forecast::Forecast;
pub use frequency::{Frequency, FrequencyError};
pub use horizon::{Horizon, HorizonError};
pub use quantile::{CentralLevel, LevelError, QuantileLevel, QuantileLevels};
pub use quantile_grid::QuantileGrid;
pub use request::{ForecastLimits, ForecastRequest, SeasonChoice, SeasonLengthError};
pub use season::detect_season_length;
pub use series::{Series, SeriesError};
pub use warning::Warning;

//! The domain: series, calendars, horizons, quantiles, and forecasts made of them.
//!
//! Everything here is pure: no async, no I/O, no clock, no serialisation, no model runtime. A value
//! that exists is valid, so the layers outside never check twice. Nothing here knows a status code
//! or a field name of the API.

pub mod accuracy;
pub mod backtest;
pub mod baseline;
pub mod calendar;
pub mod calibration;
pub mod covariates;
pub mod draft;
pub mod frequency;
pub mod horizon;
mod prediction;
pub mod quantile;
pub mod request;
pub mod season;
pub mod series;

pub use accuracy::{Measures, Scores};
pub use backtest::{BacktestLimits, Leaderboard, Plan, PlanDraft, PlanError};
pub use baseline::Baseline;
pub use calendar::{Calendar, CalendarError, Stamp, StampError};
pub use calibration::{Calibration, Residuals};
pub use covariates::{
    Covariate, CovariateError, CovariateKind, CovariateValues, Covariates, Flaw, StaticValue,
};
pub use draft::{DraftError, Field, SeasonDraft, SeriesDraft};
pub use frequency::{Frequency, FrequencyError};
pub use horizon::{Horizon, HorizonError};
pub use prediction::{Forecast, QuantileGrid, Warning};
pub use quantile::{CentralLevel, LevelError, QuantileLevel, QuantileLevels};
pub use request::{ForecastRequest, Limits, SeasonChoice, SeasonLengthError};
pub use season::detect_season_length;
pub use series::{Series, SeriesError};

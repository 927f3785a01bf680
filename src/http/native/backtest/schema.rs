//! The schema of the body of `POST /backtest`, for the OpenAPI document; `json.rs` of forecasts parses it.

use utoipa::ToSchema;

use crate::http::native::forecast::schema::{CovariatesBody, OneOfMany, Position, SeasonLength};

/// The body of `POST /backtest`: one series, or a list of them.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(super) enum BacktestBody {
    /// The short form, for one series.
    One(BacktestOfOne),
    /// The long form.
    Many(BacktestOfMany),
}

/// One series, and the parameters of its backtest.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(super) struct BacktestOfOne {
    /// The number of steps to forecast.
    #[schema(minimum = 1, example = 3)]
    horizon: u64,
    /// The number of windows of each series.
    #[schema(minimum = 1, example = 2)]
    windows: Option<u64>,
    /// The number of steps between two windows; the horizon when absent.
    #[schema(minimum = 1)]
    step: Option<u64>,
    /// Names of the models; all that are ready when absent.
    models: Option<Vec<String>>,
    /// If true, the earlier windows calibrate the forecasts of the last ones.
    calibrate: Option<bool>,
    /// Quantile levels over which the quantile loss is averaged; the nine deciles when absent.
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent whose coverage is measured; the 80 % interval when absent.
    levels: Option<Vec<f64>>,
    /// The only model, instead of `models`.
    model: Option<String>,
    /// Identifier of the series, repeated in the answer.
    id: Option<String>,
    /// The values, oldest first; `null` is a missing value.
    #[schema(example = json!([112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]))]
    values: Vec<Option<f64>>,
    /// The timestamp of the first value.
    #[schema(example = "1949-01-01")]
    start: Option<Position>,
    /// The timestamp of each value, instead of `start`.
    timestamps: Option<Vec<Position>>,
    /// The frequency of the calendar.
    #[schema(example = "MS")]
    frequency: Option<String>,
    /// IANA time zone of timestamps without one.
    timezone: Option<String>,
    /// The number of steps per season, or `"detect"`.
    season_length: Option<SeasonLength>,
    /// The covariates of the series.
    covariates: Option<CovariatesBody>,
}

/// Several series, and the parameters of their backtest.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(super) struct BacktestOfMany {
    /// The number of steps to forecast.
    #[schema(minimum = 1, example = 3)]
    horizon: u64,
    /// The number of windows of each series.
    #[schema(minimum = 1, example = 2)]
    windows: Option<u64>,
    /// The number of steps between two windows; the horizon when absent.
    #[schema(minimum = 1)]
    step: Option<u64>,
    /// Names of the models; all that are ready when absent.
    models: Option<Vec<String>>,
    /// If true, the earlier windows calibrate the forecasts of the last ones.
    calibrate: Option<bool>,
    /// Quantile levels over which the quantile loss is averaged; the nine deciles when absent.
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent whose coverage is measured; the 80 % interval when absent.
    levels: Option<Vec<f64>>,
    /// The only model, instead of `models`.
    model: Option<String>,
    /// The series.
    series: Vec<OneOfMany>,
    /// `start` of every series without one.
    start: Option<Position>,
    /// `frequency` of every series without one.
    frequency: Option<String>,
    /// `timezone` of every series without one.
    timezone: Option<String>,
    /// `season_length` of every series without one.
    season_length: Option<SeasonLength>,
}

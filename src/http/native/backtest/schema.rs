//! The body of `POST /backtest`, for the OpenAPI document: `json.rs` of forecasts reads it.

use utoipa::ToSchema;

use crate::http::native::forecast::schema::{CovariatesBody, OneOfMany, Position, SeasonLength};

/// The body of `POST /backtest`: one series, or a list of them.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of what is read by hand")]
pub(super) enum BacktestBody {
    /// The short form, for one series.
    One(BacktestOfOne),
    /// The long form.
    Many(BacktestOfMany),
}

/// One series and how it is cut.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of what is read by hand")]
pub(super) struct BacktestOfOne {
    /// Steps ahead.
    #[schema(minimum = 1, example = 3)]
    horizon: u64,
    /// How many windows of each series.
    #[schema(minimum = 1, example = 2)]
    windows: Option<u64>,
    /// Steps between two windows; the horizon when absent.
    #[schema(minimum = 1)]
    step: Option<u64>,
    /// Names of the models; all that are ready when absent.
    models: Option<Vec<String>>,
    /// Whether the earlier windows calibrate the forecasts of the last ones.
    calibrate: Option<bool>,
    /// Quantile levels over which the quantile loss is averaged; the nine deciles when absent.
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent whose coverage is counted; that of 80 % when absent.
    levels: Option<Vec<f64>>,
    /// The only model, instead of `models`.
    model: Option<String>,
    /// Echoed in the answer.
    id: Option<String>,
    /// Oldest first, `null` for a missing value.
    #[schema(example = json!([112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]))]
    values: Vec<Option<f64>>,
    /// Where the first value lies.
    #[schema(example = "1949-01-01")]
    start: Option<Position>,
    /// Where each value lies, instead of `start`.
    timestamps: Option<Vec<Position>>,
    /// The step of the calendar.
    #[schema(example = "MS")]
    frequency: Option<String>,
    /// IANA zone of stamps without one.
    timezone: Option<String>,
    /// Steps per season, or `"detect"`.
    season_length: Option<SeasonLength>,
    /// What is known beside the values.
    covariates: Option<CovariatesBody>,
}

/// Several series and how they are cut.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of what is read by hand")]
pub(super) struct BacktestOfMany {
    /// Steps ahead.
    #[schema(minimum = 1, example = 3)]
    horizon: u64,
    /// How many windows of each series.
    #[schema(minimum = 1, example = 2)]
    windows: Option<u64>,
    /// Steps between two windows; the horizon when absent.
    #[schema(minimum = 1)]
    step: Option<u64>,
    /// Names of the models; all that are ready when absent.
    models: Option<Vec<String>>,
    /// Whether the earlier windows calibrate the forecasts of the last ones.
    calibrate: Option<bool>,
    /// Quantile levels over which the quantile loss is averaged; the nine deciles when absent.
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent whose coverage is counted; that of 80 % when absent.
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

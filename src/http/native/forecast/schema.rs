//! The schema of the body of `POST /forecast`, for the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// The body of `POST /forecast`: one series, or a list of them.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum ForecastBody {
    /// The short form, for one series.
    One(OneSeries),
    /// The long form.
    Many(ManySeries),
}

/// One series, and the parameters of its forecast.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) struct OneSeries {
    /// The number of steps to forecast.
    #[schema(minimum = 1, example = 12)]
    horizon: u64,
    /// Quantile levels, in any order.
    #[schema(nullable = false)]
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent.
    levels: Option<Vec<f64>>,
    /// Name of the model.
    model: Option<String>,
    /// The number of past windows that calibrate the intervals.
    #[schema(minimum = 1)]
    calibrate_windows: Option<u64>,
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

/// Several series, and the parameters of their forecasts.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) struct ManySeries {
    /// The number of steps to forecast.
    #[schema(minimum = 1, example = 12)]
    horizon: u64,
    /// Quantile levels, in any order.
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent.
    levels: Option<Vec<f64>>,
    /// Name of the model.
    model: Option<String>,
    /// The number of past windows that calibrate the intervals.
    #[schema(minimum = 1)]
    calibrate_windows: Option<u64>,
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

/// One series of a list.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) struct OneOfMany {
    /// Identifier of the series, repeated in the answer.
    id: Option<String>,
    /// The values, oldest first; `null` is a missing value.
    values: Vec<Option<f64>>,
    /// The timestamp of the first value.
    start: Option<Position>,
    /// The timestamp of each value, instead of `start`.
    timestamps: Option<Vec<Position>>,
    /// The frequency of the calendar.
    frequency: Option<String>,
    /// IANA time zone of timestamps without one.
    timezone: Option<String>,
    /// The number of steps per season, or `"detect"`.
    season_length: Option<SeasonLength>,
    /// The covariates of the series.
    covariates: Option<CovariatesBody>,
}

/// The covariates of a series, by name. A name is unique among all kinds.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the schema of the object that `json/covariates.rs` parses"
)]
pub(crate) struct CovariatesBody {
    /// One value for each of `values`; `null` is a missing value.
    past: Option<BTreeMap<String, Vec<Option<f64>>>>,
    /// One value for each of `values`, followed by one for each step to forecast; `null` is a missing value.
    future: Option<BTreeMap<String, Vec<Option<f64>>>>,
    /// One number or category for the series.
    r#static: Option<BTreeMap<String, StaticBody>>,
}

/// A number, or the name of a category.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the schema of the object that `json/covariates.rs` parses"
)]
pub(crate) enum StaticBody {
    /// A number.
    Number(f64),
    /// A category.
    Category(String),
}

/// A date, a date and time, or a whole number.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum Position {
    /// A timestamp such as `2024-01-31` or `2024-01-31T12:00:00Z`.
    Stamp(String),
    /// A position on an axis of whole numbers.
    Index(i64),
}

/// The number of steps per season, or `"detect"`.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum SeasonLength {
    /// A number of steps; 1 means none.
    Steps(u64),
    /// The season is detected in the values.
    Detect(Detect),
}

/// The word that requests detection.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum Detect {
    /// The season is detected in the values.
    Detect,
}

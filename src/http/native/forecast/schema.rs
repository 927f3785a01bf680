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

/// One series and what is asked of it.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) struct OneSeries {
    /// Steps ahead.
    #[schema(minimum = 1, example = 12)]
    horizon: u64,
    /// Quantile levels, in any order.
    #[schema(nullable = false)]
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent.
    levels: Option<Vec<f64>>,
    /// Name of the model.
    model: Option<String>,
    /// How many windows of the past calibrate the intervals.
    #[schema(minimum = 1)]
    calibrate_windows: Option<u64>,
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

/// Several series and what is asked of all of them.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) struct ManySeries {
    /// Steps ahead.
    #[schema(minimum = 1, example = 12)]
    horizon: u64,
    /// Quantile levels, in any order.
    quantiles: Option<Vec<f64>>,
    /// Central intervals in percent.
    levels: Option<Vec<f64>>,
    /// Name of the model.
    model: Option<String>,
    /// How many windows of the past calibrate the intervals.
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
    /// Echoed in the answer.
    id: Option<String>,
    /// Oldest first, `null` for a missing value.
    values: Vec<Option<f64>>,
    /// Where the first value lies.
    start: Option<Position>,
    /// Where each value lies, instead of `start`.
    timestamps: Option<Vec<Position>>,
    /// The step of the calendar.
    frequency: Option<String>,
    /// IANA zone of stamps without one.
    timezone: Option<String>,
    /// Steps per season, or `"detect"`.
    season_length: Option<SeasonLength>,
    /// What is known beside the values.
    covariates: Option<CovariatesBody>,
}

/// What is known beside the values of a series, by name; a name stands once among all kinds.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the schema of the object that `json/covariates.rs` parses"
)]
pub(crate) struct CovariatesBody {
    /// One value for each of `values`, `null` for a missing one.
    past: Option<BTreeMap<String, Vec<Option<f64>>>>,
    /// One value for each of `values`, `null` for a missing one, and behind them one for each step ahead.
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
    /// Such as `2024-01-31` or `2024-01-31T12:00:00Z`.
    Stamp(String),
    /// On an axis of whole numbers.
    Index(i64),
}

/// Steps per season, or `"detect"`.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum SeasonLength {
    /// A number of steps; 1 means none.
    Steps(u64),
    /// To be found in the values.
    Detect(Detect),
}

/// The word that asks for a search.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum Detect {
    /// To be found in the values.
    Detect,
}

//! The fields of the JSON bodies of `POST /forecast` and `POST /backtest`: one table, from which the
//! parser takes the names and the OpenAPI document the schemas.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// Declares the bodies from their groups of fields. The names of a group are in the order in which the
/// parser compares them, so the most used come first.
macro_rules! bodies {
    (
        forecast { $($(#[$forecast_meta:meta])* $forecast:ident: $forecast_type:ty,)+ }
        backtest { $($(#[$backtest_meta:meta])* $backtest:ident: $backtest_type:ty,)+ }
        series { $($(#[$series_meta:meta])* $series:ident: $series_type:ty,)+ }
        shared { $($(#[$shared_meta:meta])* $shared:ident: $shared_type:ty,)+ }
    ) => {
        /// The fields of a forecast, followed by those of a series.
        pub(crate) const FORECAST_FIELDS: &[&str] =
            &[$(stringify!($forecast),)+ "series", $(stringify!($series),)+];

        /// The fields of a backtest, followed by those of a series.
        pub(crate) const BACKTEST_FIELDS: &[&str] =
            &[$(stringify!($backtest),)+ "series", $(stringify!($series),)+];

        /// The fields of a series.
        pub(crate) const SERIES_FIELDS: &[&str] = &[$(stringify!($series),)+];

        /// One series, and the parameters of its forecast.
        #[derive(Debug, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
        pub(crate) struct OneSeries {
            $($(#[$forecast_meta])* $forecast: $forecast_type,)+
            $($(#[$series_meta])* $series: $series_type,)+
        }

        /// Several series, and the parameters of their forecasts.
        #[derive(Debug, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
        pub(crate) struct ManySeries {
            $($(#[$forecast_meta])* $forecast: $forecast_type,)+
            /// The series.
            series: Vec<OneOfMany>,
            $($(#[$shared_meta])* $shared: $shared_type,)+
        }

        /// One series, and the parameters of its backtest.
        #[derive(Debug, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
        pub(crate) struct BacktestOfOne {
            $($(#[$backtest_meta])* $backtest: $backtest_type,)+
            $($(#[$series_meta])* $series: $series_type,)+
        }

        /// Several series, and the parameters of their backtest.
        #[derive(Debug, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
        pub(crate) struct BacktestOfMany {
            $($(#[$backtest_meta])* $backtest: $backtest_type,)+
            /// The series.
            series: Vec<OneOfMany>,
            $($(#[$shared_meta])* $shared: $shared_type,)+
        }

        /// One series of a list.
        #[derive(Debug, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
        pub(crate) struct OneOfMany {
            $($(#[$series_meta])* $series: $series_type,)+
        }
    };
}

bodies! {
    forecast {
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
    }
    backtest {
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
        /// The number of steps to forecast.
        #[schema(minimum = 1, example = 3)]
        horizon: u64,
        /// Quantile levels over which the quantile loss is averaged; the nine deciles when absent.
        quantiles: Option<Vec<f64>>,
        /// Central intervals in percent whose coverage is measured; the 80 % interval when absent.
        levels: Option<Vec<f64>>,
        /// The only model, instead of `models`.
        model: Option<String>,
    }
    series {
        /// The values, oldest first; `null` is a missing value.
        #[schema(example = json!([112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]))]
        values: Vec<Option<f64>>,
        /// Identifier of the series, repeated in the response.
        id: Option<String>,
        /// The timestamp of each value, instead of `start`.
        timestamps: Option<Vec<Position>>,
        /// The frequency of the calendar.
        #[schema(example = "MS")]
        frequency: Option<String>,
        /// The timestamp of the first value.
        #[schema(example = "1949-01-01")]
        start: Option<Position>,
        /// The number of steps per season, or `"detect"`.
        season_length: Option<SeasonLength>,
        /// IANA time zone of timestamps without one.
        timezone: Option<String>,
        /// The covariates of the series.
        covariates: Option<CovariatesBody>,
    }
    shared {
        /// `start` of every series without one.
        start: Option<Position>,
        /// `frequency` of every series without one.
        frequency: Option<String>,
        /// `timezone` of every series without one.
        timezone: Option<String>,
        /// `season_length` of every series without one.
        season_length: Option<SeasonLength>,
    }
}

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

/// The body of `POST /backtest`: one series, or a list of them.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of the body that `json.rs` parses")]
pub(crate) enum BacktestBody {
    /// The short form, for one series.
    One(BacktestOfOne),
    /// The long form.
    Many(BacktestOfMany),
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

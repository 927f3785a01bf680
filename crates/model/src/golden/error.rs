//! The errors of golden forecasts.

use almanac_forecast::{
    CalendarError, CovariateError, FrequencyError, HorizonError, SeriesError, StampError,
};
use thiserror::Error;

use crate::{PredictError, RowError};

/// The error returned when golden forecasts are invalid, or when a graph does not reproduce them.
#[derive(Debug, Error)]
pub enum GoldenError {
    /// The file is not JSON, or does not match the schema.
    #[error("golden.json: {0}")]
    Schema(#[from] serde_json::Error),
    /// The tolerance is one that no forecast satisfies, or every forecast.
    #[error(
        "golden.json: tolerance.relative {relative} is out of range; use a number from 0 to {max}"
    )]
    Tolerance {
        /// The relative tolerance.
        relative: f64,
        /// The largest relative tolerance.
        max: f64,
    },
    /// The file contains no cases, so that the model would be served unchecked.
    #[error("golden.json contains no cases; add at least one")]
    NoCases,
    /// A case is not a valid request for the model, or the model has no forecast of it.
    #[error("golden.json: case {case:?}: {source}")]
    Case {
        /// The name of the case.
        case: String,
        /// The problem with the case.
        source: GoldenCaseError,
    },
    /// The graph failed.
    #[error("golden forecast {case:?}: {source}")]
    Predict {
        /// The name of the case.
        case: String,
        /// The failure.
        source: PredictError,
    },
    /// The graph returned other values.
    #[error(
        "golden forecast {case:?}: at level {level}, step {step}, the model returned {actual}, expected {expected} within {tolerance:e}"
    )]
    Differs {
        /// The name of the case.
        case: String,
        /// The quantile level.
        level: f64,
        /// The step of the forecast, from 1.
        step: usize,
        /// The value that the graph returned.
        actual: f64,
        /// The value in `golden.json`.
        expected: f64,
        /// The largest allowed difference, in the units of the case.
        tolerance: f64,
    },
}

/// The error returned when a golden forecast is not a valid request, or has no finite forecast.
#[derive(Debug, Error)]
pub enum GoldenCaseError {
    /// The expected quantiles do not fit the manifest and the horizon.
    #[error(
        "quantiles have the wrong shape; write a list for each level of the manifest, each with a number for each step of the horizon"
    )]
    QuantilesShape,
    /// A calendar needs both a start and a frequency.
    #[error("start and frequency are incomplete; write both or neither")]
    IncompleteCalendar,
    /// The start is not a timestamp.
    #[error(transparent)]
    Start(#[from] StampError),
    /// The frequency is invalid.
    #[error(transparent)]
    Frequency(#[from] FrequencyError),
    /// The start and the frequency are not a calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// The values are not a series.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// The horizon is out of range.
    #[error(transparent)]
    Horizon(#[from] HorizonError),
    /// The covariates are invalid.
    #[error(transparent)]
    Covariates(#[from] CovariateError),
    /// A static covariate is neither a number nor a string.
    #[error("static covariate {name:?} is {value}; write a number or a string")]
    StaticCovariate {
        /// The name of the covariate.
        name: String,
        /// The value of the covariate.
        value: serde_json::Value,
    },
    /// The model returned no row.
    #[error("the model returned no row")]
    NoRow,
    /// The model has no forecast of the series.
    #[error(transparent)]
    Row(#[from] RowError),
}

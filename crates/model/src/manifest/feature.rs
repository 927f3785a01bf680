//! The columns of a graph that takes features of the history, such as trees on lags.

use serde::Deserialize;
use thiserror::Error;

/// A column of the features of a graph, for one step of the forecast.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FeatureDocument")]
pub enum Feature {
    /// The value that many steps before the forecast; 1 is the last value.
    Lag(usize),
    /// A statistic of a window of `window` values that ends `lag` steps before the forecast.
    Rolling {
        /// The statistic.
        statistic: Statistic,
        /// The number of values.
        window: usize,
        /// The number of steps between the last value of the window and the forecast.
        lag: usize,
    },
    /// A part of the date or time of the step.
    Calendar(CalendarPart),
    /// A covariate that many steps before the forecast; 0 is the step that is forecast.
    Covariate {
        /// The name of the covariate.
        name: String,
        /// The number of steps.
        lag: usize,
    },
    /// The position of the step; 0 is the first value of the series in the request.
    Trend,
    /// The number of steps ahead, from 1.
    Step,
}

/// A statistic of a window of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The standard deviation, corrected for the length of the window.
    Std,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The sum.
    Sum,
    /// The median.
    Median,
}

/// A part of a date or time, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarPart {
    /// The month, 1 to 12.
    Month,
    /// The day of the month, from 1.
    Day,
    /// The day of the week, 0 for Monday to 6 for Sunday.
    Weekday,
    /// The hour, 0 to 23.
    Hour,
    /// The minute, 0 to 59.
    Minute,
    /// The quarter, 1 to 4.
    Quarter,
    /// The day of the year, from 1.
    DayOfYear,
    /// The year.
    Year,
}

/// The keys of a feature: one that selects the kind, and those that belong to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureDocument {
    lag: Option<usize>,
    rolling: Option<Statistic>,
    window: Option<usize>,
    calendar: Option<CalendarPart>,
    covariate: Option<String>,
    trend: Option<bool>,
    step: Option<bool>,
}

/// The error returned when the keys of a feature do not form one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeatureError {
    /// A covariate is combined with keys of another kind.
    #[error("a feature with covariate has a key other than lag; remove that key")]
    CovariateWithOtherKeys,
    /// The lag of a value is 0.
    #[error("lag is 0, which is the step that is forecast; use 1 or more")]
    ZeroLag,
    /// The window of a standard deviation has fewer than two values.
    #[error("window is {0}, but rolling = \"std\" requires 2 or more")]
    StdWindow(usize),
    /// The window has no values.
    #[error("window is 0; use 1 or more")]
    ZeroWindow,
    /// The keys belong to no kind of feature, or to several.
    #[error(
        "a feature has the keys of no kind or of several; use one of: lag; rolling and window, optionally lag; calendar; covariate, optionally lag; trend = true; step = true"
    )]
    Kind,
}

impl Feature {
    /// Returns the number of values of the history that the feature looks back on.
    #[must_use]
    pub const fn lookback(&self) -> usize {
        match self {
            Self::Lag(lag) | Self::Covariate { lag, .. } => *lag,
            Self::Rolling { window, lag, .. } => lag.saturating_add(*window) - 1,
            Self::Calendar(_) | Self::Trend | Self::Step => 0,
        }
    }
}

impl TryFrom<FeatureDocument> for Feature {
    type Error = FeatureError;

    fn try_from(document: FeatureDocument) -> Result<Self, FeatureError> {
        let FeatureDocument {
            lag,
            rolling,
            window,
            calendar,
            covariate,
            trend,
            step,
        } = document;
        if let Some(name) = covariate {
            return match (rolling, window, calendar, trend, step) {
                (None, None, None, None, None) => Ok(Self::Covariate {
                    name,
                    lag: lag.unwrap_or(0),
                }),
                _ => Err(FeatureError::CovariateWithOtherKeys),
            };
        }
        match (lag, rolling, window, calendar, trend, step) {
            (Some(0), ..) => Err(FeatureError::ZeroLag),
            (Some(lag), None, None, None, None, None) => Ok(Self::Lag(lag)),
            (_, Some(Statistic::Std), Some(window @ (0 | 1)), ..) => {
                Err(FeatureError::StdWindow(window))
            }
            (_, Some(_), Some(0), ..) => Err(FeatureError::ZeroWindow),
            (lag, Some(statistic), Some(window), None, None, None) => Ok(Self::Rolling {
                statistic,
                window,
                lag: lag.unwrap_or(1),
            }),
            (None, None, None, Some(part), None, None) => Ok(Self::Calendar(part)),
            (None, None, None, None, Some(true), None) => Ok(Self::Trend),
            (None, None, None, None, None, Some(true)) => Ok(Self::Step),
            _ => Err(FeatureError::Kind),
        }
    }
}

//! The columns of a graph that takes features of the history, such as trees on lags.

use serde::Deserialize;

/// One column of a graph's features, for one step that is forecast.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FeatureDocument")]
pub enum Feature {
    /// The value so many steps before; 1 is the last.
    Lag(usize),
    /// A statistic of the `window` values of which the last is `lag` steps before.
    Rolling {
        /// Which statistic.
        statistic: Statistic,
        /// How many values.
        window: usize,
        /// How many steps before the last of them lies.
        lag: usize,
    },
    /// A part of the step's date or time.
    Calendar(CalendarPart),
    /// A covariate so many steps before; 0 is the step that is forecast.
    Covariate {
        /// Its name.
        name: String,
        /// How many steps before.
        lag: usize,
    },
    /// The place of the step, 0 for the first value of the series as it was sent.
    Trend,
    /// How many steps ahead it is, from 1.
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
    /// 1 to 12.
    Month,
    /// Day of the month, from 1.
    Day,
    /// 0 for Monday to 6 for Sunday.
    Weekday,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 1 to 4.
    Quarter,
    /// From 1.
    DayOfYear,
    /// The year.
    Year,
}

/// A feature as it is written: one of the keys that name a kind, and what belongs to it.
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

impl Feature {
    /// How many values of the history it looks back on.
    #[must_use]
    pub const fn reach(&self) -> usize {
        match self {
            Self::Lag(lag) | Self::Covariate { lag, .. } => *lag,
            Self::Rolling { window, lag, .. } => lag.saturating_add(*window) - 1,
            Self::Calendar(_) | Self::Trend | Self::Step => 0,
        }
    }
}

impl TryFrom<FeatureDocument> for Feature {
    type Error = &'static str;

    fn try_from(document: FeatureDocument) -> Result<Self, Self::Error> {
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
                _ => Err("covariate goes with lag or alone"),
            };
        }
        match (lag, rolling, window, calendar, trend, step) {
            (Some(0), ..) => Err("lag is 0, which is the step that is forecast; write 1 or more"),
            (Some(lag), None, None, None, None, None) => Ok(Self::Lag(lag)),
            (_, Some(Statistic::Std), Some(0 | 1), ..) => Err("a std needs a window of 2 or more"),
            (_, Some(_), Some(0), ..) => Err("window is 0; write 1 or more"),
            (lag, Some(statistic), Some(window), None, None, None) => Ok(Self::Rolling {
                statistic,
                window,
                lag: lag.unwrap_or(1),
            }),
            (None, None, None, Some(part), None, None) => Ok(Self::Calendar(part)),
            (None, None, None, None, Some(true), None) => Ok(Self::Trend),
            (None, None, None, None, None, Some(true)) => Ok(Self::Step),
            _ => Err(
                "a feature is one of lag; rolling with window, perhaps lag; calendar; covariate, perhaps with lag; trend = true; step = true",
            ),
        }
    }
}

//! What a client asks of `/forecast`, whatever format the body has.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use crate::http::problem::{Code, Problem};
use almanac_forecast::{
    CentralLevel, Field, Horizon, Limits, Plan, QuantileLevel, QuantileLevels, SeriesDraft,
};

/// A request for forecasts, read and not yet checked against the domain.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForecastCall {
    /// Steps ahead.
    pub(crate) horizon: Option<u64>,
    /// Quantile levels; the default when absent.
    pub(crate) quantiles: Option<Vec<f64>>,
    /// Central levels in percent.
    pub(crate) levels: Vec<f64>,
    /// Name of the model; the default when absent.
    pub(crate) model: Option<String>,
    /// How many windows of the past calibrate the intervals; none when absent.
    pub(crate) calibrate_windows: Option<u64>,
    /// The series, in the order of the body.
    pub(crate) series: Vec<SeriesCall>,
}

/// What is asked of `/backtest` beyond a forecast.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BacktestFields {
    /// How many windows of each series.
    pub(crate) windows: Option<u64>,
    /// Steps between two windows.
    pub(crate) step: Option<u64>,
    /// Names of the models.
    pub(crate) models: Option<Vec<String>>,
    /// Whether earlier windows calibrate the last ones.
    pub(crate) calibrate: Option<bool>,
}

/// One series of a call: its description, or why it could not be read.
#[derive(Clone, Debug)]
pub(crate) struct SeriesCall {
    pub(crate) id: Option<String>,
    pub(crate) draft: Result<SeriesDraft, Problem>,
    /// JSON pointer to its object in the body; empty for the short form.
    pub(crate) pointer: String,
    /// Fields that stand beside `series` in the body, for they hold for all.
    pub(crate) common: Vec<Field>,
}

/// What is asked of every series of a call, checked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) horizon: Horizon,
    pub(crate) quantiles: Vec<QuantileLevel>,
    pub(crate) levels: Vec<CentralLevel>,
    /// Which windows of the past calibrate the intervals.
    pub(crate) calibration: Option<Plan>,
}

/// The quantiles of an answer that asks for none: the ends of the 80 % interval, and the median.
const DEFAULT_QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

impl ForecastCall {
    /// This call, to the model that its path names.
    ///
    /// # Errors
    /// [`Code::ConflictingFields`] when the body names another.
    pub(crate) fn of_model(self, named: Option<&str>) -> Result<Self, Problem> {
        let Some(named) = named else {
            return Ok(self);
        };
        match self.model.as_deref().filter(|model| *model != named) {
            None => Ok(Self {
                model: Some(named.to_owned()),
                ..self
            }),
            Some(other) => {
                let detail = format!(
                    "the path names the model {named}, and the body names {other:?}; leave model out of the body"
                );
                Err(Problem::new(Code::ConflictingFields, detail)
                    .at("/model")
                    .received(other))
            }
        }
    }

    /// Checks what is asked of every series.
    ///
    /// # Errors
    /// The problem of the first field that is wrong.
    pub(crate) fn asked(&self, limits: &Limits) -> Result<Asked, Problem> {
        if self.series.is_empty() {
            let detail = "there is no series; send values, or series with at least one object";
            return Err(Problem::new(Code::NoSeries, detail).at("/series"));
        }
        if self.series.len() > limits.series {
            return Err(too_many_series(self.series.len(), limits.series));
        }
        let horizon = self.horizon.ok_or_else(|| {
            let detail = "horizon is required: the number of steps to forecast";
            Problem::new(Code::MissingField, detail).at("/horizon")
        })?;
        let horizon = Horizon::new(horizon, limits.horizon)?;
        let quantiles = self.quantiles.as_deref().unwrap_or(&DEFAULT_QUANTILES);
        let count = quantiles.len() + self.levels.len();
        if count > limits.levels {
            let limit = limits.levels;
            let detail = format!("{count} quantiles and levels are over the limit of {limit}");
            return Err(Problem::new(Code::TooManyLevels, detail)
                .at("/quantiles")
                .limit(limit)
                .received(count));
        }
        let at = |field: &'static str, index: usize| {
            move |error| Problem::from(error).at(format!("/{field}/{index}"))
        };
        let quantiles = quantiles
            .iter()
            .enumerate()
            .map(|(index, &level)| QuantileLevel::new(level).map_err(at("quantiles", index)))
            .collect::<Result<Vec<_>, _>>()?;
        let levels = self
            .levels
            .iter()
            .enumerate()
            .map(|(index, &level)| CentralLevel::new(level).map_err(at("levels", index)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Asked {
            horizon,
            quantiles: unique(quantiles),
            levels: unique(levels),
            calibration: None,
        })
    }
}

impl Asked {
    /// Every quantile level that the answer needs.
    pub(crate) fn all_levels(&self) -> QuantileLevels {
        let ends = self
            .levels
            .iter()
            .flat_map(|level| [level.lower(), level.upper()]);
        let levels = QuantileLevels::with_median(self.quantiles.iter().copied().chain(ends));
        // Intervals are calibrated, and a quantile is an end of one.
        match self.calibration {
            Some(_) => levels.mirrored(),
            None => levels,
        }
    }
}

/// `levels` without repetitions, in the client's order: each becomes a field or a column once.
fn unique<T: PartialEq>(levels: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(levels.len());
    for level in levels {
        if !kept.contains(&level) {
            kept.push(level);
        }
    }
    kept
}

/// The problem of a body with `count` series or more.
pub(crate) fn too_many_series(count: usize, limit: usize) -> Problem {
    let detail = format!("{count} series are over the limit of {limit}; split the request");
    Problem::new(Code::TooManySeries, detail)
        .at("/series")
        .limit(limit)
        .received(count)
}

/// The body of `POST /forecast`: one series, or a list of them.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
pub(crate) enum ForecastBody {
    /// The short form, for one series.
    One(OneSeries),
    /// The long form.
    Many(ManySeries),
}

/// One series and what is asked of it.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
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
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
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
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
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
    reason = "the schema of what `json/covariates.rs` reads by hand"
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
    reason = "the schema of what `json/covariates.rs` reads by hand"
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
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
pub(crate) enum Position {
    /// Such as `2024-01-31` or `2024-01-31T12:00:00Z`.
    Stamp(String),
    /// On an axis of whole numbers.
    Index(i64),
}

/// Steps per season, or `"detect"`.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
pub(crate) enum SeasonLength {
    /// A number of steps; 1 means none.
    Steps(u64),
    /// To be found in the values.
    Detect(Detect),
}

/// The word that asks for a search.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of what `json.rs` reads by hand")]
pub(crate) enum Detect {
    /// To be found in the values.
    Detect,
}

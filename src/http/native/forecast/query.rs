//! The query of `/forecast`.

use utoipa::IntoParams;

use almanac_forecast::{SeasonDraft, SeriesDraft};
use almanac_frame::ColumnChoice;

use crate::call::{ForecastCall, SeriesCall};
use crate::http::problem::{Code, Problem};
use crate::http::query::{list, once, one, unknown};

/// The query parameters of a forecast, for a CSV body and for `GET`. A JSON body has fields instead, and
/// may only be accompanied by `allow_nan`.
#[derive(Clone, Debug, Default, PartialEq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForecastQuery {
    /// The number of steps to forecast.
    #[param(minimum = 1, example = 12)]
    pub(crate) horizon: Option<u64>,
    /// Quantile levels, separated by commas.
    #[param(value_type = Option<String>, pattern = r"^(0?\.[0-9]{1,4}(,0?\.[0-9]{1,4})*)?$", example = "0.1,0.5,0.9")]
    pub(crate) quantiles: Option<Vec<f64>>,
    /// Central levels in percent, separated by commas.
    #[param(value_type = Option<String>, pattern = r"^([0-9]{1,2}(\.[0-9]{1,2})?(,[0-9]{1,2}(\.[0-9]{1,2})?)*)?$", example = "80,95")]
    pub(crate) levels: Option<Vec<f64>>,
    /// Name of the model.
    pub(crate) model: Option<String>,
    /// The number of past windows that calibrate the intervals.
    #[param(minimum = 1)]
    pub(crate) calibrate_windows: Option<u64>,
    /// The frequency of the calendar.
    #[param(example = "MS")]
    pub(crate) frequency: Option<String>,
    /// IANA time zone of timestamps without one.
    pub(crate) timezone: Option<String>,
    /// The number of steps per season, or `detect`.
    #[param(value_type = Option<String>, pattern = "^(detect|[0-9]{1,9})$", example = "12")]
    pub(crate) season_length: Option<SeasonDraft>,
    /// CSV only: the column of series ids.
    pub(crate) id_column: Option<String>,
    /// CSV only: the column of timestamps.
    pub(crate) time_column: Option<String>,
    /// CSV only: the column of values.
    pub(crate) target_column: Option<String>,
    /// JSON only: accept bare `NaN` as a missing value.
    pub(crate) allow_nan: Option<bool>,
}

pub(crate) const NAMES: [&str; 12] = [
    "horizon",
    "quantiles",
    "levels",
    "model",
    "calibrate_windows",
    "frequency",
    "timezone",
    "season_length",
    "id_column",
    "time_column",
    "target_column",
    "allow_nan",
];

impl ForecastQuery {
    /// Parses a query string.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`] names the parameter, its value and the valid values.
    pub(crate) fn parse(query: &str) -> Result<Self, Problem> {
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !parsed.take(&name, &value)? {
                return Err(unknown(&name, &NAMES));
            }
        }
        Ok(parsed)
    }

    /// Sets a parameter, and returns false if it is unknown.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "horizon" => once(&mut self.horizon, name, one(name, value)?)?,
            "quantiles" => once(&mut self.quantiles, name, list(name, value)?)?,
            "levels" => once(&mut self.levels, name, list(name, value)?)?,
            "model" => once(&mut self.model, name, value.to_owned())?,
            "calibrate_windows" => once(&mut self.calibrate_windows, name, one(name, value)?)?,
            "frequency" => once(&mut self.frequency, name, value.to_owned())?,
            "timezone" => once(&mut self.timezone, name, value.to_owned())?,
            "season_length" => {
                let season = match value {
                    "detect" => SeasonDraft::Detect,
                    _ => SeasonDraft::Steps(one(name, value)?),
                };
                once(&mut self.season_length, name, season)?;
            }
            "id_column" => once(&mut self.id_column, name, value.to_owned())?,
            "time_column" => once(&mut self.time_column, name, value.to_owned())?,
            "target_column" => once(&mut self.target_column, name, value.to_owned())?,
            "allow_nan" => once(&mut self.allow_nan, name, one(name, value)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Rejects parameters that belong into a JSON body, and returns `allow_nan`.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`].
    pub(crate) fn only_allow_nan(&self) -> Result<bool, Problem> {
        let bare = Self {
            allow_nan: self.allow_nan,
            ..Self::default()
        };
        if *self == bare {
            return Ok(self.allow_nan.unwrap_or(false));
        }
        let detail = "with a JSON body the query may only have allow_nan; send the others as fields of the body";
        Err(Problem::new(Code::InvalidQuery, detail).expected(["allow_nan"]))
    }

    /// Returns the columns that the query names.
    pub(crate) fn columns(&self) -> ColumnChoice {
        ColumnChoice {
            id: self.id_column.clone(),
            time: self.time_column.clone(),
            target: self.target_column.clone(),
        }
    }

    /// Creates the call for `series`, and applies the parameters that hold for all of them.
    pub(crate) fn into_call(self, series: impl IntoIterator<Item = SeriesCall>) -> ForecastCall {
        let complete = |draft: SeriesDraft| SeriesDraft {
            frequency: self.frequency.clone().or(draft.frequency),
            timezone: self.timezone.clone().or(draft.timezone),
            season_length: self.season_length.or(draft.season_length),
            ..draft
        };
        let series = series
            .into_iter()
            .map(|one| SeriesCall {
                draft: one.draft.map(&complete),
                ..one
            })
            .collect();
        ForecastCall {
            horizon: self.horizon,
            quantiles: self.quantiles,
            levels: self.levels.unwrap_or_default(),
            model: self.model,
            calibrate_windows: self.calibrate_windows,
            series,
        }
    }
}

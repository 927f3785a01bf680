//! The response of `/forecast`.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use almanac_engine::registry::LiveModel;
use almanac_forecast::{Forecast, Frequency, QuantileLevel, Stamp, Warning};
use almanac_frame::DisplayValue;
use almanac_model::Digest;

use crate::call::{FailedSeries, ForecastSpec, SeriesForecast};
use crate::http::problem::SeriesProblem;

/// The forecasts, in the order of the series of the request. Borrows the outcome, and is serialized
/// without a copy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastAnswer<'a> {
    /// The model that answered.
    pub(crate) model: ModelReference<'a>,
    /// The forecast of each series.
    pub(crate) forecasts: Vec<SeriesAnswer<'a>>,
}

/// A model version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelReference<'a> {
    /// The name of the model.
    #[schema(example = "almanac")]
    name: &'a str,
    /// The version of the model.
    #[schema(example = "1")]
    version: &'a str,
    /// Digest of the bundle.
    #[schema(value_type = String, example = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    digest: Shown<'a, Digest>,
}

/// The forecast of one series, or its error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SeriesAnswer<'a> {
    /// The series has a forecast.
    Forecast(ForecastOfSeries<'a>),
    /// The series has no forecast.
    Failed(SeriesProblem),
}

/// The forecast of one series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastOfSeries<'a> {
    /// The id of the series, as it was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// The timestamp of each step, if the series has a calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    timestamps: Option<Stamps<'a>>,
    /// The median of each step.
    #[schema(value_type = Vec<f64>)]
    point: Numbers<'a>,
    /// The values of each step, by quantile level.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<f64>>)]
    quantiles: Quantiles<'a>,
    /// The interval of each step, by central level in percent.
    #[serde(skip_serializing_if = "Levels::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, Interval<'_>>)]
    levels: Levels<'a>,
    /// The frequency of the calendar, given or inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    frequency: Option<Shown<'a, Frequency>>,
    /// The number of steps per season that the model used; 1 means no season.
    season_length: usize,
    /// The number of values that the model used, counted from the end of the series.
    context_length: usize,
    /// Caveats of the forecast.
    #[schema(value_type = Vec<WarningBody>)]
    warnings: Warnings<'a>,
}

/// A central interval.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Interval<'a> {
    /// The lower bound of each step.
    #[schema(value_type = Vec<f64>)]
    lower: Numbers<'a>,
    /// The upper bound of each step.
    #[schema(value_type = Vec<f64>)]
    upper: Numbers<'a>,
}

/// A caveat of a forecast.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningBody {
    /// Stable code to match on.
    #[schema(value_type = String, example = "context_truncated")]
    code: &'static str,
    /// The caveat, with values.
    detail: String,
}

/// Values, rounded as clients get them.
#[derive(Debug)]
struct Numbers<'a>(&'a [f64]);

/// Timestamps, as text.
#[derive(Debug)]
struct Stamps<'a>(&'a [Stamp]);

/// A value that is serialized as its `Display` text.
#[derive(Debug)]
struct Shown<'a, T>(&'a T);

/// The values of each requested quantile level.
#[derive(Debug)]
struct Quantiles<'a>(&'a ForecastSpec, &'a Forecast);

/// The interval of each requested central level.
#[derive(Debug)]
struct Levels<'a>(&'a ForecastSpec, &'a Forecast);

#[derive(Debug)]
struct Warnings<'a>(&'a [Warning]);

impl Serialize for Numbers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&value| DisplayValue::from(value)))
    }
}

impl Serialize for Stamps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Shown))
    }
}

impl<T: Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

impl Serialize for Quantiles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(spec, forecast) = self;
        let quantiles = spec.quantiles.iter();
        serializer.collect_map(quantiles.map(|level| (Shown(level), numbers(forecast, *level))))
    }
}

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(spec, forecast) = self;
        serializer.collect_map(spec.levels.iter().map(|level| {
            let lower = numbers(forecast, level.lower());
            let upper = numbers(forecast, level.upper());
            (Shown(level), Interval { lower, upper })
        }))
    }
}

impl Levels<'_> {
    const fn is_empty(&self) -> bool {
        self.0.levels.is_empty()
    }
}

impl Serialize for Warnings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|warning| WarningBody {
            code: warning.code(),
            detail: warning.to_string(),
        }))
    }
}

fn numbers(forecast: &Forecast, level: QuantileLevel) -> Numbers<'_> {
    Numbers(forecast.quantile(level).unwrap_or_default())
}

impl<'a> ModelReference<'a> {
    pub(crate) fn of(model: &'a LiveModel) -> Self {
        let manifest = model.engine.manifest();
        Self {
            name: &manifest.name,
            version: &manifest.version,
            digest: Shown(&model.digest),
        }
    }
}

impl<'a> SeriesAnswer<'a> {
    /// Creates the answer for one series, on the levels of `spec`.
    pub(crate) fn of(
        outcome: &'a Result<SeriesForecast, FailedSeries>,
        spec: &'a ForecastSpec,
    ) -> Self {
        let series = match outcome {
            Ok(series) => series,
            Err(failed) => return Self::Failed(failed.clone().into()),
        };
        let forecast = &series.forecast;
        Self::Forecast(ForecastOfSeries {
            id: series.id.as_deref(),
            timestamps: series.stamps.as_deref().map(Stamps),
            point: Numbers(forecast.point()),
            quantiles: Quantiles(spec, forecast),
            levels: Levels(spec, forecast),
            frequency: series.frequency.as_ref().map(Shown),
            season_length: forecast.season_length,
            context_length: forecast.context_length,
            warnings: Warnings(&forecast.warnings),
        })
    }
}

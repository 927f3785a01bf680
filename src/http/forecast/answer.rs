//! What `/forecast` answers.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::forecast::{CentralLevel, Forecast, ForecastRequest, QuantileLevel, Stamp};
use crate::frame::Presented;
use crate::http::forecast::call::Asked;
use crate::http::problem::{Code, FailedSeries, Problem};
use crate::registry::LiveModel;

/// Forecasts, in the order of the request's series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastAnswer {
    /// The model that made them.
    pub(crate) model: ModelReference,
    /// One for each series.
    pub(crate) forecasts: Vec<SeriesAnswer>,
}

/// A model version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelReference {
    /// Its name.
    #[schema(example = "seasonal")]
    name: String,
    /// Its version.
    #[schema(example = "1")]
    version: String,
    /// Digest of its bundle.
    #[schema(example = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    digest: String,
}

/// The forecast of one series, or why it has none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SeriesAnswer {
    /// A forecast.
    Forecast(ForecastOfSeries),
    /// No forecast.
    Failed(FailedSeries),
}

/// The forecast of one series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ForecastOfSeries {
    /// The series' id, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// One for each step, when the series has a calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamps: Option<Vec<String>>,
    /// The median, one value for each step.
    #[schema(value_type = Vec<f64>)]
    pub(crate) point: Numbers,
    /// Values by quantile level.
    #[schema(value_type = std::collections::BTreeMap<String, Vec<f64>>)]
    pub(crate) quantiles: Ordered<Numbers>,
    /// Lower and upper values by central level in percent.
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, Interval>)]
    pub(crate) levels: Ordered<Interval>,
    /// The step of the calendar, given or inferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frequency: Option<String>,
    /// Steps per season that the model was told; 1 means none.
    pub(crate) season_length: usize,
    /// How many values of the series, counted from its end, the model saw.
    pub(crate) context_length: usize,
    /// What else should be known of this forecast.
    pub(crate) warnings: Vec<WarningBody>,
}

/// A central interval.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Interval {
    /// Its lower ends, one for each step.
    #[schema(value_type = Vec<f64>)]
    lower: Numbers,
    /// Its upper ends, one for each step.
    #[schema(value_type = Vec<f64>)]
    upper: Numbers,
}

/// Something that should be known of a forecast.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WarningBody {
    /// Stable code to match on.
    #[schema(value_type = String, example = "context_truncated")]
    code: &'static str,
    /// What it is, with values.
    detail: String,
}

/// Values as they are presented to clients.
#[derive(Debug)]
pub(crate) struct Numbers(Vec<f64>);

/// A JSON object whose fields keep their order.
#[derive(Debug)]
pub(crate) struct Ordered<T>(Vec<(String, T)>);

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&value| Number(value)))
    }
}

struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Presented::from(self.0) {
            Presented::Single(value) => serializer.serialize_f32(value),
            Presented::Double(value) => serializer.serialize_f64(value),
        }
    }
}

impl<T> Ordered<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl ModelReference {
    pub(crate) fn of(model: &LiveModel) -> Self {
        let manifest = model.engine.manifest();
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: model.digest.to_string(),
        }
    }
}

/// What the answer needs of a request once its series has gone into the engine.
#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) id: Option<String>,
    pub(crate) pointer: String,
    pub(crate) stamps: Option<Vec<Stamp>>,
    frequency: Option<String>,
}

impl Echo {
    /// Of `request`, whose timestamps are found here, so that a calendar which ends too soon is told
    /// before the model runs.
    ///
    /// # Errors
    /// [`Code::CalendarOutOfRange`].
    pub(crate) fn of(
        id: Option<String>,
        pointer: String,
        request: &ForecastRequest,
    ) -> Result<Self, FailedSeries> {
        let calendar = request.series().calendar();
        let length = request.series().values().len();
        let stamps = calendar.map(|calendar| {
            let from = i64::try_from(length).unwrap_or(i64::MAX);
            calendar.stamps(from, request.horizon().steps())
        });
        match stamps.transpose() {
            Ok(stamps) => Ok(Self {
                id,
                pointer,
                stamps,
                frequency: calendar.map(|calendar| calendar.frequency().to_string()),
            }),
            Err(error) => {
                let problem = Problem::new(Code::CalendarOutOfRange, error.to_string());
                Err(FailedSeries {
                    id,
                    error: problem.at(format!("{pointer}/start")),
                })
            }
        }
    }

    /// The answer for this series, on the levels that were `asked`.
    pub(crate) fn answer(self, forecast: &Forecast, asked: &Asked) -> ForecastOfSeries {
        let at =
            |level: QuantileLevel| Numbers(forecast.quantile(level).unwrap_or_default().to_vec());
        let interval = |level: &CentralLevel| {
            let (lower, upper) = (at(level.lower()), at(level.upper()));
            (level.to_string(), Interval { lower, upper })
        };
        ForecastOfSeries {
            id: self.id,
            timestamps: self
                .stamps
                .map(|stamps| stamps.iter().map(ToString::to_string).collect()),
            point: Numbers(forecast.point().to_vec()),
            quantiles: Ordered(
                asked
                    .quantiles
                    .iter()
                    .map(|level| (level.to_string(), at(*level)))
                    .collect(),
            ),
            levels: Ordered(asked.levels.iter().map(interval).collect()),
            frequency: self.frequency,
            season_length: forecast.season_length,
            context_length: forecast.context_length,
            warnings: forecast
                .warnings
                .iter()
                .map(|warning| WarningBody {
                    code: warning.code(),
                    detail: warning.to_string(),
                })
                .collect(),
        }
    }
}

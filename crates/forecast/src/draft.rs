//! The description of a series as a client sends it, before it is validated.
//!
//! Every input (JSON, CSV over HTTP, CSV files, later dialects) fills in a [`SeriesDraft`], so the rules
//! of a valid series are implemented once, here.

use std::sync::Arc;

use thiserror::Error;

use crate::covariates::spread;
use crate::{
    Calendar, CalendarError, Covariate, CovariateError, Covariates, ForecastLimits,
    ForecastRequest, Frequency, FrequencyError, Horizon, QuantileLevels, SeasonChoice,
    SeasonLengthError, Series, SeriesError, Stamp, StampError, Warning,
};

/// A series as a client sent it.
///
/// ```
/// use almanac_forecast::{Horizon, ForecastLimits, QuantileLevels, SeriesDraft};
///
/// let draft = SeriesDraft {
///     values: vec![112.0, 118.0, 132.0],
///     start: Some("2024-01".to_owned()),
///     frequency: Some("MS".to_owned()),
///     ..SeriesDraft::default()
/// };
/// let limits = ForecastLimits { series: 1, values: 1_000, horizon: 24, levels: 9, covariates: 0 };
/// let horizon = Horizon::new(6, limits.horizon)?;
/// let request = draft.into_request(horizon, QuantileLevels::with_median([]), &limits)?;
/// assert_eq!(request.season_length(), 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesDraft {
    /// The values, oldest first, `NaN` for a missing one.
    pub values: Vec<f64>,
    /// The timestamp of the first value. Excludes `timestamps`.
    pub start: Option<String>,
    /// The timestamp of each value. Excludes `start`. Shared, because all series of a wide table have the
    /// same timestamps.
    pub timestamps: Option<Vec<Arc<str>>>,
    /// The frequency of the calendar; inferred from `timestamps` if absent.
    pub frequency: Option<String>,
    /// The IANA name of the time zone of timestamps that name none.
    pub timezone: Option<String>,
    /// The number of steps per season.
    pub season_length: Option<SeasonDraft>,
    /// The covariates of the series.
    pub covariates: Vec<Covariate>,
}

/// A season length as a client sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeasonDraft {
    /// A number of steps.
    Steps(u64),
    /// Detect the season in the values, even if the frequency has a usual season length.
    Detect,
}

/// A field of a [`SeriesDraft`], to locate an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftField {
    /// `values` as a whole.
    Values,
    /// The value at this position, from 0.
    Value(usize),
    /// `start`.
    Start,
    /// `timestamps` as a whole.
    Timestamps,
    /// The timestamp at this position, from 0.
    Timestamp(usize),
    /// `frequency`.
    Frequency,
    /// `timezone`.
    Timezone,
    /// `season_length`.
    SeasonLength,
    /// `covariates`; the error itself names the covariate.
    Covariates,
}

/// The error returned when a draft is not a valid request.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DraftError {
    /// The values are not a valid series.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// `start` cannot be parsed.
    #[error(transparent)]
    Start(StampError),
    /// A timestamp cannot be parsed.
    #[error("timestamp {index}: {source}")]
    Timestamp {
        /// The position of the timestamp, from 0.
        index: usize,
        /// The error of the timestamp.
        source: StampError,
    },
    /// Both `start` and `timestamps` are present.
    #[error("start and timestamps are mutually exclusive; send one of them")]
    StartAndTimestamps,
    /// The number of timestamps differs from the number of values.
    #[error(
        "there are {values} values and {timestamps} timestamps; send one timestamp for each value"
    )]
    LengthMismatch {
        /// The number of values.
        values: usize,
        /// The number of timestamps.
        timestamps: usize,
    },
    /// `start` is present without `frequency`, so the calendar is unknown.
    #[error("start requires frequency; send frequency, or timestamps to infer it from")]
    FrequencyMissing,
    /// `frequency` is not supported.
    #[error(transparent)]
    Frequency(#[from] FrequencyError),
    /// `timezone` is unknown, or a timestamp cannot be placed in it.
    #[error(transparent)]
    Timezone(StampError),
    /// The timestamps do not form a calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// `season_length` is invalid.
    #[error(transparent)]
    SeasonLength(#[from] SeasonLengthError),
    /// A covariate does not fit the series.
    #[error(transparent)]
    Covariate(#[from] CovariateError),
}

/// The calendar of a draft, and the steps on which its values lie.
#[derive(Default)]
struct TimeAxis {
    calendar: Option<Calendar>,
    /// The step of each value; `None` if the values are consecutive.
    positions: Option<Vec<usize>>,
}

impl SeriesDraft {
    /// Converts this draft into a request for `horizon` steps ahead on `levels`.
    ///
    /// Steps that have no timestamp are filled with missing values.
    ///
    /// # Errors
    /// Returns a [`DraftError`]; [`DraftError::field`] locates it.
    pub fn into_request(
        mut self,
        horizon: Horizon,
        levels: QuantileLevels,
        limits: &ForecastLimits,
    ) -> Result<ForecastRequest, DraftError> {
        let frequency = self
            .frequency
            .as_deref()
            .map(str::parse::<Frequency>)
            .transpose()?;
        let mut covariates = Covariates::new(
            std::mem::take(&mut self.covariates),
            self.values.len(),
            horizon.steps(),
            limits.covariates,
        )?;
        let TimeAxis {
            calendar,
            positions,
        } = self.time_axis(frequency, limits)?;
        let mut values = self.values;
        let mut warnings = Vec::new();
        if let Some(positions) = positions {
            values = spread(&values, &positions);
            if values.len() > positions.len() {
                let steps = values.len() - positions.len();
                warnings.push(Warning::GapsFilled { steps });
                covariates = covariates.spread(&positions);
            }
        }
        if let Some(calendar) = calendar
            .as_ref()
            .filter(|calendar| calendar.is_off_anchor())
        {
            warnings.push(Warning::OffAnchor {
                start: calendar.start().to_string(),
                frequency: calendar.frequency().to_string(),
            });
        }
        let seasonal_frequency =
            frequency.or_else(|| calendar.as_ref().and_then(Calendar::seasonal_frequency));
        let season = season_choice(self.season_length, seasonal_frequency, limits)?;
        let series = Series::new(values, calendar, limits.values)?;
        Ok(ForecastRequest::new(series, horizon, levels, season)
            .with_covariates(covariates)
            .with_warnings(warnings))
    }

    /// Returns the calendar, and, if there are timestamps, the step on which each value lies.
    fn time_axis(
        &self,
        frequency: Option<Frequency>,
        limits: &ForecastLimits,
    ) -> Result<TimeAxis, DraftError> {
        match (&self.start, &self.timestamps) {
            (Some(_), Some(_)) => Err(DraftError::StartAndTimestamps),
            (None, None) => Ok(TimeAxis::default()),
            (Some(start), None) => {
                let frequency = frequency.ok_or(DraftError::FrequencyMissing)?;
                let start = Stamp::parse(start).map_err(DraftError::Start)?;
                let calendar = Calendar::new(self.in_timezone(start)?, frequency)?;
                Ok(TimeAxis {
                    calendar: Some(calendar),
                    positions: None,
                })
            }
            (None, Some(timestamps)) => {
                if self.values.len() != timestamps.len() {
                    return Err(DraftError::LengthMismatch {
                        values: self.values.len(),
                        timestamps: timestamps.len(),
                    });
                }
                if timestamps.is_empty() {
                    return Err(SeriesError::Empty.into());
                }
                let stamps = self.stamps(timestamps)?;
                let (calendar, positions) = Calendar::align(&stamps, frequency, limits.values)?;
                Ok(TimeAxis {
                    calendar: Some(calendar),
                    positions: Some(positions),
                })
            }
        }
    }

    fn stamps(&self, timestamps: &[Arc<str>]) -> Result<Vec<Stamp>, DraftError> {
        let mut stamps = Vec::with_capacity(timestamps.len());
        for (index, text) in timestamps.iter().enumerate() {
            let stamp =
                Stamp::parse(text).map_err(|source| DraftError::Timestamp { index, source })?;
            stamps.push(stamp);
        }
        match &self.timezone {
            // All at once: only their order distinguishes the two passes of a repeated hour.
            Some(zone) => Stamp::all_in_zone(stamps, zone).map_err(DraftError::Timezone),
            None => Ok(stamps),
        }
    }

    fn in_timezone(&self, stamp: Stamp) -> Result<Stamp, DraftError> {
        match &self.timezone {
            Some(zone) => stamp.in_zone(zone).map_err(DraftError::Timezone),
            None => Ok(stamp),
        }
    }
}

/// Returns the season that the client sent, or the season of the frequency, or else detection.
fn season_choice(
    season_length: Option<SeasonDraft>,
    frequency: Option<Frequency>,
    limits: &ForecastLimits,
) -> Result<SeasonChoice, SeasonLengthError> {
    match (season_length, frequency) {
        (Some(SeasonDraft::Steps(length)), _) => SeasonChoice::given(length, limits.values),
        (Some(SeasonDraft::Detect), _) | (None, None) => Ok(SeasonChoice::Detected),
        (None, Some(frequency)) => Ok(SeasonChoice::FromFrequency(frequency)),
    }
}

impl DraftError {
    /// Returns the field that the error is about.
    #[must_use]
    pub fn field(&self) -> DraftField {
        match self {
            Self::Series(SeriesError::Infinite { index, .. }) => DraftField::Value(*index),
            Self::Series(_) => DraftField::Values,
            Self::Start(_) => DraftField::Start,
            Self::Timestamp { index, .. } => DraftField::Timestamp(*index),
            Self::StartAndTimestamps | Self::LengthMismatch { .. } => DraftField::Timestamps,
            Self::FrequencyMissing
            | Self::Frequency(_)
            | Self::Calendar(CalendarError::NeedsUnit { .. }) => DraftField::Frequency,
            Self::Timezone(_) => DraftField::Timezone,
            Self::Calendar(error) => error
                .index()
                .map_or(DraftField::Timestamps, DraftField::Timestamp),
            Self::SeasonLength(_) => DraftField::SeasonLength,
            Self::Covariate(_) => DraftField::Covariates,
        }
    }
}

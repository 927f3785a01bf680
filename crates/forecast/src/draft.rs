//! A series as a client describes it in text and numbers, and the request it becomes.
//!
//! Every edge (JSON, CSV over HTTP, CSV files, later dialects) fills in a [`SeriesDraft`]; the rules
//! on what is a valid series stand here once.

use std::sync::Arc;

use thiserror::Error;

use crate::covariates::spread;
use crate::{
    Calendar, CalendarError, Covariate, CovariateError, Covariates, ForecastRequest, Frequency,
    FrequencyError, Horizon, Limits, QuantileLevels, SeasonChoice, SeasonLengthError, Series,
    SeriesError, Stamp, StampError, Warning,
};

/// One series as it was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesDraft {
    /// The values, oldest first, `NaN` for a missing one.
    pub values: Vec<f64>,
    /// Where the first value lies. Excludes `timestamps`.
    pub start: Option<String>,
    /// Where each value lies. Excludes `start`. Shared, for the series of a wide table have the same.
    pub timestamps: Option<Vec<Arc<str>>>,
    /// The step of the calendar; inferred from `timestamps` when absent.
    pub frequency: Option<String>,
    /// IANA name of the zone in which stamps without one are meant.
    pub timezone: Option<String>,
    /// Steps per season.
    pub season_length: Option<SeasonDraft>,
    /// What is known beside the values.
    pub covariates: Vec<Covariate>,
}

/// A season length as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeasonDraft {
    /// A number of steps.
    Steps(u64),
    /// To be found in the values, whatever the frequency says.
    Detect,
}

/// A field of a [`SeriesDraft`], to say where an error lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `values` as a whole.
    Values,
    /// One of `values`, from 0.
    Value(usize),
    /// `start`.
    Start,
    /// `timestamps` as a whole.
    Timestamps,
    /// One of `timestamps`, from 0.
    Timestamp(usize),
    /// `frequency`.
    Frequency,
    /// `timezone`.
    Timezone,
    /// `season_length`.
    SeasonLength,
    /// `covariates`; which of them, the error says.
    Covariates,
}

/// Why a draft is not a series to forecast.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DraftError {
    /// The values are no series.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// `start` cannot be read.
    #[error(transparent)]
    Start(StampError),
    /// A timestamp cannot be read.
    #[error("timestamp {index}: {source}")]
    Timestamp {
        /// Its position, from 0.
        index: usize,
        /// What is wrong with it.
        source: StampError,
    },
    /// `start` and `timestamps` are both there.
    #[error("start and timestamps exclude each other; send one of them")]
    StartAndTimestamps,
    /// There is not one timestamp for each value.
    #[error(
        "there are {values} values and {timestamps} timestamps; send one timestamp for each value"
    )]
    LengthMismatch {
        /// How many values.
        values: usize,
        /// How many timestamps.
        timestamps: usize,
    },
    /// `start` gives no step, so the calendar is not known.
    #[error("start without frequency; send frequency, or timestamps to infer it from")]
    FrequencyMissing,
    /// `frequency` is not known.
    #[error(transparent)]
    Frequency(#[from] FrequencyError),
    /// `timezone` is not known, or a stamp cannot lie in it.
    #[error(transparent)]
    Timezone(StampError),
    /// The stamps make no calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// `season_length` is none.
    #[error(transparent)]
    SeasonLength(#[from] SeasonLengthError),
    /// A covariate does not belong to the series.
    #[error(transparent)]
    Covariate(#[from] CovariateError),
}

impl SeriesDraft {
    /// The request for this series, `horizon` steps ahead on `levels`.
    ///
    /// Steps between timestamps that have none are filled as missing.
    ///
    /// # Errors
    /// [`DraftError`], whose [`DraftError::field`] says where.
    pub fn into_request(
        mut self,
        horizon: Horizon,
        levels: QuantileLevels,
        limits: &Limits,
    ) -> Result<ForecastRequest, DraftError> {
        let frequency = self
            .frequency
            .as_deref()
            .map(str::parse::<Frequency>)
            .transpose()?;
        let season = self.season_length;
        let shape = (self.values.len(), horizon.steps());
        let list = std::mem::take(&mut self.covariates);
        let mut covariates = Covariates::new(list, shape, limits.covariates)?;
        let (axis, gaps) = self.time_axis(frequency, limits)?;
        let mut warnings = Vec::new();
        let values = match gaps {
            Some(positions) => {
                let filled = spread(&self.values, &positions);
                if filled.len() > positions.len() {
                    warnings.push(Warning::GapsFilled {
                        steps: filled.len() - positions.len(),
                    });
                    covariates = covariates.spread(&positions);
                }
                filled
            }
            None => self.values,
        };
        if let Some(calendar) = axis.as_ref().filter(|calendar| calendar.off_anchor()) {
            warnings.push(Warning::OffAnchor {
                start: calendar.start().to_string(),
                frequency: calendar.frequency().to_string(),
            });
        }
        let known = frequency.or_else(|| axis.as_ref().and_then(Calendar::usual_frequency));
        let season = match (season, known) {
            (Some(SeasonDraft::Steps(length)), _) => SeasonChoice::given(length, limits.values)?,
            (Some(SeasonDraft::Detect), _) | (None, None) => SeasonChoice::Detected,
            (None, Some(frequency)) => SeasonChoice::Usual(frequency),
        };
        let series = Series::new(values, axis, limits.values)?;
        Ok(ForecastRequest::new(series, horizon, levels, season)
            .with_covariates(covariates)
            .with_warnings(warnings))
    }

    /// The calendar, and with timestamps the step on which each value lies.
    fn time_axis(
        &self,
        frequency: Option<Frequency>,
        limits: &Limits,
    ) -> Result<(Option<Calendar>, Option<Vec<usize>>), DraftError> {
        match (&self.start, &self.timestamps) {
            (Some(_), Some(_)) => Err(DraftError::StartAndTimestamps),
            (None, None) => Ok((None, None)),
            (Some(start), None) => {
                let frequency = frequency.ok_or(DraftError::FrequencyMissing)?;
                let start = Stamp::parse(start).map_err(DraftError::Start)?;
                Ok((Some(Calendar::new(self.zoned(start)?, frequency)?), None))
            }
            (None, Some(timestamps)) => {
                let lengths = (self.values.len(), timestamps.len());
                if lengths.0 != lengths.1 {
                    let (values, timestamps) = lengths;
                    return Err(DraftError::LengthMismatch { values, timestamps });
                }
                if timestamps.is_empty() {
                    return Err(SeriesError::Empty.into());
                }
                let stamps = self.stamps(timestamps)?;
                let (calendar, positions) = Calendar::align(&stamps, frequency, limits.values)?;
                Ok((Some(calendar), Some(positions)))
            }
        }
    }

    fn stamps(&self, timestamps: &[Arc<str>]) -> Result<Vec<Stamp>, DraftError> {
        let parse = |(index, text): (usize, &Arc<str>)| {
            Stamp::parse(text).map_err(|source| DraftError::Timestamp { index, source })
        };
        let stamps = timestamps
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        match &self.timezone {
            // All at once: only their order tells the two passes of a repeated hour apart.
            Some(zone) => Stamp::all_in_zone(stamps, zone).map_err(DraftError::Timezone),
            None => Ok(stamps),
        }
    }

    fn zoned(&self, stamp: Stamp) -> Result<Stamp, DraftError> {
        match &self.timezone {
            Some(zone) => stamp.in_zone(zone).map_err(DraftError::Timezone),
            None => Ok(stamp),
        }
    }
}

impl DraftError {
    /// Where the error lies.
    #[must_use]
    pub fn field(&self) -> Field {
        match self {
            Self::Series(SeriesError::Infinite { index, .. }) => Field::Value(*index),
            Self::Series(_) => Field::Values,
            Self::Start(_) => Field::Start,
            Self::Timestamp { index, .. } => Field::Timestamp(*index),
            Self::StartAndTimestamps | Self::LengthMismatch { .. } => Field::Timestamps,
            Self::FrequencyMissing
            | Self::Frequency(_)
            | Self::Calendar(CalendarError::NeedsUnit { .. }) => Field::Frequency,
            Self::Timezone(_) => Field::Timezone,
            Self::Calendar(error) => error.index().map_or(Field::Timestamps, Field::Timestamp),
            Self::SeasonLength(_) => Field::SeasonLength,
            Self::Covariate(_) => Field::Covariates,
        }
    }
}

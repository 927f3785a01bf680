//! One series to forecast, valid by construction.

use thiserror::Error;

use crate::{
    Covariates, Frequency, Horizon, QuantileLevels, Series, Warning, detect_season_length,
};

/// Bounds on what one request may ask. Each is configuration of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series in one request.
    pub series: usize,
    /// Values in one series, gaps between timestamps counted.
    pub values: usize,
    /// Steps ahead.
    pub horizon: usize,
    /// Quantile levels and central levels, together.
    pub levels: usize,
    /// Covariates of one series, of all kinds.
    pub covariates: usize,
}

/// How the season length of a series is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeasonChoice {
    /// The client knows it.
    Given(usize),
    /// The usual one of this frequency.
    Usual(Frequency),
    /// Found in the values.
    Detected,
}

/// Why a number is not a season length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SeasonLengthError {
    /// A season has at least one step.
    #[error("the season length is 0; send 1 for no season, or leave it out to have it found")]
    Zero,
    /// Longer than any series that is accepted.
    #[error("a season of {length} steps is over the limit of {limit}")]
    TooLong {
        /// The steps per season asked for.
        length: u64,
        /// The longest accepted.
        limit: usize,
    },
}

/// One series, how far ahead to forecast it, and on which levels.
#[derive(Clone, Debug)]
pub struct ForecastRequest {
    series: Series,
    horizon: Horizon,
    levels: QuantileLevels,
    season: SeasonChoice,
    season_length: usize,
    covariates: Covariates,
    warnings: Vec<Warning>,
}

/// The longest season looked for in the values: two weeks of hours.
///
/// Longer ones are named by the frequency or by the client. The bound keeps detection within a few
/// hundred lengths: a third of a millisecond for a full window.
const LONGEST_DETECTED: usize = 336;

/// How many of the last values detection looks at: enough for three of the longest season.
const DETECTION_WINDOW: usize = 1_024;

impl SeasonChoice {
    /// A season of `length` steps, as the client gave it.
    ///
    /// # Errors
    /// [`SeasonLengthError`] when it is 0 or over `limit`.
    pub fn given(length: u64, limit: usize) -> Result<Self, SeasonLengthError> {
        if length == 0 {
            return Err(SeasonLengthError::Zero);
        }
        match usize::try_from(length) {
            Ok(within) if within <= limit => Ok(Self::Given(within)),
            _ => Err(SeasonLengthError::TooLong { length, limit }),
        }
    }

    fn settle(self, series: &Series) -> usize {
        match self {
            Self::Given(length) => length,
            Self::Usual(frequency) => frequency.season_length(),
            Self::Detected => detect_season_length(series.tail(DETECTION_WINDOW), LONGEST_DETECTED),
        }
    }
}

impl ForecastRequest {
    /// A request for `series`, with its season settled by `season`.
    #[must_use]
    pub fn new(
        series: Series,
        horizon: Horizon,
        levels: QuantileLevels,
        season: SeasonChoice,
    ) -> Self {
        let season_length = season.settle(&series);
        Self {
            series,
            horizon,
            levels,
            season,
            season_length,
            covariates: Covariates::default(),
            warnings: Vec::new(),
        }
    }

    /// The same question asked when only the first `length` values were known, on `levels`. `None`
    /// when none of those is observed.
    ///
    /// A season that was found in the values is looked for anew, for nothing after them may help.
    #[must_use]
    pub fn until(&self, length: usize, levels: QuantileLevels) -> Option<Self> {
        let values = self.series.values();
        let known = values[..length.min(values.len())].to_vec();
        let series = Series::new(known, self.series.calendar().cloned(), length).ok()?;
        let covariates = self.covariates.until(length, self.horizon.steps());
        let request = Self::new(series, self.horizon, levels, self.season);
        Some(request.with_covariates(covariates))
    }

    /// This request with what is known beside the values of its series.
    #[must_use]
    pub fn with_covariates(mut self, covariates: Covariates) -> Self {
        self.covariates = covariates;
        self
    }

    /// This request with warnings that its forecast will carry.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings = warnings;
        self
    }

    /// The series.
    #[must_use]
    pub const fn series(&self) -> &Series {
        &self.series
    }

    /// How far ahead.
    #[must_use]
    pub const fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// The quantile levels, median included.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// Steps per season; 1 means none.
    #[must_use]
    pub const fn season_length(&self) -> usize {
        self.season_length
    }

    /// What is known beside the values.
    #[must_use]
    pub const fn covariates(&self) -> &Covariates {
        &self.covariates
    }

    /// How many values it holds, those of covariates with them.
    #[must_use]
    pub fn size(&self) -> usize {
        let covariates = self.covariates.iter();
        let beside: usize = covariates.map(|one| one.values.steps().len().max(1)).sum();
        self.series.values().len() + beside
    }

    /// What the forecast must say of how this request was read.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

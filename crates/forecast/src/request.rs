//! A request to forecast one series, valid by construction.

use thiserror::Error;

use crate::{
    Covariates, Frequency, Horizon, QuantileLevels, Series, Warning, detect_season_length,
};

/// The limits of one forecast request, all of them settings of the server.
///
/// ```
/// use almanac_forecast::{Horizon, ForecastLimits};
///
/// let limits = ForecastLimits { series: 64, values: 10_000, horizon: 1_024, levels: 99, covariates: 32 };
/// assert!(Horizon::new(2_000, limits.horizon).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastLimits {
    /// The maximum number of series in one request.
    pub series: usize,
    /// The maximum number of values in one series, gaps between timestamps included.
    pub values: usize,
    /// The maximum number of steps ahead.
    pub horizon: usize,
    /// The maximum number of quantile levels and central levels together.
    pub levels: usize,
    /// The maximum number of covariates of one series, of all kinds together.
    pub covariates: usize,
}

/// The source of the season length of a series.
///
/// ```
/// use almanac_forecast::{Frequency, SeasonChoice};
///
/// let weekly = SeasonChoice::given(7, 10_000)?;
/// assert_eq!(weekly, SeasonChoice::Given(7));
/// assert!(SeasonChoice::given(0, 10_000).is_err());
///
/// let hourly: Frequency = "h".parse()?;
/// let daily = SeasonChoice::FromFrequency(hourly);
/// assert_ne!(daily, weekly);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeasonChoice {
    /// The number of steps that the client sent.
    Given(usize),
    /// The usual season length of a frequency.
    FromFrequency(Frequency),
    /// The season length detected in the values.
    Detected,
}

/// The error returned when a number is not a valid season length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SeasonLengthError {
    /// The season length is 0.
    #[error("season_length is 0; send 1 for no season, or omit it to detect the season")]
    Zero,
    /// The season is longer than the longest series accepted.
    #[error("season_length {length} exceeds the limit of {limit}; send a shorter season")]
    TooLong {
        /// The requested number of steps per season.
        length: u64,
        /// The maximum number of steps per season.
        limit: usize,
    },
}

/// A series, the number of steps to forecast, and the quantile levels to forecast.
///
/// Clients' requests come from [`SeriesDraft::into_request`](crate::SeriesDraft::into_request).
///
/// ```
/// use almanac_forecast::{ForecastRequest, Horizon, QuantileLevels, SeasonChoice, Series};
///
/// let series = Series::new(vec![1.0, 5.0, 2.0, 6.0], None, 100)?;
/// let request = ForecastRequest::new(
///     series,
///     Horizon::new(3, 24)?,
///     QuantileLevels::with_median([]),
///     SeasonChoice::Given(2),
/// );
/// assert_eq!(request.season_length(), 2);
/// assert_eq!(request.horizon().steps(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// The longest season that is detected in the values: two weeks of hours.
///
/// Longer seasons come from the frequency or from the client. The bound limits detection to a few
/// hundred lengths: a third of a millisecond for a full window.
const MAX_DETECTED_LENGTH: usize = 336;

/// The number of most recent values used for detection: enough for three of the longest seasons.
const DETECTION_WINDOW: usize = 1_024;

impl SeasonChoice {
    /// Creates the choice of a season of `length` steps that the client sent.
    ///
    /// # Errors
    /// Returns a [`SeasonLengthError`] if `length` is 0 or exceeds `limit`.
    pub fn given(length: u64, limit: usize) -> Result<Self, SeasonLengthError> {
        if length == 0 {
            return Err(SeasonLengthError::Zero);
        }
        match usize::try_from(length) {
            Ok(length) if length <= limit => Ok(Self::Given(length)),
            _ => Err(SeasonLengthError::TooLong { length, limit }),
        }
    }

    fn resolve(self, series: &Series) -> usize {
        match self {
            Self::Given(length) => length,
            Self::FromFrequency(frequency) => frequency.season_length(),
            Self::Detected => {
                detect_season_length(series.tail(DETECTION_WINDOW), MAX_DETECTED_LENGTH)
            }
        }
    }
}

impl ForecastRequest {
    /// Creates a request for `series`, with the season length that `season` resolves to.
    #[must_use]
    pub fn new(
        series: Series,
        horizon: Horizon,
        levels: QuantileLevels,
        season: SeasonChoice,
    ) -> Self {
        let season_length = season.resolve(&series);
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

    /// Returns this request as of the time when only the first `length` values were known, on `levels`.
    /// Returns `None` if none of these values is observed.
    ///
    /// A detected season is detected again, because later values must not leak into the past.
    #[must_use]
    pub fn truncated(&self, length: usize, levels: QuantileLevels) -> Option<Self> {
        let values = self.series.values();
        let known = values[..length.min(values.len())].to_vec();
        let series = Series::new(known, self.series.calendar().cloned(), length).ok()?;
        let covariates = self.covariates.truncated(length, self.horizon.steps());
        let request = Self::new(series, self.horizon, levels, self.season);
        Some(request.with_covariates(covariates))
    }

    /// Returns this request with the covariates of its series.
    #[must_use]
    pub fn with_covariates(mut self, covariates: Covariates) -> Self {
        self.covariates = covariates;
        self
    }

    /// Returns this request with warnings for its forecast to carry.
    #[must_use]
    pub fn with_warnings(mut self, warnings: Vec<Warning>) -> Self {
        self.warnings = warnings;
        self
    }

    /// Returns the series.
    #[must_use]
    pub const fn series(&self) -> &Series {
        &self.series
    }

    /// Returns the horizon.
    #[must_use]
    pub const fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// Returns the quantile levels, median included.
    #[must_use]
    pub const fn levels(&self) -> &QuantileLevels {
        &self.levels
    }

    /// Returns the number of steps per season; 1 means no season.
    #[must_use]
    pub const fn season_length(&self) -> usize {
        self.season_length
    }

    /// Returns the covariates of the series.
    #[must_use]
    pub const fn covariates(&self) -> &Covariates {
        &self.covariates
    }

    /// Returns the number of values of the series and of its covariates.
    #[must_use]
    pub fn size(&self) -> usize {
        let covariate_values: usize = self
            .covariates
            .iter()
            .map(|covariate| covariate.values.steps().len().max(1))
            .sum();
        self.series.values().len() + covariate_values
    }

    /// Returns the warnings about how this request was interpreted.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

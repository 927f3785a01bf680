//! Warnings that a forecast carries.

use std::fmt;

/// A fact about a forecast that its reader could otherwise miss. It is never an error.
///
/// ```
/// use almanac_forecast::Warning;
///
/// let warning = Warning::ContextTruncated { given: 5_000, used: 2_048 };
/// assert_eq!(warning.code(), "context_truncated");
/// assert_eq!(warning.to_string(), "the model used the last 2048 of 5000 values");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The model used only the end of the series.
    ContextTruncated {
        /// The number of values in the request.
        given: usize,
        /// The number of values that the model used.
        used: usize,
    },
    /// Missing steps between timestamps were filled with missing values.
    GapsFilled {
        /// The number of steps that were filled.
        steps: usize,
    },
    /// The start does not lie on the frequency's anchor; the phase of the start was kept.
    OffAnchor {
        /// The start, as it was written.
        start: String,
        /// The frequency, in canonical form.
        frequency: String,
    },
    /// A requested level lies outside the levels of the model, and its quantile was extrapolated.
    Extrapolated {
        /// The requested level.
        level: f64,
        /// The outermost level of the model on that side.
        outermost: f64,
    },
    /// The model returns point forecasts only, so every level repeats the point.
    NoBand,
    /// The steps after the model's own were forecast from its median, as if that had been observed.
    RolledOut {
        /// The number of steps that the model itself returns.
        native: usize,
    },
    /// The season is longer than the model supports, so the model ran without a season.
    SeasonIgnored {
        /// The number of steps per season.
        season_length: usize,
        /// The longest season that the model supports.
        longest: usize,
    },
    /// The request has covariates that the model does not accept.
    CovariatesIgnored {
        /// The names of these covariates.
        names: Vec<String>,
    },
    /// The model uses more steps ahead than the covariates are known for; the rest was filled in as the
    /// manifest of the model specifies.
    CovariatesExtended {
        /// The number of steps ahead for which the covariates are known.
        known: usize,
        /// The number of steps ahead that the model uses.
        seen: usize,
    },
    /// Calibration was requested, but there are no past errors to learn from.
    NotCalibrated,
    /// There are too few past values to calibrate an interval to its nominal coverage.
    CalibratedOnFew {
        /// The nominal coverage of the interval, in percent.
        percent: f64,
        /// The number of past values that were compared with a forecast.
        values: usize,
        /// The minimum number of such values.
        needed: usize,
    },
}

const NO_BAND: &str = "the model returns point forecasts only, so every level repeats the point; \
    set calibrate_windows to estimate intervals from past errors";

const NOT_CALIBRATED: &str =
    "there are no past errors to calibrate with, so the intervals are the model's own";

impl Warning {
    /// Returns the stable code of this warning in the API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ContextTruncated { .. } => "context_truncated",
            Self::GapsFilled { .. } => "gaps_filled",
            Self::OffAnchor { .. } => "off_anchor",
            Self::Extrapolated { .. } => "quantile_extrapolated",
            Self::NoBand => "no_band",
            Self::RolledOut { .. } => "rolled_out",
            Self::SeasonIgnored { .. } => "season_ignored",
            Self::CovariatesIgnored { .. } => "covariates_ignored",
            Self::CovariatesExtended { .. } => "covariates_extended",
            Self::NotCalibrated => "not_calibrated",
            Self::CalibratedOnFew { .. } => "calibrated_on_few",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContextTruncated { given, used } => {
                write!(f, "the model used the last {used} of {given} values")
            }
            Self::GapsFilled { steps } => write!(
                f,
                "gaps between timestamps were filled with missing values; steps added: {steps}"
            ),
            Self::OffAnchor { start, frequency } => write!(
                f,
                "start {start} is not on the anchor of {frequency}; the phase of the start was kept"
            ),
            Self::Extrapolated { level, outermost } => write!(
                f,
                "level {level} is beyond the model's outermost level {outermost} and was extrapolated"
            ),
            Self::NoBand => f.write_str(NO_BAND),
            Self::RolledOut { native } => write!(
                f,
                "steps after {native} were forecast from the model's own median, so their intervals are too narrow"
            ),
            Self::SeasonIgnored {
                season_length,
                longest,
            } => write!(
                f,
                "season length {season_length} exceeds the model's maximum of {longest} and was ignored"
            ),
            Self::CovariatesIgnored { names } => write!(
                f,
                "covariates that the model does not accept were ignored: {}",
                names.join(", ")
            ),
            Self::CovariatesExtended { known, seen } => write!(
                f,
                "covariates are known for {known} steps ahead and the model uses {seen}; the rest was filled in, so request {seen} steps if their values are known"
            ),
            Self::NotCalibrated => f.write_str(NOT_CALIBRATED),
            Self::CalibratedOnFew {
                percent,
                values,
                needed,
            } => write!(
                f,
                "the {percent} % interval was calibrated on {values} past values and needs {needed}, so it extends to the largest error observed"
            ),
        }
    }
}

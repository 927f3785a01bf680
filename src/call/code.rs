//! The stable codes of errors.

use serde::{Serialize, Serializer};

/// Declares the codes in one table: variant, text, title.
macro_rules! codes {
    ($($variant:ident = $text:literal, $title:literal;)+) => {
        /// The kind of a [`CallError`](crate::call::CallError), for programs. A code never changes its
        /// meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CallCode {
            $(#[doc = $title] $variant,)+
        }

        impl CallCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the code as every protocol writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Returns a short description of the kind of error.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    RequestTimeout = "request_timeout", "Request timed out";
    Overloaded = "overloaded", "Too many requests waiting";
    ShuttingDown = "shutting_down", "Model is being unloaded";
    Internal = "internal", "Internal server error";
    InvalidJson = "invalid_json", "Invalid JSON";
    InvalidCsv = "invalid_csv", "Invalid CSV table";
    UnknownField = "unknown_field", "Unknown field";
    DuplicateField = "duplicate_field", "Duplicate field";
    MissingField = "missing_field", "Missing required field";
    ConflictingFields = "conflicting_fields", "Conflicting fields";
    WrongType = "wrong_type", "Wrong type";
    NoSeries = "no_series", "No series";
    TooManySeries = "too_many_series", "Too many series";
    InvalidHorizon = "invalid_horizon", "Invalid horizon";
    HorizonTooLong = "horizon_too_long", "Horizon too long";
    InvalidQuantile = "invalid_quantile", "Quantile level outside (0, 1)";
    InvalidLevel = "invalid_level", "Level outside (0, 100)";
    TooManyLevels = "too_many_levels", "Too many quantiles and levels";
    UnknownModel = "unknown_model", "Unknown model";
    UnknownVersion = "unknown_version", "Unknown version or alias";
    ModelLoading = "model_loading", "Model is still loading";
    ModelFailed = "model_failed", "Model failed to load";
    InvalidWindows = "invalid_windows", "Too few windows";
    TooManyWindows = "too_many_windows", "Too many windows";
    InvalidStep = "invalid_step", "Invalid step between windows";
    BacktestTooLarge = "backtest_too_large", "Backtest too large";
    AllSeriesFailed = "all_series_failed", "All series failed";
    EmptySeries = "empty_series", "Empty series";
    AllMissing = "all_missing", "All values missing";
    InfiniteValue = "infinite_value", "Infinite value";
    SeriesTooLong = "series_too_long", "Series too long";
    SeriesTooShort = "series_too_short", "Series too short for the model";
    InvalidValue = "invalid_value", "Invalid value";
    UnfitValue = "unfit_value", "Value not supported by the model";
    LengthMismatch = "length_mismatch", "Values and timestamps differ in length";
    InvalidStart = "invalid_start", "Invalid start";
    InvalidTimestamp = "invalid_timestamp", "Invalid timestamp";
    InvalidTimezone = "invalid_timezone", "Invalid time zone";
    FrequencyMissing = "frequency_missing", "Missing frequency";
    UnknownFrequency = "unknown_frequency", "Unknown frequency";
    AmbiguousFrequency = "ambiguous_frequency", "Ambiguous frequency";
    FrequencyNotInferred = "frequency_not_inferred", "Frequency cannot be inferred";
    UnsortedTimestamps = "unsorted_timestamps", "Unsorted timestamps";
    DuplicateTimestamp = "duplicate_timestamp", "Duplicate timestamp";
    OffGridTimestamp = "off_grid_timestamp", "Timestamp off the grid of the frequency";
    TooManyGaps = "too_many_gaps", "Too many gaps";
    CalendarOutOfRange = "calendar_out_of_range", "Calendar out of range";
    InvalidSeasonLength = "invalid_season_length", "Invalid season length";
    TooManyCovariates = "too_many_covariates", "Too many covariates";
    InvalidCovariate = "invalid_covariate", "Invalid covariate";
    MissingCovariate = "missing_covariate", "Missing covariate";
    UnfitCovariate = "unfit_covariate", "Covariate not supported by the model";
    ForecastNotFinite = "forecast_not_finite", "Forecast not finite";
    ModelError = "model_error", "Model failed on the series";
}

impl Serialize for CallCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

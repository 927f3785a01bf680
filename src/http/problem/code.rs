//! The stable codes of the API.

use axum::http::StatusCode;
use serde::{Serialize, Serializer};

/// Declares the codes in one table: variant, status, text, title.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:ident, $text:literal, $title:literal;)+) => {
        /// What went wrong, for programs. A code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code, in the order of `docs/api.md`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as the API writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The status of an answer that fails with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The kind of problem, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    // The request as a whole: transport.
    NotFound = NOT_FOUND, "not_found", "There is nothing at this path";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "This path has other methods";
    UnsupportedContentType = UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", "The body's content type is not read";
    NotAcceptable = NOT_ACCEPTABLE, "not_acceptable", "No content type asked for is written";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is over the limit";
    BodyTimeout = REQUEST_TIMEOUT, "body_timeout", "The body stopped arriving";
    BodyUnreadable = BAD_REQUEST, "body_unreadable", "The body could not be read to its end";
    InvalidHeader = BAD_REQUEST, "invalid_header", "A header is wrong";
    InvalidQuery = BAD_REQUEST, "invalid_query", "A query parameter is wrong";
    RequestTimeout = GATEWAY_TIMEOUT, "request_timeout", "The answer took too long";
    Unauthorized = UNAUTHORIZED, "unauthorized", "The access key is missing or wrong";
    Overloaded = TOO_MANY_REQUESTS, "overloaded", "Too much work is waiting";
    ShuttingDown = SERVICE_UNAVAILABLE, "shutting_down", "The model is being unloaded";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The server failed";
    // The request as a whole: content.
    InvalidJson = BAD_REQUEST, "invalid_json", "The body is not JSON";
    InvalidCsv = BAD_REQUEST, "invalid_csv", "The body is not a table of series";
    UnknownField = UNPROCESSABLE_ENTITY, "unknown_field", "A field is not known";
    DuplicateField = UNPROCESSABLE_ENTITY, "duplicate_field", "A field is given twice";
    MissingField = UNPROCESSABLE_ENTITY, "missing_field", "A required field is missing";
    ConflictingFields = UNPROCESSABLE_ENTITY, "conflicting_fields", "Two fields exclude each other";
    WrongType = UNPROCESSABLE_ENTITY, "wrong_type", "A field has the wrong type";
    NoSeries = UNPROCESSABLE_ENTITY, "no_series", "There is no series";
    TooManySeries = UNPROCESSABLE_ENTITY, "too_many_series", "There are more series than the limit";
    InvalidHorizon = UNPROCESSABLE_ENTITY, "invalid_horizon", "The horizon is not at least 1";
    HorizonTooLong = UNPROCESSABLE_ENTITY, "horizon_too_long", "The horizon is over the limit";
    InvalidQuantile = UNPROCESSABLE_ENTITY, "invalid_quantile", "A quantile level is outside (0, 1)";
    InvalidLevel = UNPROCESSABLE_ENTITY, "invalid_level", "A level is outside (0, 100)";
    TooManyLevels = UNPROCESSABLE_ENTITY, "too_many_levels", "There are more quantiles and levels than the limit";
    UnknownModel = NOT_FOUND, "unknown_model", "There is no such model";
    UnknownVersion = NOT_FOUND, "unknown_version", "The model has no such version or alias";
    ModelLoading = SERVICE_UNAVAILABLE, "model_loading", "The model is being loaded";
    ModelFailed = SERVICE_UNAVAILABLE, "model_failed", "The model failed to load";
    ModelInUse = CONFLICT, "model_in_use", "The model or the version is in use";
    TooManyAliases = CONFLICT, "too_many_aliases", "The model has as many aliases as it may";
    InvalidModelName = BAD_REQUEST, "invalid_model_name", "The name cannot be given to a model";
    InvalidModel = BAD_REQUEST, "invalid_model", "There is no model that may be loaded";
    ModelLoaded = CONFLICT, "model_loaded", "The model is loaded already";
    NoRoom = INSUFFICIENT_STORAGE, "no_room", "There is no room for another model";
    InvalidWindows = UNPROCESSABLE_ENTITY, "invalid_windows", "The windows are too few";
    TooManyWindows = UNPROCESSABLE_ENTITY, "too_many_windows", "There are more windows than the limit";
    InvalidStep = UNPROCESSABLE_ENTITY, "invalid_step", "The step between windows is not at least 1 or over the limit";
    BacktestTooLarge = UNPROCESSABLE_ENTITY, "backtest_too_large", "The backtest needs more forecasts than the limit";
    AllSeriesFailed = UNPROCESSABLE_ENTITY, "all_series_failed", "No series has a forecast";
    // One series.
    EmptySeries = UNPROCESSABLE_ENTITY, "empty_series", "The series has no values";
    AllMissing = UNPROCESSABLE_ENTITY, "all_missing", "Every value of the series is missing";
    InfiniteValue = UNPROCESSABLE_ENTITY, "infinite_value", "A value is not finite";
    SeriesTooLong = UNPROCESSABLE_ENTITY, "series_too_long", "The series is over the limit";
    SeriesTooShort = UNPROCESSABLE_ENTITY, "series_too_short", "The series is shorter than the model needs";
    InvalidValue = UNPROCESSABLE_ENTITY, "invalid_value", "A value is not a number";
    UnfitValue = UNPROCESSABLE_ENTITY, "unfit_value", "The model does not take a value of the series";
    LengthMismatch = UNPROCESSABLE_ENTITY, "length_mismatch", "Values and timestamps differ in number";
    InvalidStart = UNPROCESSABLE_ENTITY, "invalid_start", "The start is not a point in time";
    InvalidTimestamp = UNPROCESSABLE_ENTITY, "invalid_timestamp", "A timestamp is not a point in time";
    InvalidTimezone = UNPROCESSABLE_ENTITY, "invalid_timezone", "The time zone is not known or does not apply";
    FrequencyMissing = UNPROCESSABLE_ENTITY, "frequency_missing", "A start needs a frequency";
    UnknownFrequency = UNPROCESSABLE_ENTITY, "unknown_frequency", "The frequency is not known";
    AmbiguousFrequency = UNPROCESSABLE_ENTITY, "ambiguous_frequency", "The frequency has two meanings";
    FrequencyNotInferred = UNPROCESSABLE_ENTITY, "frequency_not_inferred", "The timestamps show no frequency";
    UnsortedTimestamps = UNPROCESSABLE_ENTITY, "unsorted_timestamps", "The timestamps are not in order";
    DuplicateTimestamp = UNPROCESSABLE_ENTITY, "duplicate_timestamp", "A timestamp is given twice";
    OffGridTimestamp = UNPROCESSABLE_ENTITY, "off_grid_timestamp", "A timestamp does not lie on the frequency";
    TooManyGaps = UNPROCESSABLE_ENTITY, "too_many_gaps", "The gaps between timestamps are over the limit";
    CalendarOutOfRange = UNPROCESSABLE_ENTITY, "calendar_out_of_range", "The calendar leaves the years that can be written";
    InvalidSeasonLength = UNPROCESSABLE_ENTITY, "invalid_season_length", "The season length is not at least 1 or over the limit";
    TooManyCovariates = UNPROCESSABLE_ENTITY, "too_many_covariates", "The series has more covariates than the limit";
    InvalidCovariate = UNPROCESSABLE_ENTITY, "invalid_covariate", "A covariate does not belong to the series";
    MissingCovariate = UNPROCESSABLE_ENTITY, "missing_covariate", "The model needs a covariate that the series does not have";
    UnfitCovariate = UNPROCESSABLE_ENTITY, "unfit_covariate", "The model does not take a covariate as it was sent";
    ForecastNotFinite = UNPROCESSABLE_ENTITY, "forecast_not_finite", "The model gives no finite forecast for the series";
    ModelError = INTERNAL_SERVER_ERROR, "model_error", "The model failed on the series";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

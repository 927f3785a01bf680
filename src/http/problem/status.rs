//! The HTTP status of each error of a call.

use axum::http::StatusCode;

use crate::call::CallCode;

/// Returns the status of a response that fails with `code`. No wildcard arm: a new code must be given
/// a status.
pub(super) const fn status_of(code: CallCode) -> StatusCode {
    match code {
        CallCode::RequestTimeout => StatusCode::GATEWAY_TIMEOUT,
        CallCode::Overloaded => StatusCode::TOO_MANY_REQUESTS,
        CallCode::ShuttingDown | CallCode::ModelLoading | CallCode::ModelFailed => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        CallCode::Internal | CallCode::ModelError => StatusCode::INTERNAL_SERVER_ERROR,
        CallCode::InvalidJson | CallCode::InvalidCsv => StatusCode::BAD_REQUEST,
        CallCode::UnknownField
        | CallCode::DuplicateField
        | CallCode::MissingField
        | CallCode::ConflictingFields
        | CallCode::WrongType
        | CallCode::NoSeries
        | CallCode::TooManySeries
        | CallCode::InvalidHorizon
        | CallCode::HorizonTooLong
        | CallCode::InvalidQuantile
        | CallCode::InvalidLevel
        | CallCode::TooManyLevels
        | CallCode::InvalidWindows
        | CallCode::TooManyWindows
        | CallCode::InvalidStep
        | CallCode::BacktestTooLarge
        | CallCode::AllSeriesFailed
        | CallCode::EmptySeries
        | CallCode::AllMissing
        | CallCode::InfiniteValue
        | CallCode::SeriesTooLong
        | CallCode::SeriesTooShort
        | CallCode::InvalidValue
        | CallCode::UnfitValue
        | CallCode::LengthMismatch
        | CallCode::InvalidStart
        | CallCode::InvalidTimestamp
        | CallCode::InvalidTimezone
        | CallCode::FrequencyMissing
        | CallCode::UnknownFrequency
        | CallCode::AmbiguousFrequency
        | CallCode::FrequencyNotInferred
        | CallCode::UnsortedTimestamps
        | CallCode::DuplicateTimestamp
        | CallCode::OffGridTimestamp
        | CallCode::TooManyGaps
        | CallCode::CalendarOutOfRange
        | CallCode::InvalidSeasonLength
        | CallCode::TooManyCovariates
        | CallCode::InvalidCovariate
        | CallCode::MissingCovariate
        | CallCode::UnfitCovariate
        | CallCode::ForecastNotFinite => StatusCode::UNPROCESSABLE_ENTITY,
        CallCode::UnknownModel | CallCode::UnknownVersion => StatusCode::NOT_FOUND,
    }
}

//! The errors of a series' description as call errors.
//!
//! No wildcard arm: a new variant must be given a code.

use almanac_forecast::{
    CalendarError, DraftError, DraftField, Frequency, FrequencyError, SeasonLengthError,
    SeriesError,
};

use crate::call::error::covariate;
use crate::call::{CallCode, CallError};

/// Returns the error of a draft whose fields are at `prefix`.
pub(crate) fn draft_error(error: &DraftError, prefix: &str) -> CallError {
    let pointer = format!("{prefix}{}", pointer_to(error.field()));
    let detail = error.to_string();
    let located = match error {
        DraftError::Series(error) => series_error(error, detail),
        DraftError::Start(_) => CallError::new(CallCode::InvalidStart, detail),
        DraftError::Timestamp { .. } => CallError::new(CallCode::InvalidTimestamp, detail),
        DraftError::StartAndTimestamps => CallError::new(CallCode::ConflictingFields, detail),
        DraftError::LengthMismatch { values, timestamps } => {
            CallError::new(CallCode::LengthMismatch, detail)
                .limit(*values)
                .received(*timestamps)
        }
        DraftError::FrequencyMissing => CallError::new(CallCode::FrequencyMissing, detail),
        DraftError::Frequency(error) => frequency_error(error, detail),
        DraftError::Timezone(_) => CallError::new(CallCode::InvalidTimezone, detail),
        DraftError::Calendar(error) => calendar_error(error, detail),
        DraftError::SeasonLength(error) => season_length_error(*error, detail),
        // The error itself knows the covariate and the value.
        DraftError::Covariate(error) => return covariate::invalid_covariate(error, prefix),
    };
    located.at(pointer)
}

fn series_error(error: &SeriesError, detail: String) -> CallError {
    match error {
        SeriesError::Empty => CallError::new(CallCode::EmptySeries, detail),
        SeriesError::AllMissing { length } => {
            CallError::new(CallCode::AllMissing, detail).received(*length)
        }
        // JSON cannot write an infinity as a number.
        SeriesError::Infinite { value, .. } => {
            CallError::new(CallCode::InfiniteValue, detail).received(value.to_string())
        }
        SeriesError::TooLong { length, limit } => CallError::new(CallCode::SeriesTooLong, detail)
            .limit(*limit)
            .received(*length),
    }
}

fn frequency_error(error: &FrequencyError, detail: String) -> CallError {
    match error {
        FrequencyError::Unknown { text, .. } => CallError::new(CallCode::UnknownFrequency, detail)
            .received(text.as_str())
            .expected(known_frequencies()),
        FrequencyError::Unsupported { text, .. } => {
            CallError::new(CallCode::UnknownFrequency, detail).received(text.as_str())
        }
        FrequencyError::Ambiguous { text, .. } => {
            CallError::new(CallCode::AmbiguousFrequency, detail).received(text.as_str())
        }
        FrequencyError::MultipleOutOfRange { text, .. } => {
            CallError::new(CallCode::UnknownFrequency, detail).received(text.as_str())
        }
    }
}

fn known_frequencies() -> impl Iterator<Item = &'static str> {
    Frequency::KNOWN.iter().map(|(spelling, _)| *spelling)
}

fn calendar_error(error: &CalendarError, detail: String) -> CallError {
    let code = match error {
        CalendarError::NeedsUnit { .. } => CallCode::FrequencyMissing,
        CalendarError::OutOfRange { .. } => CallCode::CalendarOutOfRange,
        CalendarError::TooManyStamps { .. } => CallCode::SeriesTooLong,
        CalendarError::Unsorted { .. } => CallCode::UnsortedTimestamps,
        CalendarError::Duplicate { .. } => CallCode::DuplicateTimestamp,
        CalendarError::OffGrid { .. } => CallCode::OffGridTimestamp,
        CalendarError::MixedKinds { .. } => CallCode::InvalidTimestamp,
        CalendarError::NotEnoughStamps { .. }
        | CalendarError::CannotInfer { .. }
        | CalendarError::TooSparse { .. } => CallCode::FrequencyNotInferred,
        CalendarError::TooManySteps { .. } => CallCode::TooManyGaps,
    };
    let coded = CallError::new(code, detail);
    match error {
        CalendarError::Unsorted { stamp, .. }
        | CalendarError::Duplicate { stamp, .. }
        | CalendarError::OffGrid { stamp, .. }
        | CalendarError::CannotInfer { stamp, .. } => coded.received(stamp.to_string()),
        CalendarError::NotEnoughStamps { given, needed } => coded.limit(*needed).received(*given),
        CalendarError::TooManyStamps { count, most } => coded.limit(*most).received(*count),
        CalendarError::TooManySteps { steps, most, .. } => coded.limit(*most).received(*steps),
        CalendarError::NeedsUnit { .. }
        | CalendarError::OutOfRange { .. }
        | CalendarError::MixedKinds { .. }
        | CalendarError::TooSparse { .. } => coded,
    }
}

fn season_length_error(error: SeasonLengthError, detail: String) -> CallError {
    let coded = CallError::new(CallCode::InvalidSeasonLength, detail);
    match error {
        SeasonLengthError::Zero => coded.received(0),
        SeasonLengthError::TooLong { length, limit } => coded.limit(limit).received(length),
    }
}

fn pointer_to(field: DraftField) -> String {
    match field {
        DraftField::Values => "/values".to_owned(),
        DraftField::Value(index) => format!("/values/{index}"),
        DraftField::Start => "/start".to_owned(),
        DraftField::Timestamps => "/timestamps".to_owned(),
        DraftField::Timestamp(index) => format!("/timestamps/{index}"),
        DraftField::Frequency => "/frequency".to_owned(),
        DraftField::Timezone => "/timezone".to_owned(),
        DraftField::SeasonLength => "/season_length".to_owned(),
        DraftField::Covariates => "/covariates".to_owned(),
    }
}

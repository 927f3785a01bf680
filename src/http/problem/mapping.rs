//! Each error of the inner layers as a problem. No wildcard arm: a new variant must be placed.

mod covariate;

use std::time::Duration;

use crate::backtest::{BacktestError, ChoiceError};
use crate::http::problem::{Code, Problem};
use almanac_engine::registry::{HostError, OrderError, ResolveError};
use almanac_engine::{EngineError, SeriesFailure, SubmitError};
use almanac_forecast::backtest::TooShort;
use almanac_forecast::{
    CalendarError, DraftError, Field, FrequencyError, HorizonError, LevelError, PlanError,
    SeasonLengthError, SeriesError,
};
use almanac_frame::{CellError, FrameError};
use almanac_model::{RowError, Unfit};

/// The soonest that a refused client should come back.
const RETRY_SOON: Duration = Duration::from_secs(1);

impl From<ResolveError> for Problem {
    fn from(error: ResolveError) -> Self {
        let detail = error.to_string();
        match error {
            ResolveError::Unknown { name, available } => Self::new(Code::UnknownModel, detail)
                .received(name)
                .expected(available),
            ResolveError::UnknownVersion {
                version, available, ..
            } => Self::new(Code::UnknownVersion, detail)
                .received(version)
                .expected(available),
            ResolveError::UnknownAlias {
                alias, available, ..
            } => Self::new(Code::UnknownVersion, detail)
                .received(alias)
                .expected(available),
            ResolveError::Loading { .. }
            | ResolveError::Asleep { .. }
            | ResolveError::Unread { .. } => {
                Self::new(Code::ModelLoading, detail).retry_after(RETRY_SOON)
            }
            ResolveError::Failed { .. } => Self::new(Code::ModelFailed, detail),
        }
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let detail = error.to_string();
        match error {
            OrderError::UnknownModel { name, available } => Self::new(Code::UnknownModel, detail)
                .received(name)
                .expected(available),
            OrderError::UnknownVersion {
                version, available, ..
            } => Self::new(Code::UnknownVersion, detail)
                .received(version)
                .expected(available),
            OrderError::UnknownAlias {
                alias, available, ..
            } => Self::new(Code::UnknownVersion, detail)
                .received(alias)
                .expected(available),
            OrderError::TooManyAliases { limit, .. } => {
                Self::new(Code::TooManyAliases, detail).limit(limit)
            }
            OrderError::InUse { name, .. } => Self::new(Code::ModelInUse, detail).received(name),
            OrderError::Ending => Self::new(Code::ShuttingDown, detail).retry_after(RETRY_SOON),
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let detail = error.to_string();
        match error {
            HostError::Name { name } | HostError::Taken { name, .. } => {
                Self::new(Code::InvalidModelName, detail)
                    .at("/model_name")
                    .received(name)
            }
            HostError::Loaded { name } => Self::new(Code::ModelLoaded, detail).received(name),
            HostError::NotLoaded { name } => Self::new(Code::UnknownModel, detail).received(name),
            HostError::TooMany { limit } => Self::new(Code::NoRoom, detail).limit(limit),
            HostError::NoMemory { needed, limit, .. } => Self::new(Code::NoRoom, detail)
                .limit(limit)
                .received(needed),
            // A thread, or what it needs, is a resource too.
            HostError::Thread(_) => Self::new(Code::NoRoom, detail),
            HostError::Place(_) => Self::new(Code::InvalidModel, detail).at("/url"),
            HostError::Refused { .. } => Self::new(Code::InvalidModel, detail),
            HostError::Unready { .. } => Self::new(Code::ModelFailed, detail),
            HostError::Unloaded { name } => Self::new(Code::UnknownModel, detail).received(name),
            HostError::Ending => Self::new(Code::ShuttingDown, detail).retry_after(RETRY_SOON),
        }
    }
}

impl From<ChoiceError> for Problem {
    fn from(error: ChoiceError) -> Self {
        let detail = error.to_string();
        match error {
            ChoiceError::Model { index, error } => {
                let problem = Self::from(error);
                match index {
                    Some(index) => problem.at(format!("/models/{index}")),
                    None => problem,
                }
            }
            ChoiceError::Horizon { steps, longest, .. } => Self::new(Code::HorizonTooLong, detail)
                .at("/horizon")
                .limit(longest)
                .received(steps),
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let detail = error.to_string();
        match error {
            PlanError::NoWindows => Self::new(Code::InvalidWindows, detail)
                .at("/windows")
                .received(0),
            PlanError::CalibratedByNothing => Self::new(Code::InvalidWindows, detail)
                .at("/windows")
                .received(1),
            PlanError::TooManyWindows { windows, limit } => Self::new(Code::TooManyWindows, detail)
                .at("/windows")
                .limit(limit)
                .received(windows),
            PlanError::NoStep => Self::new(Code::InvalidStep, detail).at("/step").received(0),
            PlanError::StepTooLong { step, limit } => Self::new(Code::InvalidStep, detail)
                .at("/step")
                .limit(limit)
                .received(step),
        }
    }
}

impl From<TooShort> for Problem {
    fn from(error: TooShort) -> Self {
        Self::new(Code::SeriesTooShort, error.to_string())
            .limit(error.needed)
            .received(error.length)
    }
}

impl From<BacktestError> for Problem {
    fn from(error: BacktestError) -> Self {
        match error {
            BacktestError::Submit(error) => error.into(),
            BacktestError::Engine(error) => error.into(),
            BacktestError::Pool(error) => {
                tracing::error!(%error, "scoring a backtest failed");
                Self::new(Code::Internal, "the server failed on this backtest")
            }
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        let detail = error.to_string();
        match error {
            SubmitError::QueueFull {
                waiting,
                limit,
                retry_after,
                ..
            } => Self::new(Code::Overloaded, detail)
                .limit(limit)
                .received(waiting)
                .retry_after(retry_after.max(RETRY_SOON)),
            SubmitError::WaitTooLong { wait, limit } => Self::new(Code::Overloaded, detail)
                .limit(milliseconds(limit))
                .received(milliseconds(wait))
                .retry_after(wait.max(RETRY_SOON)),
            SubmitError::Closed => Self::new(Code::ShuttingDown, detail).retry_after(RETRY_SOON),
        }
    }
}

fn milliseconds(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX)
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::DeadlineExceeded => Self::new(Code::RequestTimeout, error.to_string()),
        }
    }
}

impl From<HorizonError> for Problem {
    fn from(error: HorizonError) -> Self {
        let detail = error.to_string();
        match error {
            HorizonError::Zero => Self::new(Code::InvalidHorizon, detail).received(0),
            HorizonError::TooLong { steps, limit } => Self::new(Code::HorizonTooLong, detail)
                .limit(limit)
                .received(steps),
        }
        .at("/horizon")
    }
}

impl From<LevelError> for Problem {
    fn from(error: LevelError) -> Self {
        let detail = error.to_string();
        match error {
            LevelError::Quantile(level) => Self::new(Code::InvalidQuantile, detail).received(level),
            LevelError::Central(level) => Self::new(Code::InvalidLevel, detail).received(level),
        }
    }
}

/// The problem of a series at `prefix` that a model could not answer.
pub(in crate::http) fn of_failure(failure: &SeriesFailure, prefix: &str) -> Problem {
    let detail = failure.to_string();
    let problem = match failure {
        SeriesFailure::Unfit(Unfit::Horizon { steps, longest, .. }) => {
            return Problem::new(Code::HorizonTooLong, detail)
                .at("/horizon")
                .limit(*longest)
                .received(*steps);
        }
        SeriesFailure::Unfit(Unfit::Covariate {
            kind, name, unfit, ..
        }) => return covariate::of_unfit((detail, prefix), (*kind, name), unfit),
        SeriesFailure::Unfit(Unfit::TooShort { length, least, .. }) => {
            Problem::new(Code::SeriesTooShort, detail)
                .limit(*least)
                .received(*length)
        }
        SeriesFailure::Unfit(Unfit::NothingObserved { .. }) => {
            Problem::new(Code::AllMissing, detail)
        }
        SeriesFailure::Unfit(Unfit::Missing { .. }) => Problem::new(Code::UnfitValue, detail),
        SeriesFailure::Unfit(Unfit::NoLogarithm { value, .. }) => {
            Problem::new(Code::UnfitValue, detail).received(*value)
        }
        SeriesFailure::Row(RowError::NotFinite) => Problem::new(Code::ForecastNotFinite, detail),
        SeriesFailure::Model(_) => Problem::new(Code::ModelError, detail),
    };
    problem.at(format!("{prefix}/values"))
}

impl From<&CellError> for Problem {
    fn from(error: &CellError) -> Self {
        let detail = error.to_string();
        match error {
            CellError::NotANumber { value, .. } | CellError::Comma { value, .. } => {
                Self::new(Code::InvalidValue, detail).received(value.as_str())
            }
            CellError::TooManyRows { rows, limit } => Self::new(Code::SeriesTooLong, detail)
                .limit(*limit)
                .received(*rows),
        }
    }
}

impl From<&FrameError> for Problem {
    fn from(error: &FrameError) -> Self {
        let code = match error {
            FrameError::TooManySeries { .. } => Code::TooManySeries,
            FrameError::Unreadable(_)
            | FrameError::NotUtf8 { .. }
            | FrameError::Empty
            | FrameError::NoRows { .. }
            | FrameError::NoHeader { .. }
            | FrameError::Ragged { .. }
            | FrameError::UnknownColumn { .. }
            | FrameError::SameColumn { .. }
            | FrameError::Ambiguous { .. }
            | FrameError::NoTarget { .. }
            | FrameError::DuplicateColumn { .. }
            | FrameError::TextColumn { .. }
            | FrameError::RepeatedTime { .. } => Code::InvalidCsv,
        };
        Self::new(code, error.to_string())
    }
}

/// The problem of a draft whose fields lie under `prefix` in the body.
pub(in crate::http) fn of_draft(error: &DraftError, prefix: &str) -> Problem {
    let pointer = format!("{prefix}{}", pointer_to(error.field()));
    let detail = error.to_string();
    let problem = match error {
        DraftError::Series(error) => of_series(error, detail),
        DraftError::Start(_) => Problem::new(Code::InvalidStart, detail),
        DraftError::Timestamp { .. } => Problem::new(Code::InvalidTimestamp, detail),
        DraftError::StartAndTimestamps => Problem::new(Code::ConflictingFields, detail),
        DraftError::LengthMismatch { values, timestamps } => {
            Problem::new(Code::LengthMismatch, detail)
                .limit(*values)
                .received(*timestamps)
        }
        DraftError::FrequencyMissing => Problem::new(Code::FrequencyMissing, detail),
        DraftError::Frequency(error) => of_frequency(error, detail),
        DraftError::Timezone(_) => Problem::new(Code::InvalidTimezone, detail),
        DraftError::Calendar(error) => of_calendar(error, detail),
        DraftError::SeasonLength(error) => of_season_length(*error, detail),
        // It says itself which of them, and which value.
        DraftError::Covariate(error) => return covariate::of_covariate(error, prefix),
    };
    problem.at(pointer)
}

impl From<&DraftError> for Problem {
    /// Of a series that stands alone.
    fn from(error: &DraftError) -> Self {
        of_draft(error, "")
    }
}

fn of_series(error: &SeriesError, detail: String) -> Problem {
    match error {
        SeriesError::Empty => Problem::new(Code::EmptySeries, detail),
        SeriesError::AllMissing { length } => {
            Problem::new(Code::AllMissing, detail).received(*length)
        }
        // JSON cannot write an infinity as a number.
        SeriesError::Infinite { value, .. } => {
            Problem::new(Code::InfiniteValue, detail).received(value.to_string())
        }
        SeriesError::TooLong { length, limit } => Problem::new(Code::SeriesTooLong, detail)
            .limit(*limit)
            .received(*length),
    }
}

fn of_frequency(error: &FrequencyError, detail: String) -> Problem {
    match error {
        FrequencyError::Unknown { text, .. } => Problem::new(Code::UnknownFrequency, detail)
            .received(text.as_str())
            .expected(known_frequencies()),
        FrequencyError::Unsupported { text, .. } => {
            Problem::new(Code::UnknownFrequency, detail).received(text.as_str())
        }
        FrequencyError::Ambiguous { text, .. } => {
            Problem::new(Code::AmbiguousFrequency, detail).received(text.as_str())
        }
        FrequencyError::MultipleOutOfRange { text, .. } => {
            Problem::new(Code::UnknownFrequency, detail).received(text.as_str())
        }
    }
}

fn known_frequencies() -> impl Iterator<Item = &'static str> {
    almanac_forecast::Frequency::KNOWN
        .iter()
        .map(|(spelling, _)| *spelling)
}

fn of_calendar(error: &CalendarError, detail: String) -> Problem {
    let code = match error {
        CalendarError::NeedsUnit { .. } => Code::FrequencyMissing,
        CalendarError::OutOfRange { .. } => Code::CalendarOutOfRange,
        CalendarError::TooManyStamps { .. } => Code::SeriesTooLong,
        CalendarError::Unsorted { .. } => Code::UnsortedTimestamps,
        CalendarError::Duplicate { .. } => Code::DuplicateTimestamp,
        CalendarError::OffGrid { .. } => Code::OffGridTimestamp,
        CalendarError::MixedKinds { .. } => Code::InvalidTimestamp,
        CalendarError::NotEnoughStamps { .. }
        | CalendarError::CannotInfer { .. }
        | CalendarError::TooSparse { .. } => Code::FrequencyNotInferred,
        CalendarError::TooManySteps { .. } => Code::TooManyGaps,
    };
    let problem = Problem::new(code, detail);
    match error {
        CalendarError::Unsorted { stamp, .. }
        | CalendarError::Duplicate { stamp, .. }
        | CalendarError::OffGrid { stamp, .. }
        | CalendarError::CannotInfer { stamp, .. } => problem.received(stamp.to_string()),
        CalendarError::NotEnoughStamps { given, needed } => problem.limit(*needed).received(*given),
        CalendarError::TooManyStamps { count, most } => problem.limit(*most).received(*count),
        CalendarError::TooManySteps { steps, most, .. } => problem.limit(*most).received(*steps),
        CalendarError::NeedsUnit { .. }
        | CalendarError::OutOfRange { .. }
        | CalendarError::MixedKinds { .. }
        | CalendarError::TooSparse { .. } => problem,
    }
}

fn of_season_length(error: SeasonLengthError, detail: String) -> Problem {
    let problem = Problem::new(Code::InvalidSeasonLength, detail);
    match error {
        SeasonLengthError::Zero => problem.received(0),
        SeasonLengthError::TooLong { length, limit } => problem.limit(limit).received(length),
    }
}

fn pointer_to(field: Field) -> String {
    match field {
        Field::Values => "/values".to_owned(),
        Field::Value(index) => format!("/values/{index}"),
        Field::Start => "/start".to_owned(),
        Field::Timestamps => "/timestamps".to_owned(),
        Field::Timestamp(index) => format!("/timestamps/{index}"),
        Field::Frequency => "/frequency".to_owned(),
        Field::Timezone => "/timezone".to_owned(),
        Field::SeasonLength => "/season_length".to_owned(),
        Field::Covariates => "/covariates".to_owned(),
    }
}

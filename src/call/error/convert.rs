//! The errors of the engine and of the registry as call errors.
//!
//! No wildcard arm: a new variant must be given a code.
use std::time::Duration;

use almanac_engine::registry::ResolveError;
use almanac_engine::{EngineError, SeriesFailure, SubmitError};
use almanac_forecast::backtest::TooShort;
use almanac_forecast::{BacktestPlanError, HorizonError, LevelError};
use almanac_model::{RowError, Unfit};

use crate::call::backtest::ChoiceError;
use crate::call::error::covariate;
use crate::call::windows::WindowError;
use crate::call::{CallCode, CallError};

/// The minimum time before a refused caller should retry.
const RETRY_SOON: Duration = Duration::from_secs(1);

impl From<ResolveError> for CallError {
    fn from(error: ResolveError) -> Self {
        let detail = error.to_string();
        match error {
            ResolveError::Unknown { name, available } => Self::new(CallCode::UnknownModel, detail)
                .received(name)
                .expected(available),
            ResolveError::UnknownVersion {
                version, available, ..
            } => Self::new(CallCode::UnknownVersion, detail)
                .received(version)
                .expected(available),
            ResolveError::UnknownAlias {
                alias, available, ..
            } => Self::new(CallCode::UnknownVersion, detail)
                .received(alias)
                .expected(available),
            ResolveError::Loading { .. }
            | ResolveError::Reloading { .. }
            | ResolveError::Unread { .. } => {
                Self::new(CallCode::ModelLoading, detail).retry_after(RETRY_SOON)
            }
            ResolveError::Failed { .. } => Self::new(CallCode::ModelFailed, detail),
        }
    }
}

impl From<ChoiceError> for CallError {
    fn from(error: ChoiceError) -> Self {
        let detail = error.to_string();
        match error {
            ChoiceError::Model { index, error } => {
                let error = Self::from(error);
                match index {
                    Some(index) => error.at(format!("/models/{index}")),
                    None => error,
                }
            }
            ChoiceError::Horizon { steps, longest, .. } => {
                Self::new(CallCode::HorizonTooLong, detail)
                    .at("/horizon")
                    .limit(longest)
                    .received(steps)
            }
        }
    }
}

impl From<BacktestPlanError> for CallError {
    fn from(error: BacktestPlanError) -> Self {
        let detail = error.to_string();
        match error {
            BacktestPlanError::NoWindows => Self::new(CallCode::InvalidWindows, detail)
                .at("/windows")
                .received(0),
            BacktestPlanError::NoCalibrationWindow => Self::new(CallCode::InvalidWindows, detail)
                .at("/windows")
                .received(1),
            BacktestPlanError::TooManyWindows { windows, limit } => {
                Self::new(CallCode::TooManyWindows, detail)
                    .at("/windows")
                    .limit(limit)
                    .received(windows)
            }
            BacktestPlanError::NoStep => Self::new(CallCode::InvalidStep, detail)
                .at("/step")
                .received(0),
            BacktestPlanError::StepTooLong { step, limit } => {
                Self::new(CallCode::InvalidStep, detail)
                    .at("/step")
                    .limit(limit)
                    .received(step)
            }
        }
    }
}

impl From<TooShort> for CallError {
    fn from(error: TooShort) -> Self {
        Self::new(CallCode::SeriesTooShort, error.to_string())
            .limit(error.needed)
            .received(error.length)
    }
}

impl From<WindowError> for CallError {
    fn from(error: WindowError) -> Self {
        match error {
            WindowError::Submit(error) => error.into(),
            WindowError::Engine(error) => error.into(),
            WindowError::Pool(error) => {
                tracing::error!(%error, "scoring a backtest failed");
                Self::new(CallCode::Internal, "the server failed on this backtest")
            }
        }
    }
}

impl From<SubmitError> for CallError {
    fn from(error: SubmitError) -> Self {
        let detail = error.to_string();
        match error {
            SubmitError::QueueFull {
                waiting,
                limit,
                retry_after,
                ..
            } => Self::new(CallCode::Overloaded, detail)
                .limit(limit)
                .received(waiting)
                .retry_after(retry_after.max(RETRY_SOON)),
            SubmitError::WaitTooLong { wait, limit } => Self::new(CallCode::Overloaded, detail)
                .limit(milliseconds(limit))
                .received(milliseconds(wait))
                .retry_after(wait.max(RETRY_SOON)),
            SubmitError::Closed => {
                Self::new(CallCode::ShuttingDown, detail).retry_after(RETRY_SOON)
            }
        }
    }
}

fn milliseconds(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX)
}

impl From<EngineError> for CallError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::DeadlineExceeded => Self::new(CallCode::RequestTimeout, error.to_string()),
        }
    }
}

impl From<HorizonError> for CallError {
    fn from(error: HorizonError) -> Self {
        let detail = error.to_string();
        match error {
            HorizonError::Zero => Self::new(CallCode::InvalidHorizon, detail).received(0),
            HorizonError::TooLong { steps, limit } => Self::new(CallCode::HorizonTooLong, detail)
                .limit(limit)
                .received(steps),
        }
        .at("/horizon")
    }
}

impl From<LevelError> for CallError {
    fn from(error: LevelError) -> Self {
        let detail = error.to_string();
        match error {
            LevelError::Quantile(level) => {
                Self::new(CallCode::InvalidQuantile, detail).received(level)
            }
            LevelError::Central(level) => Self::new(CallCode::InvalidLevel, detail).received(level),
        }
    }
}

/// Returns the error of the series at `prefix`, which a model could not forecast.
pub(crate) fn series_failure(failure: &SeriesFailure, prefix: &str) -> CallError {
    let detail = failure.to_string();
    let error = match failure {
        SeriesFailure::Unfit(Unfit::Horizon { steps, longest, .. }) => {
            return CallError::new(CallCode::HorizonTooLong, detail)
                .at("/horizon")
                .limit(*longest)
                .received(*steps);
        }
        SeriesFailure::Unfit(Unfit::Covariate {
            kind, name, unfit, ..
        }) => return covariate::unfit_covariate(prefix, *kind, name, unfit, detail),
        SeriesFailure::Unfit(Unfit::TooShort { length, least, .. }) => {
            CallError::new(CallCode::SeriesTooShort, detail)
                .limit(*least)
                .received(*length)
        }
        SeriesFailure::Unfit(Unfit::NothingObserved { .. }) => {
            CallError::new(CallCode::AllMissing, detail)
        }
        SeriesFailure::Unfit(Unfit::Missing { .. }) => CallError::new(CallCode::UnfitValue, detail),
        SeriesFailure::Unfit(Unfit::NoLogarithm { value, .. }) => {
            CallError::new(CallCode::UnfitValue, detail).received(*value)
        }
        SeriesFailure::Row(RowError::NotFinite) => {
            CallError::new(CallCode::ForecastNotFinite, detail)
        }
        SeriesFailure::Model(_) => CallError::new(CallCode::ModelError, detail),
    };
    error.at(format!("{prefix}/values"))
}

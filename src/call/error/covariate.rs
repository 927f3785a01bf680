//! The errors of a covariate as call errors.

use almanac_forecast::{CovariateError, CovariateKind, InvalidReason};
use almanac_model::CovariateFitError;

use crate::call::{CallCode, CallError};

/// Returns the error of a covariate of the series at `prefix` that is invalid by itself.
pub(super) fn invalid_covariate(error: &CovariateError, prefix: &str) -> CallError {
    let detail = error.to_string();
    match error {
        CovariateError::TooMany { count, limit } => {
            CallError::new(CallCode::TooManyCovariates, detail)
                .at(format!("{prefix}/covariates"))
                .limit(*limit)
                .received(*count)
        }
        CovariateError::Invalid { kind, name, flaw } => {
            let path = path_to(prefix, *kind, name, error.index());
            let located = CallError::new(CallCode::InvalidCovariate, detail).at(path);
            match flaw {
                InvalidReason::PastLength { length, expected }
                | InvalidReason::FutureLength { length, expected } => {
                    located.limit(*expected).received(*length)
                }
                // JSON cannot write an infinity as a number.
                InvalidReason::Infinite { value, .. } => located.received(value.to_string()),
                InvalidReason::NoName
                | InvalidReason::Duplicate
                | InvalidReason::MissingFuture { .. } => located,
            }
        }
    }
}

/// Returns the error of a covariate of the series at `prefix` that does not fit the model.
pub(super) fn unfit_covariate(
    prefix: &str,
    kind: CovariateKind,
    name: &str,
    unfit: &CovariateFitError,
    detail: String,
) -> CallError {
    let code = match unfit {
        CovariateFitError::Absent => CallCode::MissingCovariate,
        CovariateFitError::Kind { .. }
        | CovariateFitError::NotAhead { .. }
        | CovariateFitError::BeyondHorizon { .. }
        | CovariateFitError::PastOnly { .. }
        | CovariateFitError::NothingObserved { .. }
        | CovariateFitError::Missing { .. }
        | CovariateFitError::NoLogarithm { .. }
        | CovariateFitError::Category { .. }
        | CovariateFitError::NotANumber { .. } => CallCode::UnfitCovariate,
    };
    let located = CallError::new(code, detail).at(path_to(prefix, kind, name, unfit.index()));
    match unfit {
        CovariateFitError::Category { given, known } => {
            located.received(given.as_str()).expected(known)
        }
        CovariateFitError::NotANumber { given } => located.received(given.as_str()),
        CovariateFitError::BeyondHorizon { seen, steps } => located.limit(*seen).received(*steps),
        CovariateFitError::Absent
        | CovariateFitError::Kind { .. }
        | CovariateFitError::NotAhead { .. }
        | CovariateFitError::PastOnly { .. }
        | CovariateFitError::NothingObserved { .. }
        | CovariateFitError::Missing { .. }
        | CovariateFitError::NoLogarithm { .. } => located,
    }
}

/// Returns the JSON pointer (RFC 6901) to a covariate, or to one of its values.
fn path_to(prefix: &str, kind: CovariateKind, name: &str, index: Option<usize>) -> String {
    let shown: String = name.chars().take(80).collect();
    let name = shown.replace('~', "~0").replace('/', "~1");
    let place = index.map_or_else(String::new, |index| format!("/{index}"));
    format!("{prefix}/covariates/{kind}/{name}{place}")
}

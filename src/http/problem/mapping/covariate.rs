//! What is wrong with a covariate, as a problem.

use crate::http::problem::{Code, Problem};
use almanac_forecast::{CovariateError, CovariateKind, Flaw};
use almanac_model::CovariateUnfit;

/// The problem of a covariate of the series at `prefix`, as it was sent.
pub(super) fn of_covariate(error: &CovariateError, prefix: &str) -> Problem {
    let detail = error.to_string();
    match error {
        CovariateError::TooMany { count, limit } => Problem::new(Code::TooManyCovariates, detail)
            .at(format!("{prefix}/covariates"))
            .limit(*limit)
            .received(*count),
        CovariateError::Flawed { kind, name, flaw } => {
            let pointer = pointer_to(prefix, (*kind, name), error.index());
            let problem = Problem::new(Code::InvalidCovariate, detail).at(pointer);
            match flaw {
                Flaw::PastLength { length, expected } | Flaw::FutureLength { length, expected } => {
                    problem.limit(*expected).received(*length)
                }
                // JSON cannot write an infinity as a number.
                Flaw::Infinite { value, .. } => problem.received(value.to_string()),
                Flaw::NoName | Flaw::Twice | Flaw::MissingAhead { .. } => problem,
            }
        }
    }
}

/// The problem of a covariate of the series at `prefix` that a model needs, or needs otherwise.
pub(super) fn of_unfit(
    (detail, prefix): (String, &str),
    named: (CovariateKind, &str),
    unfit: &CovariateUnfit,
) -> Problem {
    let code = match unfit {
        CovariateUnfit::Absent => Code::MissingCovariate,
        CovariateUnfit::Kind { .. }
        | CovariateUnfit::NotAhead { .. }
        | CovariateUnfit::BeyondHorizon { .. }
        | CovariateUnfit::PastOnly { .. }
        | CovariateUnfit::NothingObserved { .. }
        | CovariateUnfit::Missing { .. }
        | CovariateUnfit::NoLogarithm { .. }
        | CovariateUnfit::Category { .. }
        | CovariateUnfit::NotANumber { .. } => Code::UnfitCovariate,
    };
    let problem = Problem::new(code, detail).at(pointer_to(prefix, named, unfit.index()));
    match unfit {
        CovariateUnfit::Category { given, known } => {
            problem.received(given.as_str()).expected(known)
        }
        CovariateUnfit::NotANumber { given } => problem.received(given.as_str()),
        CovariateUnfit::BeyondHorizon { seen, steps } => problem.limit(*seen).received(*steps),
        _ => problem,
    }
}

/// The JSON pointer (RFC 6901) to a covariate, or to one of its values.
fn pointer_to(prefix: &str, (kind, name): (CovariateKind, &str), index: Option<usize>) -> String {
    let shown: String = name.chars().take(80).collect();
    let name = shown.replace('~', "~0").replace('/', "~1");
    let place = index.map_or_else(String::new, |index| format!("/{index}"));
    format!("{prefix}/covariates/{kind}/{name}{place}")
}

//! Whether a new version does so much worse than the old one that the old one takes over again.
//!
//! Pure: counts of both in, a reason or none out.

use std::time::Duration;

use thiserror::Error;

use crate::registry::usage::Counts;

/// When a new version has failed its trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialLimits {
    /// Requests that the new version must have had before its errors count.
    pub requests: u64,
    /// The share of requests that may fail, whatever the old version's is.
    pub error_rate: f64,
    /// How many times the old version's share that may be.
    pub error_ratio: f64,
    /// Requests that both must have had before their time in the model counts.
    pub latency_requests: u64,
    /// How many times the old version's 99th percentile the new one's may be.
    pub latency_ratio: f64,
    /// A 99th percentile that is never too long.
    pub latency_floor: Duration,
}

/// How a new version failed its trial.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Fault {
    /// It fails too many requests.
    #[error(
        "{errors} of its {requests} requests failed, over the limit of {:.1} %, and the version before it had {:.1} %",
        .limit * 100.0,
        .old * 100.0
    )]
    Errors {
        /// Requests that failed.
        errors: u64,
        /// All of them.
        requests: u64,
        /// The share that may fail.
        limit: f64,
        /// The share of the old version.
        old: f64,
    },
    /// It takes too long.
    #[error(
        "its 99th percentile in the model is {:.1} ms, over {ratio} times the {:.1} ms of the version before it",
        .new.as_secs_f64() * 1e3,
        .old.as_secs_f64() * 1e3
    )]
    Latency {
        /// Its 99th percentile.
        new: Duration,
        /// The old version's.
        old: Duration,
        /// How many times that it may be.
        ratio: f64,
    },
}

impl TrialLimits {
    /// What is wrong with a version with counts `new` beside one with counts `old`.
    #[must_use]
    pub fn fault(&self, new: &Counts, old: &Counts) -> Option<Fault> {
        self.errors(new, old).or_else(|| self.latency(new, old))
    }

    fn errors(&self, new: &Counts, old: &Counts) -> Option<Fault> {
        let limit = self.error_rate.max(old.error_rate() * self.error_ratio);
        let is_over = new.requests >= self.requests && new.error_rate() > limit;
        is_over.then(|| Fault::Errors {
            errors: new.errors,
            requests: new.requests,
            limit,
            old: old.error_rate(),
        })
    }

    fn latency(&self, new: &Counts, old: &Counts) -> Option<Fault> {
        if new.measured().min(old.measured()) < self.latency_requests.max(1) {
            return None;
        }
        let (new, old) = (new.p99()?, old.p99()?);
        let limit = old.mul_f64(self.latency_ratio).max(self.latency_floor);
        (new > limit).then_some(Fault::Latency {
            new,
            old,
            ratio: self.latency_ratio,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::usage::Usage;

    const LIMITS: TrialLimits = TrialLimits {
        requests: 20,
        error_rate: 0.05,
        error_ratio: 2.0,
        latency_requests: 100,
        latency_ratio: 3.0,
        latency_floor: Duration::from_millis(50),
    };

    /// Counts of `requests`, the first `errors` of which failed, each in the model for `took` ms.
    fn counts(requests: u64, errors: u64, took: u64) -> Counts {
        let usage = Usage::default();
        for request in 0..requests {
            usage.answered(Duration::from_millis(took), request < errors);
        }
        usage.counts()
    }

    #[test]
    fn errors_count_from_enough_requests_on() {
        let old = counts(1_000, 0, 1);
        assert_eq!(LIMITS.fault(&counts(19, 19, 1), &old), None);
        assert_eq!(LIMITS.fault(&counts(20, 1, 1), &old), None);
        let fault = LIMITS.fault(&counts(20, 2, 1), &old).unwrap();
        assert_eq!(
            fault.to_string(),
            "2 of its 20 requests failed, over the limit of 5.0 %, and the version before it had 0.0 %"
        );
    }

    #[test]
    fn errors_that_the_old_version_had_too_are_not_the_new_ones_fault() {
        let old = counts(100, 40, 1);
        assert_eq!(LIMITS.fault(&counts(100, 80, 1), &old), None);
        assert!(LIMITS.fault(&counts(100, 81, 1), &old).is_some());
    }

    #[test]
    fn latency_is_compared_once_both_have_enough_and_above_the_floor() {
        let slow = counts(100, 0, 400);
        assert_eq!(LIMITS.fault(&slow, &counts(99, 0, 100)), None);
        assert_eq!(LIMITS.fault(&slow, &counts(100, 0, 200)), None);
        assert_eq!(LIMITS.fault(&counts(100, 0, 40), &counts(100, 0, 1)), None);
        let fault = LIMITS.fault(&slow, &counts(100, 0, 100)).unwrap();
        assert!(matches!(fault, Fault::Latency { .. }), "{fault}");
    }
}

//! The trial of a new version: whether it does so much worse than the previous version that it is rolled
//! back. Pure: computed from the counts of both versions.

use std::time::Duration;

use thiserror::Error;

use crate::registry::usage::UsageCounts;

/// The limits beyond which a new version fails its trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialLimits {
    /// The minimum number of requests of the new version before its errors count.
    pub requests: u64,
    /// The share of requests that may always fail.
    pub error_rate: f64,
    /// The maximum ratio of the error rate to that of the previous version.
    pub error_ratio: f64,
    /// The minimum number of requests of both versions before their time in the model counts.
    pub latency_requests: u64,
    /// The maximum ratio of the 99th percentile to that of the previous version.
    pub latency_ratio: f64,
    /// A 99th percentile that is always acceptable.
    pub latency_floor: Duration,
}

/// The reason why a new version failed its trial.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum TrialFailure {
    /// The version fails too many requests.
    #[error(
        "{errors} of its {requests} requests failed, above the limit of {:.1} % (previous version: {:.1} %)",
        .limit * 100.0,
        .old * 100.0
    )]
    Errors {
        /// The number of requests that failed.
        errors: u64,
        /// The number of requests.
        requests: u64,
        /// The share of requests that may fail.
        limit: f64,
        /// The share of requests that the previous version failed.
        old: f64,
    },
    /// The version takes too long.
    #[error(
        "its 99th percentile in the model is {:.1} ms, more than {ratio} times the {:.1} ms of the previous version",
        .new.as_secs_f64() * 1e3,
        .old.as_secs_f64() * 1e3
    )]
    Latency {
        /// The 99th percentile of the new version.
        new: Duration,
        /// The 99th percentile of the previous version.
        old: Duration,
        /// The maximum ratio of the two.
        ratio: f64,
    },
}

impl TrialLimits {
    /// Returns the reason why a version with the counts `new` fails against the previous version with the
    /// counts `old`, or `None` if it does not.
    #[must_use]
    pub fn failure(&self, new: &UsageCounts, old: &UsageCounts) -> Option<TrialFailure> {
        self.error_failure(new, old)
            .or_else(|| self.latency_failure(new, old))
    }

    fn error_failure(&self, new: &UsageCounts, old: &UsageCounts) -> Option<TrialFailure> {
        let limit = self.error_rate.max(old.error_rate() * self.error_ratio);
        let is_over = new.requests >= self.requests && new.error_rate() > limit;
        is_over.then(|| TrialFailure::Errors {
            errors: new.errors,
            requests: new.requests,
            limit,
            old: old.error_rate(),
        })
    }

    fn latency_failure(&self, new: &UsageCounts, old: &UsageCounts) -> Option<TrialFailure> {
        if new.measured().min(old.measured()) < self.latency_requests.max(1) {
            return None;
        }
        let (new, old) = (new.p99()?, old.p99()?);
        let limit = old.mul_f64(self.latency_ratio).max(self.latency_floor);
        (new > limit).then_some(TrialFailure::Latency {
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

    /// Returns the counts of `requests`, each of which took `milliseconds`, and the first `errors` of which
    /// failed.
    fn counts(requests: u64, errors: u64, milliseconds: u64) -> UsageCounts {
        let usage = Usage::default();
        for request in 0..requests {
            usage.record_answer(Duration::from_millis(milliseconds), request < errors);
        }
        usage.counts()
    }

    #[test]
    fn errors_count_after_enough_requests() {
        let old = counts(1_000, 0, 1);
        assert_eq!(LIMITS.failure(&counts(19, 19, 1), &old), None);
        assert_eq!(LIMITS.failure(&counts(20, 1, 1), &old), None);
        let failure = LIMITS.failure(&counts(20, 2, 1), &old).unwrap();
        assert_eq!(
            failure.to_string(),
            "2 of its 20 requests failed, above the limit of 5.0 % (previous version: 0.0 %)"
        );
    }

    #[test]
    fn errors_are_compared_with_those_of_the_previous_version() {
        let old = counts(100, 40, 1);
        assert_eq!(LIMITS.failure(&counts(100, 80, 1), &old), None);
        assert!(LIMITS.failure(&counts(100, 81, 1), &old).is_some());
    }

    #[test]
    fn latency_counts_after_enough_requests_and_above_the_floor() {
        let slow = counts(100, 0, 400);
        assert_eq!(LIMITS.failure(&slow, &counts(99, 0, 100)), None);
        assert_eq!(LIMITS.failure(&slow, &counts(100, 0, 200)), None);
        assert_eq!(
            LIMITS.failure(&counts(100, 0, 40), &counts(100, 0, 1)),
            None
        );
        let failure = LIMITS.failure(&slow, &counts(100, 0, 100)).unwrap();
        assert!(matches!(failure, TrialFailure::Latency { .. }), "{failure}");
    }
}

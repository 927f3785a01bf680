//! The counts and durations of the requests of a model version.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The number of buckets of the durations: four per doubling, from a microsecond to more than an hour.
const BUCKETS: usize = 128;

/// The counters of one model version, updated by every request that it answers.
#[derive(Debug)]
pub struct Usage {
    requests: AtomicU64,
    errors: AtomicU64,
    durations: [AtomicU64; BUCKETS],
    /// A number that grows with every use of any version, to find the least recently used one.
    last_used: AtomicU64,
}

/// A snapshot of [`Usage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageCounts {
    /// The number of requests that the version answered or failed.
    pub requests: u64,
    /// The number of requests that the version failed, on one of their series or by taking too long.
    pub errors: u64,
    durations: [u64; BUCKETS],
}

impl Default for Usage {
    fn default() -> Self {
        let usage = Self {
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            durations: [const { AtomicU64::new(0) }; BUCKETS],
            last_used: AtomicU64::new(0),
        };
        usage.touch();
        usage
    }
}

impl Default for UsageCounts {
    fn default() -> Self {
        Self {
            requests: 0,
            errors: 0,
            durations: [0; BUCKETS],
        }
    }
}

impl Usage {
    /// Counts an answered request that spent `inference` in the model.
    pub fn record_answer(&self, inference: Duration, is_error: bool) {
        self.durations[bucket(inference)].fetch_add(1, Relaxed);
        self.count(is_error);
    }

    /// Counts a request that was not answered because the model took too long.
    pub fn record_timeout(&self) {
        self.count(true);
    }

    fn count(&self, is_error: bool) {
        self.requests.fetch_add(1, Relaxed);
        if is_error {
            self.errors.fetch_add(1, Relaxed);
        }
        self.touch();
    }

    fn touch(&self) {
        static CLOCK: AtomicU64 = AtomicU64::new(0);
        self.last_used.store(CLOCK.fetch_add(1, Relaxed), Relaxed);
    }

    /// Returns the logical time of the last use. It is larger for a version that was used later.
    #[must_use]
    pub fn last_used(&self) -> u64 {
        self.last_used.load(Relaxed)
    }

    /// Returns the current counts.
    #[must_use]
    pub fn counts(&self) -> UsageCounts {
        UsageCounts {
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            durations: std::array::from_fn(|bucket| self.durations[bucket].load(Relaxed)),
        }
    }
}

impl UsageCounts {
    /// Returns the share of requests that failed, or 0 if there were no requests.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        if self.requests == 0 {
            return 0.0;
        }
        self.errors as f64 / self.requests as f64
    }

    /// Returns the number of requests whose duration was measured.
    #[must_use]
    pub fn measured(&self) -> u64 {
        self.durations.iter().sum()
    }

    /// Returns the 99th percentile of the time in the model, rounded up by at most a fifth. Returns `None`
    /// if no duration was measured.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        let rank = (self.measured() * 99).div_ceil(100);
        let mut below = 0;
        let is_reached = |count: &u64| {
            below += count;
            below >= rank
        };
        let bucket = self.durations.iter().position(is_reached)?;
        (rank > 0).then(|| upper_bound(bucket))
    }
}

fn bucket(duration: Duration) -> usize {
    let microseconds = duration.as_secs_f64() * 1e6;
    let position = (microseconds.max(1.0).log2() * 4.0).ceil();
    (0..BUCKETS - 1)
        .find(|bucket| position <= *bucket as f64)
        .unwrap_or(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> Duration {
    Duration::from_secs_f64((bucket as f64 / 4.0).exp2() * 1e-6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_error_rate_is_a_share_of_the_requests() {
        let usage = Usage::default();
        assert_eq!(
            (usage.counts().error_rate(), usage.counts().p99()),
            (0.0, None)
        );
        usage.record_answer(Duration::from_millis(1), false);
        usage.record_answer(Duration::from_millis(1), true);
        usage.record_timeout();
        usage.record_answer(Duration::from_millis(1), false);
        let counts = usage.counts();
        assert_eq!(
            (counts.requests, counts.errors, counts.measured()),
            (4, 2, 3)
        );
        assert!((counts.error_rate() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_later_use_has_a_larger_number() {
        let [first, second] = [(); 2].map(|()| Usage::default());
        assert!(first.last_used() < second.last_used());
        first.record_timeout();
        assert!(first.last_used() > second.last_used());
    }

    proptest! {
        #[test]
        fn p99_exceeds_the_duration_of_that_rank_by_at_most_a_fifth(
            mut microseconds in proptest::collection::vec(1_u64..10_000_000, 1..300),
        ) {
            let usage = Usage::default();
            for one in &microseconds {
                usage.record_answer(Duration::from_micros(*one), false);
            }
            microseconds.sort_unstable();
            let exact = microseconds[(microseconds.len() * 99).div_ceil(100) - 1] as f64 * 1e-6;
            let p99 = usage.counts().p99().unwrap().as_secs_f64();
            prop_assert!(p99 >= exact * 0.999_999 && p99 <= exact * 1.19, "{p99} {exact}");
        }
    }
}

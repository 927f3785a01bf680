//! How long what waits will take, learned from the runs before. Pure.

use std::time::Duration;

/// The time of a step in runs of like size.
///
/// A run of one short row costs more by the step than a full one, so runs are told apart by the
/// binary logarithm of their steps.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Seconds for each step, 0 where no run was seen.
    by_size: [f64; CLASSES],
}

/// Runs of up to 2^31 steps, which is over a hundred times what fits a body.
const CLASSES: usize = 32;

/// How much of the estimate the last run replaces.
const WEIGHT: f64 = 0.2;

impl Pace {
    /// One that has seen no run, and expects no wait.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            by_size: [0.0; CLASSES],
        }
    }

    /// Learns from a run of rows with `steps` together.
    pub fn record(&mut self, steps: usize, took: Duration) {
        let seen = took.as_secs_f64() / steps.max(1) as f64;
        let kept = &mut self.by_size[class(steps)];
        *kept = if *kept > 0.0 {
            *kept + WEIGHT * (seen - *kept)
        } else {
            seen
        };
    }

    /// The time that `workers` take for `steps`, in runs of at most `batch_steps`.
    ///
    /// Where no run of that size was seen, the nearest smaller one counts, which errs on the slow
    /// side, and else the nearest larger one.
    #[must_use]
    pub fn time_for(&self, steps: usize, batch_steps: usize, workers: usize) -> Duration {
        let size = class(steps.min(batch_steps));
        let smaller = self.by_size[..=size].iter().rev();
        let known = smaller
            .chain(&self.by_size[size + 1..])
            .find(|seconds| **seconds > 0.0);
        let seconds = known.map_or(0.0, |seconds| {
            seconds * steps as f64 / workers.max(1) as f64
        });
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

fn class(steps: usize) -> usize {
    let log2 = usize::BITS - steps.leading_zeros();
    (log2 as usize).min(CLASSES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn nothing_seen_means_no_wait() {
        assert_eq!(Pace::new().time_for(1_000, 100, 1), Duration::ZERO);
    }

    #[test]
    fn full_runs_tell_of_full_runs() {
        let mut pace = Pace::new();
        pace.record(100, milliseconds(10));
        pace.record(10_000, milliseconds(100));
        assert_eq!(pace.time_for(100_000, 10_000, 1), milliseconds(1_000));
        assert_eq!(pace.time_for(100_000, 10_000, 4), milliseconds(250));
        assert_eq!(pace.time_for(100, 10_000, 1), milliseconds(10));
    }

    #[test]
    fn an_unseen_size_is_taken_for_a_smaller_one_first() {
        let mut pace = Pace::new();
        pace.record(100, milliseconds(10));
        pace.record(100_000, milliseconds(1));
        assert_eq!(pace.time_for(1_000, 1_000, 1), milliseconds(100));
        assert_eq!(pace.time_for(10, 10, 1), milliseconds(1));
    }

    #[test]
    fn follows_a_model_that_slows_down() {
        let mut pace = Pace::new();
        pace.record(1_000, milliseconds(10));
        for _ in 0..40 {
            pace.record(1_000, milliseconds(50));
        }
        let expected = pace.time_for(1_000, 1_000, 1).as_secs_f64();
        assert!((expected - 0.05).abs() < 0.001, "{expected}");
    }
}

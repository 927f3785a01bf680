//! Estimates how long queued steps will take, from the durations of earlier runs. Pure.

use std::time::Duration;

/// An estimate of the time per step, for runs of similar size.
///
/// A run of one short row costs more per step than a full batch, so runs are classified by the binary
/// logarithm of their steps.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The seconds per step of each class, 0 if no run of the class was recorded.
    seconds_per_step: [f64; CLASSES],
}

/// The number of classes. They cover runs of up to 2^31 steps, over a hundred times what fits into a
/// request body.
const CLASSES: usize = 32;

/// The weight of the last run in the moving average.
const WEIGHT: f64 = 0.2;

impl Pace {
    /// Creates an estimate without recorded runs, which expects no wait.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            seconds_per_step: [0.0; CLASSES],
        }
    }

    /// Records a run of rows with `steps` in total.
    pub fn record(&mut self, steps: usize, duration: Duration) {
        let measured = duration.as_secs_f64() / steps.max(1) as f64;
        let average = &mut self.seconds_per_step[class(steps)];
        *average = if *average > 0.0 {
            *average + WEIGHT * (measured - *average)
        } else {
            measured
        };
    }

    /// Estimates the time that `workers` need for `steps`, in runs of at most `batch_steps`.
    ///
    /// If no run of that class was recorded, the nearest smaller class is used, which overestimates, and
    /// otherwise the nearest larger class.
    #[must_use]
    pub fn time_for(&self, steps: usize, batch_steps: usize, workers: usize) -> Duration {
        let class = class(steps.min(batch_steps));
        let seconds_per_step = self.seconds_per_step[..=class]
            .iter()
            .rev()
            .chain(&self.seconds_per_step[class + 1..])
            .find(|seconds| **seconds > 0.0)
            .unwrap_or(&0.0);
        let seconds = seconds_per_step * steps as f64 / workers.max(1) as f64;
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
    fn without_recorded_runs_no_wait_is_expected() {
        assert_eq!(Pace::new().time_for(1_000, 100, 1), Duration::ZERO);
    }

    #[test]
    fn full_batches_are_estimated_from_full_batches() {
        let mut pace = Pace::new();
        pace.record(100, milliseconds(10));
        pace.record(10_000, milliseconds(100));
        assert_eq!(pace.time_for(100_000, 10_000, 1), milliseconds(1_000));
        assert_eq!(pace.time_for(100_000, 10_000, 4), milliseconds(250));
        assert_eq!(pace.time_for(100, 10_000, 1), milliseconds(10));
    }

    #[test]
    fn an_unrecorded_class_is_estimated_from_a_smaller_one_first() {
        let mut pace = Pace::new();
        pace.record(100, milliseconds(10));
        pace.record(100_000, milliseconds(1));
        assert_eq!(pace.time_for(1_000, 1_000, 1), milliseconds(100));
        assert_eq!(pace.time_for(10, 10, 1), milliseconds(1));
    }

    #[test]
    fn the_estimate_follows_a_model_that_slows_down() {
        let mut pace = Pace::new();
        pace.record(1_000, milliseconds(10));
        for _ in 0..40 {
            pace.record(1_000, milliseconds(50));
        }
        let expected = pace.time_for(1_000, 1_000, 1).as_secs_f64();
        assert!((expected - 0.05).abs() < 0.001, "{expected}");
    }
}

//! What a metric says at one moment, and what it says of the time between two.

use prometheus::proto::Histogram;

/// What a metric says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reading {
    /// A number that only grows.
    Total(f64),
    /// A number of the moment.
    Level(f64),
    /// Values, to the bucket of a histogram.
    Values(Spread),
}

/// Values counted in buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spread {
    /// Of each bucket but the last, its upper bound and the values up to it.
    up_to: Vec<(f64, u64)>,
    /// All values, those over the last bound included.
    count: u64,
    sum: f64,
}

/// The values of one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) count: u64,
}

impl Reading {
    /// What happened since `before`; everything when there was nothing before.
    pub(super) fn since(&self, before: Option<&Self>) -> Self {
        match (self, before) {
            (Self::Total(now), Some(Self::Total(before))) => Self::Total((now - before).max(0.0)),
            (Self::Values(now), Some(Self::Values(before))) => Self::Values(now.since(before)),
            (now, _) => now.clone(),
        }
    }
}

impl Spread {
    /// These values, and those of `histogram`, which has the same buckets.
    pub(super) fn with(mut self, histogram: &Histogram) -> Self {
        let buckets = histogram.get_bucket();
        if self.up_to.is_empty() {
            let bounds = buckets.iter().map(|bucket| (bucket.upper_bound(), 0));
            self.up_to = bounds.filter(|(bound, _)| bound.is_finite()).collect();
        }
        for ((_, count), bucket) in self.up_to.iter_mut().zip(buckets) {
            *count += bucket.cumulative_count();
        }
        self.count += histogram.get_sample_count();
        self.sum += histogram.get_sample_sum();
        self
    }

    fn since(&self, before: &Self) -> Self {
        // There is nothing before the first sample of a family.
        let earlier = before.up_to.iter().map(|(_, count)| *count);
        let earlier = earlier.chain(std::iter::repeat(0));
        let later = self.up_to.iter().zip(earlier);
        Self {
            up_to: later
                .map(|((bound, now), before)| (*bound, now.saturating_sub(before)))
                .collect(),
            count: self.count.saturating_sub(before.count),
            sum: (self.sum - before.sum).max(0.0),
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    /// The buckets that hold values, the smallest first. What is over the last bound counts as the
    /// bound itself.
    pub(super) fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = Vec::new();
        let (mut lower, mut below) = (0.0, 0);
        let last = self.up_to.last().map_or(0.0, |(bound, _)| *bound);
        for (upper, up_to) in self.up_to.iter().copied().chain([(last, self.count)]) {
            if up_to > below {
                buckets.push(Bucket {
                    lower,
                    upper,
                    count: up_to - below,
                });
            }
            (lower, below) = (upper, up_to);
        }
        buckets
    }
}

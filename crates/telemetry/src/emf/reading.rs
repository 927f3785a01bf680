//! The value of a metric at one moment, and its change between two moments.

use prometheus::proto::Histogram;

/// The value of a metric at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MetricReading {
    /// The value of a counter, which only grows.
    Total(f64),
    /// The value of a gauge.
    Level(f64),
    /// The values of a histogram, by bucket.
    Values(BucketCounts),
}

/// The numbers of values in the buckets of a histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct BucketCounts {
    /// The upper bound of each bucket except the last, and the number of values up to it.
    cumulative: Vec<(f64, u64)>,
    /// The number of all values, including those over the last bound.
    count: u64,
    sum: f64,
}

/// One bucket and the number of its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ValueBucket {
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) count: u64,
}

impl MetricReading {
    /// Returns the change since `previous`, or since the start if there is none.
    pub(super) fn since(&self, previous: Option<&Self>) -> Self {
        match (self, previous) {
            (Self::Total(current), Some(Self::Total(previous))) => {
                Self::Total((current - previous).max(0.0))
            }
            (Self::Values(current), Some(Self::Values(previous))) => {
                Self::Values(current.since(previous))
            }
            (current, _) => current.clone(),
        }
    }
}

impl BucketCounts {
    /// Returns these counts plus those of `histogram`, which has the same buckets.
    pub(super) fn with(mut self, histogram: &Histogram) -> Self {
        let buckets = histogram.get_bucket();
        if self.cumulative.is_empty() {
            self.cumulative = buckets
                .iter()
                .map(|bucket| (bucket.upper_bound(), 0))
                .filter(|(bound, _)| bound.is_finite())
                .collect();
        }
        for ((_, count), bucket) in self.cumulative.iter_mut().zip(buckets) {
            *count += bucket.cumulative_count();
        }
        self.count += histogram.get_sample_count();
        self.sum += histogram.get_sample_sum();
        self
    }

    fn since(&self, previous: &Self) -> Self {
        let cumulative = self
            .cumulative
            .iter()
            .enumerate()
            .map(|(index, (bound, count))| {
                // Before the first sample of a family there are no buckets.
                let earlier = previous
                    .cumulative
                    .get(index)
                    .map_or(0, |(_, count)| *count);
                (*bound, count.saturating_sub(earlier))
            })
            .collect();
        Self {
            cumulative,
            count: self.count.saturating_sub(previous.count),
            sum: (self.sum - previous.sum).max(0.0),
        }
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    /// Returns the buckets that have values, in ascending order. Values over the last bound count
    /// as the bound itself.
    pub(super) fn buckets(&self) -> Vec<ValueBucket> {
        let mut buckets = Vec::new();
        let (mut lower, mut below) = (0.0, 0);
        let last = self.cumulative.last().map_or(0.0, |(bound, _)| *bound);
        for (upper, up_to) in self.cumulative.iter().copied().chain([(last, self.count)]) {
            if up_to > below {
                buckets.push(ValueBucket {
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

//! A bounded sample of residuals.

/// The maximum number of residuals that are retained: with four thousand, the coverage of an 80 % interval
/// has a standard error of six parts in a thousand.
const MAX_RETAINED: usize = 4_096;

/// A sample of residuals that is thinned out evenly when it becomes too large.
#[derive(Clone, Debug, Default)]
pub(super) struct ResidualSample {
    retained: Vec<f64>,
    /// The number of residuals pushed so far.
    observed: usize,
    /// The base-2 logarithm of the number of residuals of which one is retained.
    thinning: u32,
}

impl ResidualSample {
    /// Adds a residual; numbers that are not finite are ignored.
    pub(super) fn push(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let is_retained = self.observed.is_multiple_of(1 << self.thinning);
        self.observed += 1;
        if !is_retained {
            return;
        }
        if self.retained.len() == MAX_RETAINED {
            let mut position = 0_usize;
            self.retained.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            self.thinning += 1;
        }
        self.retained.push(value);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.retained.is_empty()
    }

    /// Returns the number of retained residuals.
    pub(super) const fn count(&self) -> usize {
        self.retained.len()
    }

    pub(super) fn largest(&self) -> Option<f64> {
        self.retained.iter().copied().max_by(f64::total_cmp)
    }

    /// Returns the number that a new, exchangeable residual exceeds with a probability of at most `miss`:
    /// of `n` residuals the one of rank `(n + 1) (1 - miss)`, rounded up (Lei et al., "Distribution-free
    /// predictive inference for regression", 2018, section 2.2). Returns `None` if that rank exceeds `n`.
    pub(super) fn conformal_quantile(&self, miss: f64) -> Option<f64> {
        let count = self.retained.len();
        // The rounding error of a whole number must not round it up to the next.
        let rank = ((count + 1) as f64 * (1.0 - miss) - 1e-9).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the count plus 1"
        )]
        let rank = rank.max(1.0) as usize;
        if rank > count {
            return None;
        }
        let mut residuals = self.retained.clone();
        let (_, quantile, _) = residuals.select_nth_unstable_by(rank - 1, f64::total_cmp);
        Some(*quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: impl IntoIterator<Item = f64>) -> ResidualSample {
        let mut sample = ResidualSample::default();
        values.into_iter().for_each(|value| sample.push(value));
        sample
    }

    #[test]
    fn the_quantile_is_corrected_for_few_residuals() {
        // Of nine residuals, the rank is 10 * 0.8 = 8; of three, 3.2 rounds up to 4, which is too many.
        let nine = sample((1..=9).map(f64::from));
        assert_eq!(nine.conformal_quantile(0.2), Some(8.0));
        assert_eq!(nine.conformal_quantile(0.1), Some(9.0));
        assert_eq!(nine.conformal_quantile(0.05), None);
        assert_eq!(sample([1.0, 2.0, 3.0]).conformal_quantile(0.2), None);
        assert_eq!(sample([]).conformal_quantile(0.2), None);
    }

    #[test]
    fn large_samples_are_thinned_out_evenly() {
        let many = sample((0..200_000).map(f64::from));
        assert!(many.count() <= MAX_RETAINED && many.count() > MAX_RETAINED / 2);
        let quantile = many.conformal_quantile(0.2).unwrap();
        assert!((quantile - 160_000.0).abs() < 400.0, "{quantile}");
    }
}

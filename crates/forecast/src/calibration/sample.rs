//! Residuals, as many as are of use.

/// The most residuals that are kept: with four thousand, the share that an interval of 80 % covers has a
/// standard error of six parts in a thousand.
const MOST: usize = 4_096;

/// Some numbers, evenly thinned out when there are too many.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    kept: Vec<f64>,
    seen: usize,
    /// One in so many is kept, as a power of two.
    thinning: u32,
}

impl Sample {
    pub(super) fn push(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let is_kept = self.seen.is_multiple_of(1 << self.thinning);
        self.seen += 1;
        if !is_kept {
            return;
        }
        if self.kept.len() == MOST {
            let mut position = 0_usize;
            self.kept.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            self.thinning += 1;
        }
        self.kept.push(value);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) const fn count(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn largest(&self) -> Option<f64> {
        self.kept.iter().copied().max_by(f64::total_cmp)
    }

    /// The number that a new one, exchangeable with these, exceeds with a chance of at most `miss`: of
    /// `n`, the one at place `(n + 1) (1 - miss)`, rounded up (Lei et al., "Distribution-free predictive
    /// inference for regression", 2018, section 2.2). `None` when that place is beyond the last.
    pub(super) fn conformal_quantile(&self, miss: f64) -> Option<f64> {
        let count = self.kept.len();
        // Rounding must not push a whole number to the next.
        let place = ((count + 1) as f64 * (1.0 - miss) - 1e-9).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the count"
        )]
        let place = place.max(1.0) as usize;
        if place > count {
            return None;
        }
        let mut sorted = self.kept.clone();
        let (_, found, _) = sorted.select_nth_unstable_by(place - 1, f64::total_cmp);
        Some(*found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: impl IntoIterator<Item = f64>) -> Sample {
        let mut sample = Sample::default();
        values.into_iter().for_each(|value| sample.push(value));
        sample
    }

    #[test]
    fn the_quantile_is_corrected_for_few_residuals() {
        // Of nine, ten times 0.8 is the eighth; of three, 3.2 rounds up beyond the last.
        let nine = sample((1..=9).map(f64::from));
        assert_eq!(nine.conformal_quantile(0.2), Some(8.0));
        assert_eq!(nine.conformal_quantile(0.1), Some(9.0));
        assert_eq!(nine.conformal_quantile(0.05), None);
        assert_eq!(sample([1.0, 2.0, 3.0]).conformal_quantile(0.2), None);
        assert_eq!(sample([]).conformal_quantile(0.2), None);
    }

    #[test]
    fn many_residuals_are_thinned_out_evenly() {
        let many = sample((0..200_000).map(f64::from));
        assert!(many.count() <= MOST && many.count() > MOST / 2);
        let quantile = many.conformal_quantile(0.2).unwrap();
        assert!((quantile - 160_000.0).abs() < 400.0, "{quantile}");
    }
}

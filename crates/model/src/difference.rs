//! Differences of a context at some lags, and their sum again.

/// What is needed to undo differencing: before each lag, the last values of the context, as many as it
/// reaches.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Differences(Vec<Vec<f64>>);

impl Differences {
    /// Differences `context` at each of `lags` in turn, which costs it as many of its first values.
    pub(super) fn take(context: &mut Vec<f64>, lags: &[usize]) -> Self {
        let mut tails = Vec::with_capacity(lags.len());
        for &lag in lags {
            let kept = context.len().saturating_sub(lag);
            tails.push(context[kept..].to_vec());
            for step in 0..kept {
                context[step] = context[step + lag] - context[step];
            }
            context.truncate(kept);
        }
        Self(tails)
    }

    /// Sums `path`, the steps that follow the context.
    pub(super) fn undo(&self, path: &mut [f64]) {
        for tail in self.0.iter().rev() {
            for step in 0..path.len() {
                let before = match step.checked_sub(tail.len()) {
                    Some(before) => path[before],
                    None => tail[step],
                };
                path[step] += before;
            }
        }
    }

    /// Whether there is nothing to undo.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn differencing_and_summing_give_the_series_again(
            // Whole numbers, so that sums are exact.
            values in prop::collection::vec(-1_000..1_000_i32, 20..40),
            lags in prop::collection::vec(1..6_usize, 0..3),
            horizon in 1..15_usize,
        ) {
            let values: Vec<_> = values.into_iter().map(f64::from).collect();
            let known = values.len() - horizon.min(5);
            let mut all = values.clone();
            Differences::take(&mut all, &lags);
            let mut context = values[..known].to_vec();
            let differences = Differences::take(&mut context, &lags);
            prop_assert_eq!(&context, &all[..context.len()]);
            let mut path = all[context.len()..].to_vec();
            differences.undo(&mut path);
            prop_assert_eq!(path, &values[known..]);
        }
    }

    #[test]
    fn a_path_longer_than_the_lag_goes_on_from_itself() {
        let mut context = vec![1.0, 5.0, 2.0, 7.0];
        let differences = Differences::take(&mut context, &[2]);
        assert_eq!(context, [1.0, 2.0]);
        let mut path = vec![1.0, 2.0, 1.0, 2.0];
        differences.undo(&mut path);
        assert_eq!(path, [3.0, 9.0, 4.0, 11.0]);
    }
}

//! Lagged differences of a context, and their inverse.

/// The values that are needed to invert differencing: for each lag, the last values of the context
/// before that lag was applied, as many as the lag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Differences(Vec<Vec<f64>>);

impl Differences {
    /// Differences `context` at each of `lags` in turn. Each lag shortens the context by that many steps.
    pub(super) fn apply(context: &mut Vec<f64>, lags: &[usize]) -> Self {
        let mut tails = Vec::with_capacity(lags.len());
        for &lag in lags {
            let remaining = context.len().saturating_sub(lag);
            tails.push(context[remaining..].to_vec());
            for step in 0..remaining {
                context[step] = context[step + lag] - context[step];
            }
            context.truncate(remaining);
        }
        Self(tails)
    }

    /// Integrates `path`, the differenced steps that follow the context.
    pub(super) fn invert(&self, path: &mut [f64]) {
        for tail in self.0.iter().rev() {
            for step in 0..path.len() {
                let lagged = match step.checked_sub(tail.len()) {
                    Some(earlier) => path[earlier],
                    None => tail[step],
                };
                path[step] += lagged;
            }
        }
    }

    /// Returns true if no lag was applied.
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
        fn inverting_the_differences_restores_the_series(
            // Whole numbers, so that sums are exact.
            values in prop::collection::vec(-1_000..1_000_i32, 20..40),
            lags in prop::collection::vec(1..6_usize, 0..3),
            horizon in 1..15_usize,
        ) {
            let values: Vec<_> = values.into_iter().map(f64::from).collect();
            let known = values.len() - horizon.min(5);
            let mut all = values.clone();
            Differences::apply(&mut all, &lags);
            let mut context = values[..known].to_vec();
            let differences = Differences::apply(&mut context, &lags);
            prop_assert_eq!(&context, &all[..context.len()]);
            let mut path = all[context.len()..].to_vec();
            differences.invert(&mut path);
            prop_assert_eq!(path, &values[known..]);
        }
    }

    #[test]
    fn a_path_longer_than_the_lag_continues_from_its_own_values() {
        let mut context = vec![1.0, 5.0, 2.0, 7.0];
        let differences = Differences::apply(&mut context, &[2]);
        assert_eq!(context, [1.0, 2.0]);
        let mut path = vec![1.0, 2.0, 1.0, 2.0];
        differences.invert(&mut path);
        assert_eq!(path, [3.0, 9.0, 4.0, 11.0]);
    }
}

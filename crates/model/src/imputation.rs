//! The imputation of missing values in a context.

use crate::manifest::Missing;

/// The last observed value before a context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LastObserved {
    pub(super) value: f64,
    /// The number of steps from the value to the first step of the context.
    pub(super) distance: usize,
}

impl LastObserved {
    /// Finds the last observed value of `earlier`, the values before a context.
    pub(super) fn find(earlier: &[f64]) -> Option<Self> {
        let position = earlier.iter().rposition(|value| !value.is_nan())?;
        Some(Self {
            value: earlier[position],
            distance: earlier.len() - position,
        })
    }
}

/// Fills the missing values of `context` by `rule`. At least one value of the context is observed.
///
/// `last_observed` is the last value before the context, which a gap at its start is filled from.
pub(super) fn fill(context: &mut [f64], rule: Missing, last_observed: Option<LastObserved>) {
    match rule {
        // `fill_scaled` writes the zeros; a context under `Reject` has no missing values.
        Missing::Nan | Missing::Zero | Missing::Reject => {}
        Missing::Mean => {
            let mean = mean(context);
            let missing = context.iter_mut().filter(|value| value.is_nan());
            missing.for_each(|value| *value = mean);
        }
        Missing::Previous => {
            let first = context.iter().copied().find(|value| !value.is_nan());
            let mut previous = last_observed.map(|last| last.value).or(first);
            for value in context {
                if value.is_nan() {
                    *value = previous.unwrap_or(f64::NAN);
                } else {
                    previous = Some(*value);
                }
            }
        }
        Missing::Interpolate => interpolate(context, last_observed),
    }
}

/// Replaces a value that is still missing after scaling with zero, if `rule` is [`Missing::Zero`].
///
/// The zero is in the units of the graph, which is why it is written after scaling.
pub(super) const fn fill_scaled(value: f64, rule: Missing) -> f64 {
    if value.is_nan() && matches!(rule, Missing::Zero) {
        0.0
    } else {
        value
    }
}

/// Interpolates each gap linearly, and extends the first and the last observed value to the ends.
fn interpolate(context: &mut [f64], last_observed: Option<LastObserved>) {
    let mut left = last_observed;
    let mut gap_start = 0;
    for position in 0..context.len() {
        if context[position].is_nan() {
            continue;
        }
        let right = context[position];
        let gap = position - gap_start;
        for (offset, value) in context[gap_start..position].iter_mut().enumerate() {
            *value = match left {
                Some(left) => {
                    let weight = (left.distance + offset) as f64 / (left.distance + gap) as f64;
                    left.value + weight * (right - left.value)
                }
                None => right,
            };
        }
        left = Some(LastObserved {
            value: right,
            distance: 1,
        });
        gap_start = position + 1;
    }
    if let Some(left) = left {
        context[gap_start..].fill(left.value);
    }
}

/// Returns the mean of the observed values.
pub(super) fn mean(context: &[f64]) -> f64 {
    let observed = || context.iter().filter(|value| !value.is_nan());
    let count = observed().count() as f64;
    // Each value is divided before the sum, so that values near the largest float do not overflow.
    observed().map(|value| value / count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[track_caller]
    fn check(rule: Missing, earlier: &[f64], expected: &[f64]) {
        let mut context = vec![GAP, 2.0, GAP, GAP, 8.0, GAP];
        fill(&mut context, rule, LastObserved::find(earlier));
        assert_eq!(context, expected);
    }

    #[test]
    fn each_rule_fills_ends_and_middle() {
        check(Missing::Interpolate, &[], &[2.0, 2.0, 4.0, 6.0, 8.0, 8.0]);
        check(Missing::Previous, &[], &[2.0, 2.0, 2.0, 2.0, 8.0, 8.0]);
        check(Missing::Mean, &[], &[5.0, 2.0, 5.0, 5.0, 8.0, 5.0]);
    }

    #[test]
    fn fills_a_gap_at_the_start_from_the_values_before_the_context() {
        let earlier = [9.0, -4.0, GAP];
        check(
            Missing::Interpolate,
            &earlier,
            &[0.0, 2.0, 4.0, 6.0, 8.0, 8.0],
        );
        check(
            Missing::Previous,
            &earlier,
            &[-4.0, 2.0, 2.0, 2.0, 8.0, 8.0],
        );
    }
}

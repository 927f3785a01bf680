//! What stands for a missing value of a context.

use crate::manifest::Missing;

/// The last observed value before a context begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Before {
    /// Its value.
    pub(super) value: f64,
    /// Steps from it to the first of the context.
    pub(super) steps: usize,
}

impl Before {
    /// The last observed one of `earlier`, the values before a context.
    pub(super) fn of(earlier: &[f64]) -> Option<Self> {
        let place = earlier.iter().rposition(|value| !value.is_nan())?;
        Some(Self {
            value: earlier[place],
            steps: earlier.len() - place,
        })
    }
}

/// Fills the missing values of `context` by the rule. Something of it is observed.
///
/// A series is filled before it is cut: a context that begins in a gap knows what was before.
pub(super) fn fill(context: &mut [f64], rule: Missing, before: Option<Before>) {
    match rule {
        // Written as zero once they are scaled; none are there to be rejected.
        Missing::Nan | Missing::Zero | Missing::Reject => {}
        Missing::Mean => {
            let mean = mean(context);
            let missing = context.iter_mut().filter(|value| value.is_nan());
            missing.for_each(|value| *value = mean);
        }
        Missing::Previous => {
            let first = context.iter().copied().find(|value| !value.is_nan());
            let mut last = before.map(|before| before.value).or(first);
            for value in context {
                if value.is_nan() {
                    *value = last.unwrap_or(f64::NAN);
                } else {
                    last = Some(*value);
                }
            }
        }
        Missing::Interpolate => interpolate(context, before),
    }
}

/// Draws a line through each gap; beyond the ends it is level.
fn interpolate(context: &mut [f64], before: Option<Before>) {
    let mut left = before;
    let mut gap_start = 0;
    for place in 0..context.len() {
        if context[place].is_nan() {
            continue;
        }
        let right = context[place];
        let gap = place - gap_start;
        for (within, value) in context[gap_start..place].iter_mut().enumerate() {
            *value = match left {
                Some(left) => {
                    let share = (left.steps + within) as f64 / (left.steps + gap) as f64;
                    left.value + share * (right - left.value)
                }
                None => right,
            };
        }
        left = Some(Before {
            value: right,
            steps: 1,
        });
        gap_start = place + 1;
    }
    if let Some(left) = left {
        context[gap_start..].fill(left.value);
    }
}

/// The mean of the observed values.
pub(super) fn mean(context: &[f64]) -> f64 {
    let observed = || context.iter().filter(|value| !value.is_nan());
    let count = observed().count() as f64;
    // Divided before it is summed, so that values near the largest float do not overflow.
    observed().map(|value| value / count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[track_caller]
    fn check(rule: Missing, earlier: &[f64], expected: &[f64]) {
        let mut context = vec![GAP, 2.0, GAP, GAP, 8.0, GAP];
        fill(&mut context, rule, Before::of(earlier));
        assert_eq!(context, expected);
    }

    #[test]
    fn each_rule_fills_ends_and_middle() {
        check(Missing::Interpolate, &[], &[2.0, 2.0, 4.0, 6.0, 8.0, 8.0]);
        check(Missing::Previous, &[], &[2.0, 2.0, 2.0, 2.0, 8.0, 8.0]);
        check(Missing::Mean, &[], &[5.0, 2.0, 5.0, 5.0, 8.0, 5.0]);
    }

    #[test]
    fn what_was_before_the_context_counts() {
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

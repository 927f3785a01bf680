//! Quantiles of the parametric distributions that a graph may output.

use statrs::distribution::{ContinuousCDF as _, Normal};
use statrs::function::beta::checked_beta_reg;
use statrs::function::gamma::{checked_gamma_ur, ln_gamma};

use crate::manifest::{Family, Parameter};

/// A distribution of one of the supported families, or [`Invalid`](Self::Invalid) if the parameters that the
/// graph returned are out of their range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ParametricDistribution {
    Normal {
        loc: f64,
        scale: f64,
    },
    StudentT {
        df: f64,
        loc: f64,
        scale: f64,
    },
    Laplace {
        loc: f64,
        scale: f64,
    },
    Poisson {
        rate: f64,
    },
    /// The number of successes before `total_count` failures, where `logits` are the log-odds of a
    /// success, as in `torch.distributions`.
    NegativeBinomial {
        total_count: f64,
        logits: f64,
    },
    Invalid,
}

impl ParametricDistribution {
    /// Creates the distribution of `family` with `values` for its `parameters`.
    pub(super) fn new(family: Family, parameters: &[Parameter], values: &[f64]) -> Self {
        let get = |wanted: Parameter| {
            parameters
                .iter()
                .position(|parameter| *parameter == wanted)
                .map_or(f64::NAN, |position| values[position])
        };
        let (loc, scale) = (get(Parameter::Loc), get(Parameter::Scale));
        let distribution = match family {
            Family::Normal => Self::Normal { loc, scale },
            Family::Laplace => Self::Laplace { loc, scale },
            Family::StudentT => Self::StudentT {
                df: get(Parameter::Df),
                loc,
                scale,
            },
            Family::Poisson => Self::Poisson {
                rate: get(Parameter::Rate),
            },
            Family::NegativeBinomial => {
                let probs = get(Parameter::Probs);
                let logits = match get(Parameter::Logits) {
                    logits if logits.is_nan() => (probs / (1.0 - probs)).ln(),
                    logits => logits,
                };
                Self::NegativeBinomial {
                    total_count: get(Parameter::TotalCount),
                    logits,
                }
            }
        };
        distribution.or_invalid()
    }

    /// Returns [`Invalid`](Self::Invalid) if a parameter is out of its range.
    fn or_invalid(self) -> Self {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let is_valid = match self {
            Self::Normal { loc, scale } | Self::Laplace { loc, scale } => {
                loc.is_finite() && positive(scale)
            }
            Self::StudentT { df, loc, scale } => positive(df) && loc.is_finite() && positive(scale),
            Self::Poisson { rate } => positive(rate),
            Self::NegativeBinomial {
                total_count,
                logits,
            } => positive(total_count) && !logits.is_nan(),
            Self::Invalid => false,
        };
        if is_valid { self } else { Self::Invalid }
    }

    /// Returns the quantile at `level`, or `NaN` if the distribution is invalid.
    pub(super) fn quantile(self, level: f64) -> f64 {
        match self {
            Self::Normal { loc, scale } => loc + scale * standard_normal(level),
            Self::Laplace { loc, scale } => {
                let from_median = level - 0.5;
                loc - scale * from_median.signum() * (-2.0 * from_median.abs()).ln_1p()
            }
            Self::StudentT { df, loc, scale } => loc + scale * standard_t(df, level),
            Self::Poisson { rate } => {
                // The survival function of a gamma distribution (DLMF 8.4.10).
                let cdf = |count: f64| checked_gamma_ur(count + 1.0, rate).unwrap_or(f64::NAN);
                smallest_count(level, rate, rate.sqrt(), cdf)
            }
            Self::NegativeBinomial {
                total_count,
                logits,
            } => {
                let failure = 1.0 / (1.0 + logits.exp());
                let mean = total_count * logits.exp();
                let cdf = |count: f64| {
                    checked_beta_reg(total_count, count + 1.0, failure).unwrap_or(f64::NAN)
                };
                smallest_count(level, mean, (mean / failure).sqrt(), cdf)
            }
            Self::Invalid => f64::NAN,
        }
    }
}

fn standard_normal(level: f64) -> f64 {
    Normal::standard().inverse_cdf(level)
}

/// Returns the quantile of Student's t distribution with `df` degrees of freedom.
fn standard_t(df: f64, level: f64) -> f64 {
    let tail = level.min(1.0 - level);
    if tail >= 0.5 {
        return 0.0;
    }
    // The probability of the tail beyond `t` (DLMF 8.17, Abramowitz and Stegun 26.7.1).
    let tail_beyond =
        |t: f64| 0.5 * checked_beta_reg(0.5 * df, 0.5, df / (df + t * t)).unwrap_or(f64::NAN);
    let log_norm =
        ln_gamma(0.5 * (df + 1.0)) - ln_gamma(0.5 * df) - 0.5 * (df * std::f64::consts::PI).ln();
    let density = |t: f64| (log_norm - 0.5 * (df + 1.0) * (t * t / df).ln_1p()).exp();
    // Starts from the first terms of the expansion in 1 / df (Abramowitz and Stegun 26.7.5). The Newton
    // steps narrow a bracket around the root; a step that leaves the bracket is replaced by bisection.
    let normal = -standard_normal(tail);
    let mut t = normal + normal * (normal * normal + 1.0) / (4.0 * df);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..MAX_ITERATIONS {
        let excess = tail_beyond(t) - tail;
        if excess > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let newton = t + excess / density(t);
        let next = if newton > low && newton < high {
            newton
        } else if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * t
        };
        let has_converged = (next - t).abs() <= 1e-12 * next.abs();
        t = next;
        if has_converged {
            break;
        }
    }
    t.copysign(level - 0.5)
}

/// The maximum number of iterations, enough to bisect the range of floats to a single one. Newton's method
/// usually takes five.
const MAX_ITERATIONS: usize = 1_100;

/// Returns the smallest whole number at which `cdf` reaches `level`.
///
/// Brackets it from the normal approximation with `mean` and `deviation`, in steps of `deviation` that
/// double, and then bisects.
fn smallest_count(level: f64, mean: f64, deviation: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    if !mean.is_finite() || !deviation.is_finite() {
        return f64::NAN;
    }
    // 2^53, the end of the range in which a float represents every whole number.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    let mut step = deviation.max(1.0).ceil();
    let mut high = (mean + deviation * standard_normal(level))
        .ceil()
        .clamp(0.0, LARGEST);
    // The comparison is false for `NaN`, so that the loop ends.
    while high < LARGEST && cdf(high) < level {
        high = (high + step).min(LARGEST);
        step *= 2.0;
    }
    if high >= LARGEST {
        return f64::NAN;
    }
    let mut low = -1.0_f64;
    let mut step = deviation.max(1.0).ceil();
    let mut probe = high - step;
    while probe > low {
        if cdf(probe) < level {
            low = probe;
        } else {
            high = probe;
            step *= 2.0;
            probe = high - step;
        }
    }
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if cdf(middle) < level {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Returns the quantile of `sorted` draws at `level`, with linear interpolation as in `numpy.quantile`
/// and `torch.quantile`. Returns `NaN` if a draw is `NaN`; those sort to the ends.
pub(super) fn empirical(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    if sorted[0].is_nan() || sorted[last].is_nan() {
        return f64::NAN;
    }
    let position = level * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - position.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests;

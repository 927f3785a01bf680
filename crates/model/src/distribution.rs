//! Quantiles of the distributions whose parameters a graph may give.

use statrs::distribution::{ContinuousCDF as _, Normal};
use statrs::function::beta::checked_beta_reg;
use statrs::function::gamma::{checked_gamma_ur, ln_gamma};

use crate::manifest::{Family, Parameter};

/// One distribution of a family, or none where the graph's parameters are those of no distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Distribution {
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
    /// Failures of probability `1 - odds / (1 + odds)` until `total_count`.
    NegativeBinomial {
        total_count: f64,
        logits: f64,
    },
    Invalid,
}

impl Distribution {
    /// The distribution of `family` with `values` for its `parameters`.
    pub(super) fn new(family: Family, parameters: &[Parameter], values: &[f64]) -> Self {
        let get = |wanted: Parameter| {
            let place = parameters.iter().position(|own| *own == wanted);
            place.map_or(f64::NAN, |place| values[place])
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
                let given = get(Parameter::Logits);
                let logits = if given.is_nan() {
                    (probs / (1.0 - probs)).ln()
                } else {
                    given
                };
                Self::NegativeBinomial {
                    total_count: get(Parameter::TotalCount),
                    logits,
                }
            }
        };
        distribution.checked()
    }

    fn checked(self) -> Self {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let valid = match self {
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
        if valid { self } else { Self::Invalid }
    }

    /// The quantile at `level`, `NaN` where there is no distribution.
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
                smallest_count(level, (rate, rate.sqrt()), cdf)
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
                smallest_count(level, (mean, (mean / failure).sqrt()), cdf)
            }
            Self::Invalid => f64::NAN,
        }
    }
}

fn standard_normal(level: f64) -> f64 {
    Normal::standard().inverse_cdf(level)
}

/// The quantile of Student's t with `df` degrees of freedom.
fn standard_t(df: f64, level: f64) -> f64 {
    let tail = level.min(1.0 - level);
    if tail >= 0.5 {
        return 0.0;
    }
    // The probability beyond `t` (DLMF 8.17, Abramowitz and Stegun 26.7.1).
    let beyond =
        |t: f64| 0.5 * checked_beta_reg(0.5 * df, 0.5, df / (df + t * t)).unwrap_or(f64::NAN);
    let log_norm =
        ln_gamma(0.5 * (df + 1.0)) - ln_gamma(0.5 * df) - 0.5 * (df * std::f64::consts::PI).ln();
    let density = |t: f64| (log_norm - 0.5 * (df + 1.0) * (t * t / df).ln_1p()).exp();
    // The first terms of the expansion in 1 / df (Abramowitz and Stegun 26.7.5), then Newton's steps,
    // kept between the bounds that they find.
    let normal = -standard_normal(tail);
    let mut t = normal + normal * (normal * normal + 1.0) / (4.0 * df);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..MOST_STEPS {
        let excess = beyond(t) - tail;
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
        let settled = (next - t).abs() <= 1e-12 * next.abs();
        t = next;
        if settled {
            break;
        }
    }
    t.copysign(level - 0.5)
}

/// Enough to halve the range of floats down to one. Newton's steps take five.
const MOST_STEPS: usize = 1_100;

/// The smallest whole number at which `cdf` reaches `level`, looked for from `mean` in steps of
/// `deviation`.
fn smallest_count(level: f64, (mean, deviation): (f64, f64), cdf: impl Fn(f64) -> f64) -> f64 {
    if !mean.is_finite() || !deviation.is_finite() {
        return f64::NAN;
    }
    // Whole numbers of a float end at 2^53.
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    let mut step = deviation.max(1.0).ceil();
    let mut high = (mean + deviation * standard_normal(level))
        .ceil()
        .clamp(0.0, LARGEST);
    // Never true of NaN, which ends as the largest.
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

/// The quantile of `sorted` draws at `level`, on the line between its neighbours, as
/// `numpy.quantile` and `torch.quantile` have it. `NaN` where one of the draws is, which sorts last.
pub(super) fn empirical(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    if sorted[0].is_nan() || sorted[last].is_nan() {
        return f64::NAN;
    }
    let place = level * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last place"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests;

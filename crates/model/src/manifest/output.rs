//! How the forecast leaves the graph, and what is done to it afterwards.

use serde::Deserialize;

use crate::manifest::FloatType;

/// Where the forecast leaves the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRole {
    /// Name of the output.
    pub name: String,
    /// Order of its axes.
    pub axes: Vec<OutputAxis>,
    /// Type of its elements.
    pub r#type: FloatType,
    /// What the numbers are.
    #[serde(default)]
    pub kind: OutputKind,
    /// The quantile levels that the model gives, ascending, with the median. Of a graph that gives
    /// points, the median alone.
    #[serde(default)]
    pub levels: Vec<f64>,
    /// Where along the quantile axis each level stands, when not in their order.
    pub columns: Option<Vec<usize>>,
    /// The family of a distribution.
    pub family: Option<Family>,
    /// What stands along the parameter axis.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Steps at the head of the time axis that are not of the forecast.
    #[serde(default)]
    pub skip: usize,
    /// Whether the forecast is at the end of the time axis.
    #[serde(default)]
    pub time_from_end: bool,
}

/// An axis of the output tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputAxis {
    /// One series each.
    Batch,
    /// One level each.
    Quantile,
    /// One drawn path each.
    Sample,
    /// One parameter of a distribution each.
    Parameter,
    /// One step ahead each.
    Time,
    /// Of length 1.
    Variate,
}

/// What the numbers of an output are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Quantiles on `levels`.
    #[default]
    Quantiles,
    /// One number a step, taken as the median.
    Point,
    /// Paths drawn from the forecast.
    Samples,
    /// Parameters of a distribution.
    Distribution,
}

/// A family of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `loc`, `scale`.
    Normal,
    /// `df`, `loc`, `scale`.
    StudentT,
    /// `loc`, `scale`.
    Laplace,
    /// `rate`.
    Poisson,
    /// `total_count`, and `logits` or `probs` of the event that is counted: a mean of
    /// `total_count` times the odds.
    NegativeBinomial,
}

/// A parameter of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// Location.
    Loc,
    /// Scale.
    Scale,
    /// Degrees of freedom.
    Df,
    /// Mean of a Poisson distribution.
    Rate,
    /// Number of failures at which a count stops, not always whole.
    TotalCount,
    /// Log odds of the event that is counted.
    Logits,
    /// Probability of the event that is counted.
    Probs,
}

/// What is done to the forecast after the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postprocess {
    /// Clip at zero when no observed value of the context is negative.
    pub non_negative: bool,
    /// Round to whole numbers.
    pub integer: bool,
    /// Average the forecast with the negated forecast of the negated context.
    pub flip: bool,
}

impl OutputKind {
    /// The axis that such an output has beside batch and time, if any.
    #[must_use]
    pub const fn axis(self) -> Option<OutputAxis> {
        match self {
            Self::Quantiles => Some(OutputAxis::Quantile),
            Self::Point => None,
            Self::Samples => Some(OutputAxis::Sample),
            Self::Distribution => Some(OutputAxis::Parameter),
        }
    }
}

impl Family {
    /// Whether `parameters` are the ones of this family, in any order.
    #[must_use]
    pub fn takes(self, parameters: &[Parameter]) -> bool {
        use Parameter::{Df, Loc, Logits, Probs, Rate, Scale, TotalCount};
        let is = |wanted: &[Parameter]| {
            parameters.len() == wanted.len() && wanted.iter().all(|one| parameters.contains(one))
        };
        match self {
            Self::Normal | Self::Laplace => is(&[Loc, Scale]),
            Self::StudentT => is(&[Df, Loc, Scale]),
            Self::Poisson => is(&[Rate]),
            Self::NegativeBinomial => is(&[TotalCount, Logits]) || is(&[TotalCount, Probs]),
        }
    }
}

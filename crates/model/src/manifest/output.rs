//! The role of the forecast, as the output of a graph, and the operations on it after the graph.

use serde::{Deserialize, Serialize};

use crate::manifest::FloatType;

/// The output that gives the forecast.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRole {
    /// The name of the output.
    pub name: String,
    /// The axes of the output, in order.
    pub axes: Vec<OutputAxis>,
    /// The type of the elements.
    pub r#type: FloatType,
    /// The kind of forecast.
    #[serde(default)]
    pub kind: OutputKind,
    /// The quantile levels of the model in ascending order, including the median. The median alone for a graph that
    /// gives points.
    #[serde(default)]
    pub levels: Vec<f64>,
    /// The position of each level along the quantile axis, if they are not in order.
    pub columns: Option<Vec<usize>>,
    /// The family of a distribution.
    pub family: Option<Family>,
    /// The parameters along the parameter axis.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The number of steps at the start of the time axis that are not part of the forecast.
    #[serde(default)]
    pub skip: usize,
    /// If true, the forecast is the last steps of the time axis.
    #[serde(default)]
    pub time_from_end: bool,
}

/// An axis of the output tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputAxis {
    /// The series.
    Batch,
    /// The quantile levels.
    Quantile,
    /// The sample paths.
    Sample,
    /// The parameters of a distribution.
    Parameter,
    /// The steps ahead.
    Time,
    /// An axis of length 1.
    Variate,
}

/// The kind of forecast that an output holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Quantiles at `levels`.
    #[default]
    Quantiles,
    /// One number per step, used as the median.
    Point,
    /// Sample paths of the forecast.
    Samples,
    /// Parameters of a distribution.
    Distribution,
}

/// A family of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The normal distribution: `loc`, `scale`.
    Normal,
    /// Student's t-distribution: `df`, `loc`, `scale`.
    StudentT,
    /// The Laplace distribution: `loc`, `scale`.
    Laplace,
    /// The Poisson distribution: `rate`.
    Poisson,
    /// The negative binomial distribution: `total_count`, and `logits` or `probs` of the counted event. The mean is
    /// `total_count` times the odds.
    NegativeBinomial,
}

/// A parameter of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// The location.
    Loc,
    /// The scale.
    Scale,
    /// The degrees of freedom.
    Df,
    /// The mean of a Poisson distribution.
    Rate,
    /// The number of failures at which a count stops; not necessarily an integer.
    TotalCount,
    /// The log odds of the counted event.
    Logits,
    /// The probability of the counted event.
    Probs,
}

/// The operations on the forecast after the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Postprocess {
    /// If true, forecasts are clipped at zero when no observed value of the context is negative.
    pub non_negative: bool,
    /// If true, forecasts are rounded to whole numbers.
    pub integer: bool,
    /// If true, the forecast is averaged with the negated forecast of the negated context.
    pub flip: bool,
}

impl OutputKind {
    /// Returns the axis that an output of this kind has in addition to batch and time, if any.
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
    /// Returns the sets of parameters that identify a distribution of this family.
    #[must_use]
    pub const fn parameter_sets(self) -> &'static [&'static [Parameter]] {
        use Parameter::{Df, Loc, Logits, Probs, Rate, Scale, TotalCount};
        match self {
            Self::Normal | Self::Laplace => &[&[Loc, Scale]],
            Self::StudentT => &[&[Df, Loc, Scale]],
            Self::Poisson => &[&[Rate]],
            Self::NegativeBinomial => &[&[TotalCount, Logits], &[TotalCount, Probs]],
        }
    }

    /// Returns true if `parameters` are those of this family, in any order.
    #[must_use]
    pub fn takes(self, parameters: &[Parameter]) -> bool {
        self.parameter_sets().iter().any(|set| {
            parameters.len() == set.len() && set.iter().all(|one| parameters.contains(one))
        })
    }
}

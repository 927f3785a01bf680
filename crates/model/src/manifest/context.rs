//! How the history enters the graph, as the manifest says.

use serde::Deserialize;

use crate::manifest::{ContextCovariates, Feature};

/// How the history enters the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRole {
    /// Name of the input.
    pub input: String,
    /// Order of its axes.
    pub axes: Vec<ContextAxis>,
    /// Type of its elements.
    pub r#type: FloatType,
    /// Fewest steps that the graph forecasts from.
    pub min_length: usize,
    /// Most steps that the graph sees; the tail of a longer series.
    pub max_length: usize,
    /// Whether the graph always takes `max_length` steps.
    #[serde(default)]
    pub fixed_length: bool,
    /// Whether a graph with a state reads one step of the history a run, and not all of it.
    #[serde(default)]
    pub stepwise: bool,
    /// What the number of steps is a multiple of.
    #[serde(default = "one")]
    pub multiple: usize,
    /// Side on which shorter contexts are padded.
    #[serde(default)]
    pub pad: PadSide,
    /// What they are padded with; [`ContextRole::padding`] has the default.
    pub pad_value: Option<PadValue>,
    /// What stands for a missing value.
    pub missing: Missing,
    /// Whether missing values before the first observed one are left away.
    #[serde(default)]
    pub strip_leading: bool,
    /// Scaling outside the graph, undone on its output.
    pub scaling: Scaling,
    /// The smallest scale that is divided by; a smaller one counts as 1.
    #[serde(default = "scale_floor")]
    pub scale_floor: f64,
    /// Lags at which the scaled values are differenced, undone on the output.
    #[serde(default)]
    pub differences: Vec<usize>,
    /// How covariates that the manifest does not list enter the graph.
    #[serde(default)]
    pub covariates: ContextCovariates,
    /// The columns of a graph that takes features of the history instead of the history.
    #[serde(default)]
    pub features: Vec<Feature>,
}

/// An axis of the context tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextAxis {
    /// One series each.
    Batch,
    /// One step each, oldest first.
    Time,
    /// Of length 1: the graph could take several series at once, and is given one.
    Variate,
    /// One feature each.
    Feature,
}

/// Floating point type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
}

/// Side on which a context is padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadSide {
    /// Before the oldest value.
    #[default]
    Left,
    /// After the most recent value.
    Right,
}

/// What a context is padded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadValue {
    /// `NaN`.
    Nan,
    /// 0, after scaling.
    Zero,
    /// The first observed value of the context.
    First,
    /// The mean of the observed values of the context.
    Mean,
}

/// What stands for a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// `NaN`.
    Nan,
    /// 0, after scaling; an input of the graph tells which values these are.
    Zero,
    /// A point on the line between its neighbours; at the ends the nearest observed value.
    Interpolate,
    /// The observed value before it; at the start the first one.
    Previous,
    /// The mean of the observed values of the context.
    Mean,
    /// Nothing: such a series is refused.
    Reject,
}

/// Scaling outside the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// The graph sees the values as they are.
    None,
    /// The values are divided by the power of two nearest their mean absolute value. A power of two
    /// loses no bit, so that scaled series get exactly scaled forecasts.
    MeanAbs,
    /// Less the mean, by the standard deviation of the context, not corrected for its length.
    Standard,
    /// From 0 at the smallest to 1 at the largest value of the context.
    MinMax,
    /// Less the median, by the median absolute deviation from it.
    Robust,
    /// The logarithm of the value and 1.
    Log1p,
}

impl ContextRole {
    /// How many values of a series the graph's steps are made of at most: differencing costs some.
    #[must_use]
    pub fn reach(&self) -> usize {
        self.max_length.saturating_add(self.lost_to_differences())
    }

    /// How many values a series needs at least.
    #[must_use]
    pub fn least(&self) -> usize {
        self.min_length.saturating_add(self.lost_to_differences())
    }

    /// What shorter contexts are padded with.
    #[must_use]
    pub const fn padding(&self) -> PadValue {
        PadValue::or_default(self.pad_value, self.missing)
    }

    /// The length to which contexts of at most `longest` steps are padded.
    #[must_use]
    pub const fn padded(&self, longest: usize) -> usize {
        if self.fixed_length {
            self.max_length
        } else {
            longest.next_multiple_of(self.multiple)
        }
    }

    /// Whether one run of the graph forecasts one step, so that each step ahead is a row of its own.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.features.contains(&Feature::Step)
    }

    fn lost_to_differences(&self) -> usize {
        self.differences.iter().sum()
    }
}

impl PadValue {
    /// `given`, or what goes with the rule for missing values.
    #[must_use]
    pub const fn or_default(given: Option<Self>, missing: Missing) -> Self {
        match (given, missing) {
            (Some(value), _) => value,
            (None, Missing::Nan) => Self::Nan,
            (None, _) => Self::Zero,
        }
    }
}

impl Missing {
    /// Whether no value is missing after it.
    #[must_use]
    pub const fn fills(self) -> bool {
        match self {
            Self::Nan | Self::Zero => false,
            Self::Interpolate | Self::Previous | Self::Mean | Self::Reject => true,
        }
    }
}

const fn one() -> usize {
    1
}

pub(super) const fn scale_floor() -> f64 {
    1e-8
}

//! The role of the history, as the input of a graph.

use serde::{Deserialize, Serialize};

use crate::manifest::Feature;

/// The input that takes the history, and the preparation of the history for it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRole {
    /// The name of the input.
    pub input: String,
    /// The axes of the input, in order.
    pub axes: Vec<ContextAxis>,
    /// The type of the elements.
    pub r#type: FloatType,
    /// The minimum number of steps from which the graph forecasts.
    pub min_length: usize,
    /// The maximum number of steps that the graph reads. A longer series is cut to its last steps.
    pub max_length: usize,
    /// If true, the graph always reads `max_length` steps.
    #[serde(default)]
    pub fixed_length: bool,
    /// If true, a graph with a state reads one step of the history per run, and not all of it in one run.
    #[serde(default)]
    pub stepwise: bool,
    /// A divisor of the number of steps.
    #[serde(default = "one")]
    pub multiple: usize,
    /// The side on which shorter contexts are padded.
    #[serde(default)]
    pub pad: PadSide,
    /// The value of the padding; [`ContextRole::padding`] applies the default.
    pub pad_value: Option<PadValue>,
    /// The replacement of a missing value.
    pub missing: Missing,
    /// If true, missing values before the first observed one are removed.
    #[serde(default)]
    pub strip_leading: bool,
    /// The scaling outside the graph, which is reverted on its output.
    pub scaling: Scaling,
    /// The minimum scale used as a divisor. A smaller one is replaced by 1.
    #[serde(default = "scale_floor")]
    pub scale_floor: f64,
    /// The lags at which the scaled values are differenced, which is reverted on the output.
    #[serde(default)]
    pub differences: Vec<usize>,
    /// The way in which covariates without a table enter the graph.
    #[serde(default)]
    pub covariates: ContextCovariates,
    /// The columns of a graph that takes features of the history instead of the history itself.
    #[serde(default)]
    pub features: Vec<Feature>,
}

/// An axis of the context tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextAxis {
    /// The series.
    Batch,
    /// The steps, oldest first.
    Time,
    /// An axis of length 1, of a graph that could take several series at once.
    Variate,
    /// The features.
    Feature,
}

/// The floating point type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
}

/// The side on which a context is padded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PadSide {
    /// Before the oldest value.
    #[default]
    Left,
    /// After the most recent value.
    Right,
}

/// The value with which a context is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
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

/// The replacement of a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// `NaN`.
    Nan,
    /// 0, after scaling; an input of the graph marks the replaced values.
    Zero,
    /// Linear interpolation between the neighbours; at the ends the nearest observed value.
    Interpolate,
    /// The previous observed value; at the start the first one.
    Previous,
    /// The mean of the observed values of the context.
    Mean,
    /// None: a series with a missing value is rejected.
    Reject,
}

/// A scaling outside the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// No scaling.
    None,
    /// Division by the power of two nearest the mean absolute value. A power of two loses no bit, so scaled series get
    /// exactly scaled forecasts.
    MeanAbs,
    /// Subtraction of the mean, and division by the standard deviation of the context, not corrected for its length.
    Standard,
    /// Linear mapping of the smallest value of the context to 0, and of the largest to 1.
    MinMax,
    /// Subtraction of the median, and division by the median absolute deviation.
    Robust,
    /// The logarithm of the value plus 1.
    Log1p,
}

impl ContextRole {
    /// Returns the maximum number of values of a series that the steps of the graph depend on.
    ///
    /// It exceeds `max_length` by the values that differencing consumes.
    #[must_use]
    pub fn max_context_length(&self) -> usize {
        self.max_length
            .saturating_add(self.consumed_by_differences())
    }

    /// Returns the minimum number of values of a series, including those that differencing consumes.
    #[must_use]
    pub fn min_context_length(&self) -> usize {
        self.min_length
            .saturating_add(self.consumed_by_differences())
    }

    /// Returns the value with which shorter contexts are padded.
    #[must_use]
    pub const fn padding(&self) -> PadValue {
        PadValue::or_default(self.pad_value, self.missing)
    }

    /// Returns the length to which contexts of at most `longest` steps are padded.
    #[must_use]
    pub const fn padded(&self, longest: usize) -> usize {
        if self.fixed_length {
            self.max_length
        } else {
            longest.next_multiple_of(self.multiple)
        }
    }

    /// Returns true if each step ahead is a row of its own, because one row of the graph forecasts one step.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.features.contains(&Feature::Step)
    }

    fn consumed_by_differences(&self) -> usize {
        self.differences.iter().sum()
    }
}

impl PadValue {
    /// Returns `given`, or the default for the replacement `missing` of missing values.
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
    /// Returns true if no value is missing after the replacement.
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

/// The way in which covariates without a table enter a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextCovariates {
    /// They are ignored.
    #[default]
    None,
    /// Each past or future covariate, of any name, is an extra row of the batch.
    Rows,
}

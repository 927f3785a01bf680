//! The inputs of a graph other than the history, each with a rule for its content.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A further input of the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRole {
    /// The name of the input.
    pub name: String,
    /// The type of the elements.
    pub r#type: ElementType,
    /// The axes; none for a scalar.
    pub axes: Vec<InputAxis>,
    /// The rule for the content.
    pub fill: Fill,
}

/// The type of the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// A signed integer of 64 bits.
    Int64,
    /// A signed integer of 32 bits.
    Int32,
    /// A Boolean, which is true for any number but 0.
    Bool,
}

/// An axis of an additional input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum InputAxis {
    /// The series.
    Batch,
    /// The steps of the context, including padding.
    Time,
    /// The steps of the forecast of one run.
    Horizon,
    /// The steps of the context, then those ahead.
    Span,
    /// The covariates.
    Covariate,
    /// An axis of length 1.
    Variate,
    /// An axis of this length.
    Size(usize),
}

/// The rule for the content of an additional input.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "toml::Value", into = "toml::Value")]
pub enum Fill {
    /// 1 where the context is observed, 0 where it is missing or padded.
    Observed,
    /// 0 where the context is observed, 1 where it is missing or padded.
    Missing,
    /// 1 where the context is padded.
    Padding,
    /// The index of the row in its batch, from 0.
    Row,
    /// The number of steps of the run that the row needs.
    Horizon,
    /// The covariates of these names, in their order.
    Covariates(Vec<String>),
    /// The index of the row's series. A series and its covariate rows have the same index.
    Group,
    /// The known values of the row for the steps ahead, `NaN` where there are none.
    Ahead,
    /// The same number everywhere.
    Constant(f64),
}

/// The maximum length of an axis of fixed length. Such a tensor is created for each run.
const MAX_AXIS: usize = 65_536;

/// The error returned when a value is not an axis of an input.
#[derive(Clone, Debug, Error)]
#[error(
    "axis {value} is not supported; use \"batch\", \"time\", \"horizon\", \"span\", \"covariate\", \"variate\" or a length from 1 to {MAX_AXIS}"
)]
pub struct InputAxisError {
    /// The value.
    pub value: toml::Value,
}

/// The error returned when a value is not a rule for the content of an input.
#[derive(Clone, Debug, Error)]
#[error(
    "fill {value} is not supported; use \"observed\", \"missing\", \"padding\", \"row\", \"horizon\", \"group\", \"ahead\", a list of covariates or a number"
)]
pub struct FillError {
    /// The value.
    pub value: toml::Value,
}

impl InputAxis {
    const NAMED: [(&'static str, Self); 6] = [
        ("batch", Self::Batch),
        ("time", Self::Time),
        ("horizon", Self::Horizon),
        ("span", Self::Span),
        ("covariate", Self::Covariate),
        ("variate", Self::Variate),
    ];

    /// Returns true if the axis includes the steps of the context.
    #[must_use]
    pub const fn has_context(self) -> bool {
        matches!(self, Self::Time | Self::Span)
    }
}

impl InputRole {
    /// Returns the names of the covariates in the input.
    #[must_use]
    pub fn covariates(&self) -> &[String] {
        match &self.fill {
            Fill::Covariates(names) => names,
            _ => &[],
        }
    }

    /// Returns true if the input holds covariates of steps ahead.
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        let is_ahead = |axis: &InputAxis| matches!(axis, InputAxis::Horizon | InputAxis::Span);
        !self.covariates().is_empty() && self.axes.iter().any(is_ahead)
    }
}

impl Fill {
    const NAMED: [(&'static str, Self); 7] = [
        ("observed", Self::Observed),
        ("missing", Self::Missing),
        ("padding", Self::Padding),
        ("row", Self::Row),
        ("horizon", Self::Horizon),
        ("group", Self::Group),
        ("ahead", Self::Ahead),
    ];

    /// Returns true if the content distinguishes padding from the steps of the context.
    #[must_use]
    pub const fn distinguishes_padding(&self) -> bool {
        matches!(self, Self::Observed | Self::Missing | Self::Padding)
    }
}

impl TryFrom<toml::Value> for InputAxis {
    type Error = InputAxisError;

    fn try_from(value: toml::Value) -> Result<Self, InputAxisError> {
        let axis = match &value {
            toml::Value::String(word) => Self::NAMED
                .into_iter()
                .find(|(name, _)| name == word)
                .map(|(_, axis)| axis),
            toml::Value::Integer(size) => usize::try_from(*size)
                .ok()
                .filter(|size| (1..=MAX_AXIS).contains(size))
                .map(Self::Size),
            _ => None,
        };
        axis.ok_or(InputAxisError { value })
    }
}

impl From<InputAxis> for toml::Value {
    fn from(axis: InputAxis) -> Self {
        if let InputAxis::Size(size) = axis {
            return Self::Integer(i64::try_from(size).unwrap_or(i64::MAX));
        }
        let name = InputAxis::NAMED
            .into_iter()
            .find(|(_, named)| *named == axis)
            .map_or("", |(name, _)| name);
        Self::String(name.to_owned())
    }
}

impl TryFrom<toml::Value> for Fill {
    type Error = FillError;

    fn try_from(value: toml::Value) -> Result<Self, FillError> {
        let fill = match &value {
            toml::Value::String(word) => Self::NAMED
                .into_iter()
                .find(|(name, _)| name == word)
                .map(|(_, fill)| fill),
            toml::Value::Array(names) => names
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Self::Covariates),
            // Exact up to 2^53, beyond every token that a forecaster takes.
            toml::Value::Integer(number) => Some(Self::Constant(*number as f64)),
            toml::Value::Float(number) => Some(Self::Constant(*number)),
            _ => None,
        };
        fill.ok_or(FillError { value })
    }
}

impl From<Fill> for toml::Value {
    fn from(fill: Fill) -> Self {
        match fill {
            Fill::Covariates(names) => Self::from(names),
            Fill::Constant(number) => Self::Float(number),
            word => {
                let name = Fill::NAMED
                    .into_iter()
                    .find(|(_, named)| *named == word)
                    .map_or("", |(name, _)| name);
                Self::String(name.to_owned())
            }
        }
    }
}

//! The inputs of a graph beside the history, each filled by a rule.

use serde::Deserialize;

/// A further input of the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRole {
    /// Its name.
    pub name: String,
    /// Type of its elements.
    pub r#type: ElementType,
    /// Its axes; none for a scalar.
    pub axes: Vec<InputAxis>,
    /// What stands in it.
    pub fill: Fill,
}

/// Type of the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// Signed, 64 bits.
    Int64,
    /// Signed, 32 bits.
    Int32,
    /// True where the rule gives anything but 0.
    Bool,
}

/// An axis of a further input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum InputAxis {
    /// One series each.
    Batch,
    /// One step of the context each, padding included.
    Time,
    /// One step ahead each, as many as one run gives.
    Horizon,
    /// The steps of the context, then those ahead.
    Span,
    /// One covariate each.
    Covariate,
    /// Of length 1.
    Variate,
    /// Of this length.
    Size(usize),
}

/// What stands in a further input.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum Fill {
    /// 1 where the context is observed, 0 where it is missing or padded.
    Observed,
    /// 0 where the context is observed, 1 where it is missing or padded.
    Missing,
    /// 1 where the context is padded.
    Padding,
    /// The place of the row in its batch, from 0.
    Row,
    /// How many of the steps of the run are wanted of the row.
    Horizon,
    /// The covariates of these names, in their order.
    Covariates(Vec<String>),
    /// The place in the batch of the series that the row belongs to, the same for its covariates.
    Group,
    /// What is known of the row for the steps ahead, `NaN` where nothing is.
    Ahead,
    /// The same number everywhere.
    Constant(f64),
}

impl InputAxis {
    /// Whether it has the steps of the context.
    #[must_use]
    pub const fn has_context(self) -> bool {
        matches!(self, Self::Time | Self::Span)
    }
}

impl InputRole {
    /// The covariates in it.
    #[must_use]
    pub fn covariates(&self) -> &[String] {
        match &self.fill {
            Fill::Covariates(names) => names,
            _ => &[],
        }
    }

    /// Whether it shows the graph covariates of steps ahead.
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        let is_ahead = |axis: &InputAxis| matches!(axis, InputAxis::Horizon | InputAxis::Span);
        !self.covariates().is_empty() && self.axes.iter().any(is_ahead)
    }
}

impl Fill {
    /// Whether it tells the graph which steps of the context are padding.
    #[must_use]
    pub const fn tells_padding(&self) -> bool {
        matches!(self, Self::Observed | Self::Missing | Self::Padding)
    }
}

impl TryFrom<toml::Value> for InputAxis {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let axis = match &value {
            toml::Value::String(word) => match word.as_str() {
                "batch" => Some(Self::Batch),
                "time" => Some(Self::Time),
                "horizon" => Some(Self::Horizon),
                "span" => Some(Self::Span),
                "covariate" => Some(Self::Covariate),
                "variate" => Some(Self::Variate),
                _ => None,
            },
            toml::Value::Integer(size) => usize::try_from(*size)
                .ok()
                .filter(|size| (1..=LARGEST_AXIS).contains(size))
                .map(Self::Size),
            _ => None,
        };
        axis.ok_or_else(|| {
            format!(
                "axis {value}; write \"batch\", \"time\", \"horizon\", \"span\", \"covariate\", \"variate\" or a length from 1 to {LARGEST_AXIS}"
            )
        })
    }
}

impl TryFrom<toml::Value> for Fill {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let fill = match &value {
            toml::Value::String(word) => match word.as_str() {
                "observed" => Some(Self::Observed),
                "missing" => Some(Self::Missing),
                "padding" => Some(Self::Padding),
                "row" => Some(Self::Row),
                "horizon" => Some(Self::Horizon),
                "group" => Some(Self::Group),
                "ahead" => Some(Self::Ahead),
                _ => None,
            },
            toml::Value::Array(names) => names
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map(Self::Covariates),
            // Exact to 2^53, beyond every token that a forecaster takes.
            toml::Value::Integer(number) => Some(Self::Constant(*number as f64)),
            toml::Value::Float(number) => Some(Self::Constant(*number)),
            _ => None,
        };
        fill.ok_or_else(|| {
            format!(
                "fill {value}; write \"observed\", \"missing\", \"padding\", \"row\", \"horizon\", \"group\", \"ahead\", a list of covariates or a number"
            )
        })
    }
}

/// The longest axis of a fixed length. Such a tensor is made for each run.
const LARGEST_AXIS: usize = 65_536;

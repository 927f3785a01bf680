//! How far ahead the graph reaches, how it goes on from there, and what it is told of the season.

use serde::Deserialize;

/// How the season length enters the graph: one number a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeasonLengthRole {
    /// Name of the input.
    pub input: String,
    /// Type of its elements.
    pub r#type: NumberType,
    /// What the graph is given when there is no season.
    pub unknown: i64,
    /// The longest season the graph can use; a longer one is given as `unknown`.
    pub longest: usize,
}

/// How far ahead the graph reaches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HorizonRole {
    /// Name of the scalar input that asks for a number of steps, when there is one.
    pub input: Option<String>,
    /// Type of that input.
    pub r#type: Option<IntegerType>,
    /// Steps that one run gives.
    pub native: usize,
    /// Steps that are served.
    pub longest: usize,
    /// How steps beyond `native` are made.
    #[serde(default)]
    pub rollout: Rollout,
}

/// Integer type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegerType {
    /// Signed, 64 bits.
    Int64,
}

/// Type of a tensor of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberType {
    /// Signed, 64 bits.
    Int64,
    /// IEEE 754 binary32.
    Float32,
}

/// How a forecast goes on beyond the steps of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rollout {
    /// It does not.
    #[default]
    None,
    /// The median is taken as observed, and the graph run again.
    Median,
    /// Each quantile's path is taken as observed in a copy of the row. The quantiles of all copies are
    /// reduced to as many as one has.
    Quantiles,
    /// Missing values are appended and the graph run again.
    Nan,
}

impl HorizonRole {
    /// How many runs a horizon of `steps` takes.
    #[must_use]
    pub const fn blocks(&self, steps: usize) -> usize {
        steps.div_ceil(self.native)
    }

    /// How many steps these runs give.
    #[must_use]
    pub const fn covered(&self, steps: usize) -> usize {
        self.blocks(steps) * self.native
    }
}

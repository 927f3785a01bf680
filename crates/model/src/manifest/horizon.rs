//! The horizon of a graph, its extension by a roll-out, and the input for the season length.

use serde::{Deserialize, Serialize};

/// The input that takes the season length, one number per row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeasonLengthRole {
    /// The name of the input.
    pub input: String,
    /// The type of the elements.
    pub r#type: NumberType,
    /// The value for a series without a season.
    pub unknown: i64,
    /// The longest season that the graph can use. A longer one is replaced by `unknown`.
    pub longest: usize,
}

/// The number of steps ahead that a graph gives, and that the model serves.
///
/// ```
/// use almanac_model::manifest::{HorizonRole, Rollout};
///
/// let horizon = HorizonRole {
///     input: None,
///     r#type: None,
///     native: 24,
///     longest: 168,
///     rollout: Rollout::Median,
/// };
/// // A forecast of 60 steps takes three runs of the graph, which give 72 steps.
/// assert_eq!(horizon.blocks(60), 3);
/// assert_eq!(horizon.covered(60), 72);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HorizonRole {
    /// The name of the scalar input that requests a number of steps, if the graph has one.
    pub input: Option<String>,
    /// The type of that input.
    pub r#type: Option<IntegerType>,
    /// The number of steps that one run gives.
    pub native: usize,
    /// The maximum horizon of a request.
    pub longest: usize,
    /// The method for steps beyond `native`.
    #[serde(default)]
    pub rollout: Rollout,
}

/// The integer type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegerType {
    /// A signed integer of 64 bits.
    Int64,
}

/// The type of a tensor of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberType {
    /// A signed integer of 64 bits.
    Int64,
    /// IEEE 754 binary32.
    Float32,
}

/// The method for steps beyond those of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rollout {
    /// No further steps.
    #[default]
    None,
    /// The median is appended to the context, and the graph is run again.
    Median,
    /// Each quantile path is appended to a copy of the row. The quantiles of all copies are reduced to as many as one
    /// copy has.
    Quantiles,
    /// Missing values are appended to the context, and the graph is run again.
    Nan,
}

impl HorizonRole {
    /// Returns the number of runs for a horizon of `steps`.
    #[must_use]
    pub const fn blocks(&self, steps: usize) -> usize {
        steps.div_ceil(self.native)
    }

    /// Returns the number of steps that the runs for a horizon of `steps` give.
    #[must_use]
    pub const fn covered(&self, steps: usize) -> usize {
        self.blocks(steps) * self.native
    }
}

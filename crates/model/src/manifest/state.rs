//! The state that a recurrent graph carries from one run to the next.

use serde::Deserialize;

use crate::manifest::{FloatType, InputAxis};

/// A state: zero before the first step of the history, and then the output of the previous run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRole {
    /// The name of the input that takes the state.
    pub input: String,
    /// The name of the output that returns the next state, with the same axes.
    pub output: String,
    /// The type of the elements.
    pub r#type: FloatType,
    /// The axes: the batch, and lengths.
    pub axes: Vec<InputAxis>,
}

impl StateRole {
    /// Returns the shape of the state for `rows` rows.
    #[must_use]
    pub fn shape(&self, rows: usize) -> Vec<usize> {
        self.axes
            .iter()
            .map(|axis| match axis {
                InputAxis::Batch => rows,
                InputAxis::Size(size) => *size,
                _ => 1,
            })
            .collect()
    }

    /// Returns the position of the batch among the axes.
    #[must_use]
    pub fn batch_axis(&self) -> usize {
        self.axes
            .iter()
            .position(|axis| *axis == InputAxis::Batch)
            .unwrap_or(0)
    }
}

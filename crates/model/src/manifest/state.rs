//! What a recurrent graph carries from one run to the next.

use serde::Deserialize;

use crate::manifest::{FloatType, InputAxis};

/// A state: zero before the first step of the history, and then what the run before gave.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRole {
    /// The input that takes it.
    pub input: String,
    /// The output that gives it on, of the same axes.
    pub output: String,
    /// Type of its elements.
    pub r#type: FloatType,
    /// Its axes: the batch, and lengths.
    pub axes: Vec<InputAxis>,
}

impl StateRole {
    /// Its shape for so many rows.
    #[must_use]
    pub fn shape(&self, rows: usize) -> Vec<usize> {
        let length = |axis: &InputAxis| match axis {
            InputAxis::Batch => rows,
            InputAxis::Size(size) => *size,
            _ => 1,
        };
        self.axes.iter().map(length).collect()
    }

    /// Where the batch stands among its axes.
    #[must_use]
    pub fn batch_axis(&self) -> usize {
        let mut axes = self.axes.iter();
        axes.position(|axis| *axis == InputAxis::Batch).unwrap_or(0)
    }
}

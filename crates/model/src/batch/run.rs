//! The rows and the steps of one run of the graph.

use crate::history::History;
use crate::manifest::ContextRole;

/// A row of a run: a row of the batch, with the history that this run assumes for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunRow<'a> {
    /// The index of the row in the batch.
    pub(crate) row_idx: usize,
    pub(crate) history: &'a History,
}

/// The steps that a run reads and forecasts, relative to the ends of its histories.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunWindow {
    /// The number of steps that earlier runs have forecast.
    pub(crate) forecast_offset: usize,
    /// The number of steps at the end of each history that later runs read.
    pub(crate) history_offset: usize,
    /// The number of steps to forecast.
    pub(crate) steps: usize,
}

impl RunRow<'_> {
    /// Returns the number of steps to which this row is padded in a run of its own.
    pub(crate) fn padded_steps(&self, role: &ContextRole) -> usize {
        role.padded(self.visible_steps(role))
    }

    /// Returns the number of steps of the history that the graph sees.
    pub(super) fn visible_steps(&self, role: &ContextRole) -> usize {
        self.history.len().min(role.max_length)
    }
}

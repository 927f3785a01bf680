//! A row of a batch while it is forecast.

use ndarray::{Array2, ArrayD};

use crate::Manifest;
use crate::history::History;
use crate::manifest::Rollout;

/// A row whose horizon is not reached yet.
pub(super) struct PendingRow {
    /// The index of the row in the batch.
    pub(super) row_idx: usize,
    /// The history that the next run assumes: one, or one for each quantile level.
    pub(super) histories: Vec<History>,
    /// The recurrent state, for a graph with states.
    pub(super) recurrent: RecurrentState,
}

/// The recurrent state of one row.
pub(super) struct RecurrentState {
    /// The number of steps at the end of the history that no run has read.
    pub(super) unread_steps: usize,
    /// The states of the manifest, each without its batch axis; empty before the first run.
    pub(super) states: Vec<ArrayD<f64>>,
}

impl PendingRow {
    /// Creates a row of which nothing is forecast yet.
    pub(super) fn new(row_idx: usize, history: History) -> Self {
        Self {
            row_idx,
            recurrent: RecurrentState {
                unread_steps: history.len(),
                states: Vec::new(),
            },
            histories: vec![history],
        }
    }

    /// Appends the quantiles `[level, step]` of a block to the histories, as the roll-out of the manifest
    /// defines.
    pub(super) fn extended(mut self, manifest: &Manifest, block: &Array2<f32>) -> Self {
        self.recurrent.unread_steps += block.ncols();
        match manifest.horizon.rollout {
            Rollout::None => {}
            Rollout::Median => {
                for history in &mut self.histories {
                    history.extend(quantile_path(block, manifest.median()));
                }
            }
            Rollout::Nan => {
                for history in &mut self.histories {
                    history.extend_missing(block.ncols());
                }
            }
            Rollout::Quantiles => {
                if let [only] = self.histories.as_slice() {
                    self.histories = vec![only.clone(); block.nrows()];
                }
                for (level_idx, history) in self.histories.iter_mut().enumerate() {
                    history.extend(quantile_path(block, level_idx));
                }
            }
        }
        for history in &mut self.histories {
            history.truncate_front(manifest.context.max_length);
        }
        self
    }
}

/// Returns the quantiles of one level, step by step.
fn quantile_path(block: &Array2<f32>, level_idx: usize) -> impl Iterator<Item = f64> {
    block.row(level_idx).to_vec().into_iter().map(f64::from)
}

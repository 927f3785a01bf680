//! The runs of one block of steps, for a graph with states: each reads steps of the history that no
//! earlier run has read.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayD, Axis, IxDyn, s};

use crate::PredictError;
use crate::batch::{RunRow, RunWindow};
use crate::history::History;
use crate::rollout::row::PendingRow;
use crate::rollout::runner::Runner;

impl Runner<'_> {
    /// Forecasts the next block of each row: its quantiles `[level, step]` over `window`.
    ///
    /// A run holds rows with the same number of unread steps, so that none is padded: the padding would
    /// enter the state.
    pub(super) fn forecast_recurrent_block(
        &mut self,
        pending: &mut [PendingRow],
        window: RunWindow,
    ) -> Result<Vec<Array2<f32>>, PredictError> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, row) in pending.iter().enumerate() {
            let unread_steps = row.recurrent.unread_steps;
            groups.entry(unread_steps).or_default().push(position);
        }
        let levels = self.manifest.levels().as_slice().len();
        let mut blocks = vec![Array2::zeros((levels, window.steps)); pending.len()];
        for (unread_steps, group) in groups {
            let steps_per_run = if self.manifest.context.stepwise {
                1
            } else {
                unread_steps.max(1)
            };
            for members in group.chunks(self.max_rows(group.len())) {
                for history_offset in (0..unread_steps).step_by(steps_per_run).rev() {
                    let window = RunWindow {
                        history_offset,
                        ..window
                    };
                    let values = self.read_steps(pending, members, steps_per_run, window)?;
                    for (member, values) in members.iter().zip(values) {
                        blocks[*member] = values;
                    }
                }
            }
        }
        Ok(blocks)
    }

    /// Runs the graph once, on `steps` steps of the history of each of `members`; returns its forecast
    /// and stores the states after the run.
    fn read_steps(
        &mut self,
        pending: &mut [PendingRow],
        members: &[usize],
        steps: usize,
        window: RunWindow,
    ) -> Result<Vec<Array2<f32>>, PredictError> {
        let filled = self.fill_up(members.to_vec());
        let slices: Vec<History> = filled
            .iter()
            .map(|member| pending[*member].histories[0].slice(steps, window.history_offset))
            .collect();
        let rows: Vec<_> = filled
            .iter()
            .zip(&slices)
            .map(|(member, history)| RunRow {
                row_idx: pending[*member].row_idx,
                history,
            })
            .collect();
        let mut run = self.batch.pack_run(self.manifest, &rows, window);
        run.set_states(self.stack_states(pending, &filled));
        let (output, states) = run.run_once_with_states(self.manifest, self.forecaster)?;
        for (position, member) in members.iter().enumerate() {
            let recurrent = &mut pending[*member].recurrent;
            recurrent.states = self
                .manifest
                .states
                .iter()
                .zip(&states)
                .map(|(role, state)| {
                    state
                        .index_axis(Axis(role.batch_axis()), position)
                        .to_owned()
                })
                .collect();
            recurrent.unread_steps = 0;
        }
        Ok(output
            .outer_iter()
            .take(members.len())
            .map(|values| values.slice(s![.., ..window.steps]).to_owned())
            .collect())
    }

    /// Stacks the states of `members` along the batch axis of each; zero before the first run.
    fn stack_states(&self, pending: &[PendingRow], members: &[usize]) -> Vec<ArrayD<f64>> {
        self.manifest
            .states
            .iter()
            .enumerate()
            .map(|(state_idx, role)| {
                let mut stacked = ArrayD::zeros(IxDyn(&role.shape(members.len())));
                let axis = Axis(role.batch_axis());
                for (mut cells, member) in stacked.axis_iter_mut(axis).zip(members) {
                    if let Some(state) = pending[*member].recurrent.states.get(state_idx) {
                        cells.assign(state);
                    }
                }
                stacked
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

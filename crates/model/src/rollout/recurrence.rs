//! The runs of a graph with a state: each reads steps of the history that none has read before.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayD, ArrayViewD, Axis, IxDyn, s};

use super::{Going, Runs};
use crate::PredictError;
use crate::batch::{Path, Place};
use crate::history::History;

/// What a graph with a state remembers of one row.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Steps at the end of its history that were not read.
    pub(super) unread: usize,
    /// Each state, without an axis for the batch; none before the first run.
    states: Vec<ArrayD<f64>>,
}

impl Memory {
    /// Of a row that has a history of `steps`.
    pub(super) const fn of(steps: usize) -> Self {
        Self {
            unread: steps,
            states: Vec::new(),
        }
    }
}

impl Runs<'_> {
    /// The quantiles `[level, step]` of the next `steps` of each row, of which `begun` were forecast.
    ///
    /// Rows go together that have as much to read, so that none is padded: a state would remember it.
    pub(super) fn recurrent(
        &mut self,
        going: &mut [Going],
        (begun, steps): (usize, usize),
    ) -> Result<Vec<Array2<f32>>, PredictError> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, row) in going.iter().enumerate() {
            groups.entry(row.memory.unread).or_default().push(place);
        }
        let levels = self.manifest.levels().as_slice().len();
        let mut blocks = vec![Array2::zeros((levels, steps)); going.len()];
        for (unread, group) in groups {
            let piece = if self.manifest.context.stepwise {
                1
            } else {
                unread
            };
            let most = self.manifest.batch_size.unwrap_or(group.len());
            for members in group.chunks(most) {
                for behind in (0..unread).step_by(piece.max(1)).rev() {
                    let place = Place {
                        begun,
                        behind,
                        steps,
                    };
                    let values = self.read(going, members, (piece, place))?;
                    for (member, values) in members.iter().zip(values) {
                        blocks[*member] = values;
                    }
                }
            }
        }
        Ok(blocks)
    }

    /// One run, which reads a `piece` of the history of each of `members`, and what it forecasts.
    fn read(
        &mut self,
        going: &mut [Going],
        members: &[usize],
        (piece, place): (usize, Place),
    ) -> Result<Vec<Array2<f32>>, PredictError> {
        // Where the graph takes more rows, the last is repeated.
        let mut chosen = members.to_vec();
        if let (Some(size), Some(last)) = (self.manifest.batch_size, chosen.last().copied()) {
            chosen.resize(size, last);
        }
        let pieces: Vec<History> = chosen
            .iter()
            .map(|member| going[*member].histories[0].piece(piece, place.behind))
            .collect();
        let paths: Vec<_> = chosen
            .iter()
            .zip(&pieces)
            .map(|(member, history)| Path {
                row_idx: going[*member].row_idx,
                history,
            })
            .collect();
        let mut block = self.batch.block(self.manifest, &paths, place);
        block.remember(self.states(going, &chosen));
        let (output, states) = block.run_on(self.manifest, self.forecaster)?;
        for (place, member) in members.iter().enumerate() {
            let roles = self.manifest.states.iter();
            let own = roles.zip(&states).map(|(role, state)| {
                let axis = Axis(role.batch_axis());
                state.index_axis(axis, place).to_owned()
            });
            let memory = &mut going[*member].memory;
            memory.states = own.collect();
            memory.unread = 0;
        }
        let steps = place.steps;
        let rows = output.outer_iter().take(members.len());
        Ok(rows
            .map(|row| row.slice(s![.., ..steps]).to_owned())
            .collect())
    }

    /// The states of `chosen`, beside each other; zero before the first run.
    fn states(&self, going: &[Going], chosen: &[usize]) -> Vec<ArrayD<f64>> {
        let roles = self.manifest.states.iter().enumerate();
        roles
            .map(|(state_idx, role)| {
                let mut state = ArrayD::zeros(IxDyn(&role.shape(chosen.len())));
                let axis = Axis(role.batch_axis());
                for (mut cells, member) in state.axis_iter_mut(axis).zip(chosen) {
                    let memory: &Memory = &going[*member].memory;
                    if let Some(own) = memory.states.get(state_idx) {
                        let own: ArrayViewD<'_, f64> = own.view();
                        cells.assign(&own);
                    }
                }
                state
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

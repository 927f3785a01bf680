//! The runs of one block of steps, for a graph without states.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, Axis, s};

use crate::batch::{RunRow, RunWindow};
use crate::distribution::empirical;
use crate::precision::narrow;
use crate::rollout::row::PendingRow;
use crate::{Batch, Forecaster, Manifest, PredictError};

/// A forecaster and the batch that it runs.
pub(super) struct Runner<'a> {
    pub(super) batch: &'a Batch,
    pub(super) manifest: &'a Manifest,
    pub(super) forecaster: &'a mut dyn Forecaster,
}

impl Runner<'_> {
    /// Forecasts the next block of each row: its quantiles `[level, step]` over `window`.
    pub(super) fn forecast_block(
        &mut self,
        pending: &[PendingRow],
        window: RunWindow,
    ) -> Result<Vec<Array2<f32>>, PredictError> {
        let rows: Vec<_> = pending
            .iter()
            .flat_map(|row| {
                row.histories.iter().map(|history| RunRow {
                    row_idx: row.row_idx,
                    history,
                })
            })
            .collect();
        let values = self.forecast_rows(&rows, window)?;
        let mut first = 0;
        let mut blocks = Vec::with_capacity(pending.len());
        for row in pending {
            let end = first + row.histories.len();
            let copies = values.slice(s![first..end, .., ..]);
            blocks.push(if row.histories.len() == 1 {
                copies.index_axis(Axis(0), 0).to_owned()
            } else {
                self.pool_quantiles(&copies.to_owned())
            });
            first = end;
        }
        Ok(blocks)
    }

    /// Pools the quantiles of all copies of a row: at each step they are taken as draws, and the
    /// quantiles of the draws are returned.
    fn pool_quantiles(&self, copies: &Array3<f32>) -> Array2<f32> {
        let levels = self.manifest.levels().as_slice();
        let steps = copies.dim().2;
        let mut pooled = Array2::zeros((levels.len(), steps));
        for step in 0..steps {
            let mut draws: Vec<_> = copies
                .index_axis(Axis(2), step)
                .iter()
                .map(|draw| f64::from(*draw))
                .collect();
            draws.sort_by(f64::total_cmp);
            for (level_idx, level) in levels.iter().enumerate() {
                pooled[[level_idx, step]] = narrow(empirical(&draws, level.value()));
            }
        }
        pooled
    }

    /// Forecasts the quantiles `[row, level, step]` of `rows`, in as many runs as they take.
    ///
    /// A graph that cannot distinguish padding from values gets rows of one length per run, so that the
    /// padding of a row does not depend on the other rows.
    fn forecast_rows(
        &mut self,
        rows: &[RunRow<'_>],
        window: RunWindow,
    ) -> Result<Array3<f32>, PredictError> {
        let role = &self.manifest.context;
        let split_by_length = role.features.is_empty() && !self.manifest.distinguishes_padding();
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (position, row) in rows.iter().enumerate() {
            let length = if split_by_length {
                row.padded_steps(role)
            } else {
                0
            };
            groups.entry(length).or_default().push(position);
        }
        let levels = self.manifest.levels().as_slice().len();
        let mut output = Array3::zeros((rows.len(), levels, window.steps));
        for group in groups.values() {
            for members in group.chunks(self.max_rows(group.len())) {
                let values = self.run_members(rows, members, window)?;
                for (member, values) in members.iter().zip(values.outer_iter()) {
                    let mut cells = output.index_axis_mut(Axis(0), *member);
                    cells.assign(&values.slice(s![.., ..window.steps]));
                }
            }
        }
        Ok(output)
    }

    /// Runs the graph once, on the rows at `members`.
    fn run_members(
        &mut self,
        rows: &[RunRow<'_>],
        members: &[usize],
        window: RunWindow,
    ) -> Result<Array3<f32>, PredictError> {
        let members: Vec<_> = members.iter().map(|member| rows[*member]).collect();
        let run = self
            .batch
            .pack_run(self.manifest, &self.fill_up(members), window);
        let output = run.run_once(self.manifest, self.forecaster)?;
        Ok(run.select_series(output))
    }

    /// Returns the maximum number of rows of a run, of a group of `group_size` rows.
    pub(super) fn max_rows(&self, group_size: usize) -> usize {
        self.manifest.batch_size.unwrap_or(group_size)
    }

    /// Repeats the last of `members` up to the number of rows of the graph, if that is fixed.
    pub(super) fn fill_up<T: Copy>(&self, mut members: Vec<T>) -> Vec<T> {
        if let (Some(size), Some(last)) = (self.manifest.batch_size, members.last().copied()) {
            members.resize(size, last);
        }
        members
    }
}

//! The runs of a batch that takes more than one: rows of different length, graphs that take so many rows
//! and no others, and horizons beyond what one run gives.

mod recurrence;

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, Axis, s};

use crate::batch::{Path, Place, narrow};
use crate::distribution::empirical;
use crate::history::History;
use crate::manifest::Rollout;
use crate::{Batch, Forecaster, Manifest, PredictError};
use recurrence::Memory;

/// A row whose horizon is not reached yet.
struct Going {
    row_idx: usize,
    /// What it is taken to have been: one history, or one for each level.
    histories: Vec<History>,
    /// Of a graph with a state.
    memory: Memory,
}

/// What is run, and by whom.
struct Runs<'a> {
    batch: &'a Batch,
    manifest: &'a Manifest,
    forecaster: &'a mut dyn Forecaster,
}

/// The quantiles `[row, level, step]` of `batch` in the model's units. Those beyond the horizon of a row
/// say nothing.
pub(super) fn run(
    batch: &Batch,
    manifest: &Manifest,
    forecaster: &mut dyn Forecaster,
) -> Result<Array3<f32>, PredictError> {
    let mut runs = Runs {
        batch,
        manifest,
        forecaster,
    };
    let histories: Vec<_> = batch.rows().iter().map(|row| row.history.clone()).collect();
    if !manifest.postprocess.flip {
        return runs.forecast(histories);
    }
    let negated = histories.iter().map(History::negated).collect();
    let upright = runs.forecast(histories)?;
    let flipped = runs.forecast(negated)?;
    // The lowest level of the negated series is the highest of the series.
    Ok(0.5 * (upright - flipped.slice(s![.., ..;-1, ..])))
}

impl Runs<'_> {
    /// The quantiles of rows with these histories, each to its horizon.
    fn forecast(&mut self, histories: Vec<History>) -> Result<Array3<f32>, PredictError> {
        let levels = self.manifest.levels().as_slice().len();
        let horizon = self.batch.horizon();
        let mut output = Array3::zeros((histories.len(), levels, horizon));
        let mut going: Vec<_> = histories
            .into_iter()
            .enumerate()
            .map(|(row_idx, history)| Going {
                row_idx,
                memory: Memory::of(history.len()),
                histories: vec![history],
            })
            .collect();
        let mut begun = 0;
        while !going.is_empty() {
            let steps = self.manifest.horizon.native.min(horizon - begun);
            let blocks = if self.manifest.states.is_empty() {
                self.blocks(&going, (begun, steps))?
            } else {
                self.recurrent(&mut going, (begun, steps))?
            };
            for (row, block) in going.iter().zip(&blocks) {
                let mut cells = output.slice_mut(s![row.row_idx, .., begun..begun + steps]);
                cells.assign(&block.slice(s![.., ..steps]));
            }
            begun += steps;
            let rows = self.batch.rows();
            let mut blocks = blocks.into_iter();
            going.retain_mut(|row| {
                let goes_on = rows[row.row_idx].horizon > begun;
                if let Some(block) = blocks.next()
                    && goes_on
                {
                    row.extend(self.manifest, &block);
                }
                goes_on
            });
        }
        Ok(output)
    }

    /// The quantiles `[level, step]` of the next `steps` of each row, of which `begun` were forecast.
    fn blocks(
        &mut self,
        going: &[Going],
        (begun, steps): (usize, usize),
    ) -> Result<Vec<Array2<f32>>, PredictError> {
        let path = |row: &'_ Going, history| Path {
            row_idx: row.row_idx,
            history,
        };
        let paths: Vec<_> = going
            .iter()
            .flat_map(|row| row.histories.iter().map(move |history| path(row, history)))
            .collect();
        let values = self.paths(&paths, (begun, steps))?;
        let mut first = 0;
        let reduced = going.iter().map(|row| {
            let copies = row.histories.len();
            let own = values.slice(s![first..first + copies, .., ..]);
            first += copies;
            if copies == 1 {
                own.index_axis(Axis(0), 0).to_owned()
            } else {
                self.reduce(&own.to_owned())
            }
        });
        Ok(reduced.collect())
    }

    /// The quantiles of the quantiles of all copies of a row, taken as draws, step by step.
    fn reduce(&self, copies: &Array3<f32>) -> Array2<f32> {
        let levels = self.manifest.levels().as_slice();
        let steps = copies.dim().2;
        let mut reduced = Array2::zeros((levels.len(), steps));
        for step in 0..steps {
            let draws = copies.index_axis(Axis(2), step);
            let mut draws: Vec<_> = draws.iter().map(|draw| f64::from(*draw)).collect();
            draws.sort_by(f64::total_cmp);
            for (level_idx, level) in levels.iter().enumerate() {
                reduced[[level_idx, step]] = narrow(empirical(&draws, level.value()));
            }
        }
        reduced
    }

    /// The quantiles `[path, level, step]` of each path.
    ///
    /// A graph that cannot tell padding from values is given paths of one length at a time, so that
    /// none is padded for the sake of another.
    fn paths(
        &mut self,
        paths: &[Path<'_>],
        (begun, steps): (usize, usize),
    ) -> Result<Array3<f32>, PredictError> {
        let role = &self.manifest.context;
        let apart = role.features.is_empty() && !self.manifest.tells_padding();
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (path_idx, path) in paths.iter().enumerate() {
            let length = if apart { path.padded(role) } else { 0 };
            groups.entry(length).or_default().push(path_idx);
        }
        let levels = self.manifest.levels().as_slice().len();
        let mut output = Array3::zeros((paths.len(), levels, steps));
        for group in groups.values() {
            let most = self.manifest.batch_size.unwrap_or(group.len());
            for members in group.chunks(most) {
                let answer = self.one(paths, members, (begun, steps))?;
                for (member, values) in members.iter().zip(answer.outer_iter()) {
                    let mut cells = output.index_axis_mut(Axis(0), *member);
                    cells.assign(&values.slice(s![.., ..steps]));
                }
            }
        }
        Ok(output)
    }

    /// One run, of the paths at `members`. Where the graph takes more rows, the last is repeated.
    fn one(
        &mut self,
        paths: &[Path<'_>],
        members: &[usize],
        (begun, steps): (usize, usize),
    ) -> Result<Array3<f32>, PredictError> {
        let mut chosen: Vec<_> = members.iter().map(|member| paths[*member]).collect();
        if let (Some(size), Some(last)) = (self.manifest.batch_size, chosen.last().copied()) {
            chosen.resize(size, last);
        }
        let place = Place {
            begun,
            behind: 0,
            steps,
        };
        let block = self.batch.block(self.manifest, &chosen, place);
        let output = block.run(self.manifest, self.forecaster)?;
        Ok(block.of_series(output))
    }
}

impl Going {
    /// Takes the quantiles `[level, step]` of a block as what has been, as the roll-out says.
    fn extend(&mut self, manifest: &Manifest, block: &Array2<f32>) {
        let level = |level_idx: usize| path(block, level_idx);
        self.memory.unread += block.ncols();
        match manifest.horizon.rollout {
            Rollout::None => {}
            Rollout::Median => self.each(|_, history| history.extend(level(manifest.median()))),
            Rollout::Nan => self.each(|_, history| history.extend_missing(block.ncols())),
            Rollout::Quantiles => {
                if let [only] = self.histories.as_slice() {
                    self.histories = vec![only.clone(); block.nrows()];
                }
                self.each(|level_idx, history| history.extend(level(level_idx)));
            }
        }
        let most = manifest.context.max_length;
        self.each(|_, history| history.keep(most));
    }

    fn each(&mut self, change: impl Fn(usize, &mut History)) {
        for (level_idx, history) in self.histories.iter_mut().enumerate() {
            change(level_idx, history);
        }
    }
}

fn path(block: &Array2<f32>, level_idx: usize) -> impl Iterator<Item = f64> {
    let row = block.row(level_idx).to_vec();
    row.into_iter().map(f64::from)
}

#[cfg(test)]
mod tests;

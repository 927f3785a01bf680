//! The runs of a batch that takes more than one: rows of different lengths, graphs with a fixed number of
//! rows, and horizons beyond the steps of one run.

mod recurrence;
mod row;
mod runner;

use ndarray::{Array3, s};

use crate::batch::RunWindow;
use crate::history::History;
use crate::{Batch, Forecaster, Manifest, PredictError};

use row::PendingRow;
use runner::Runner;

impl Batch {
    /// Runs `forecaster` on this batch, as often as its horizon takes, and returns the quantiles
    /// `[row, level, step]` in the units of the model. Values beyond the horizon of a row are
    /// unspecified.
    ///
    /// # Errors
    /// The error of the forecaster, or [`PredictError::Shape`] if its output does not fit the batch.
    pub fn run(
        &self,
        manifest: &Manifest,
        forecaster: &mut dyn Forecaster,
    ) -> Result<Array3<f32>, PredictError> {
        if self.is_single_run() {
            return self.run_once(manifest, forecaster);
        }
        let mut runner = Runner {
            batch: self,
            manifest,
            forecaster,
        };
        let histories: Vec<_> = self.rows().iter().map(|row| row.history.clone()).collect();
        if !manifest.postprocess.flip {
            return roll_out(&mut runner, histories);
        }
        let negated = histories.iter().map(History::negated).collect();
        let upright = roll_out(&mut runner, histories)?;
        let flipped = roll_out(&mut runner, negated)?;
        // The lowest level of the negated series is the highest level of the series.
        Ok(0.5 * (upright - flipped.slice(s![.., ..;-1, ..])))
    }
}

/// Forecasts each row from its history to its horizon, in blocks of at most `horizon.native` steps.
fn roll_out(runner: &mut Runner<'_>, histories: Vec<History>) -> Result<Array3<f32>, PredictError> {
    let (batch, manifest) = (runner.batch, runner.manifest);
    let levels = manifest.levels().as_slice().len();
    let horizon = batch.horizon();
    let mut output = Array3::zeros((histories.len(), levels, horizon));
    let mut pending: Vec<_> = histories
        .into_iter()
        .enumerate()
        .map(|(row_idx, history)| PendingRow::new(row_idx, history))
        .collect();
    let mut offset = 0;
    while !pending.is_empty() {
        let window = RunWindow {
            forecast_offset: offset,
            history_offset: 0,
            steps: manifest.horizon.native.min(horizon - offset),
        };
        let blocks = if manifest.states.is_empty() {
            runner.forecast_block(&pending, window)?
        } else {
            runner.forecast_recurrent_block(&mut pending, window)?
        };
        let end = offset + window.steps;
        for (row, block) in pending.iter().zip(&blocks) {
            let mut cells = output.slice_mut(s![row.row_idx, .., offset..end]);
            cells.assign(&block.slice(s![.., ..window.steps]));
        }
        pending = pending
            .into_iter()
            .zip(&blocks)
            .filter(|(row, _)| batch.rows()[row.row_idx].horizon > end)
            .map(|(row, block)| row.extended(manifest, block))
            .collect();
        offset = end;
    }
    Ok(output)
}

#[cfg(test)]
mod tests;

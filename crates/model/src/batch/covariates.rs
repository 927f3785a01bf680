//! The covariates of the rows of one run, as tensors aligned with the contexts.

use ndarray::Array2;

use crate::Manifest;
use crate::batch::run::{RunRow, RunWindow};
use crate::covariates::CovariateColumns;
use crate::manifest::{ContextRole, PadSide};

/// The rows of one run and their covariates.
pub(super) struct CovariateTensors<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) rows: &'a [RunRow<'a>],
    /// The covariates of each row.
    pub(super) columns: Vec<&'a CovariateColumns>,
    /// The number of steps of the padded contexts.
    pub(super) width: usize,
    pub(super) window: RunWindow,
}

impl CovariateTensors<'_> {
    /// Returns the covariate at `column_idx` of each row, `[row, step]`: the steps of the padded contexts,
    /// then the steps of one run after them. A static covariate repeats its value.
    pub(super) fn tensor(&self, column_idx: usize) -> Array2<f64> {
        let role = &self.manifest.context;
        let native = self.manifest.horizon.native;
        let mut tensor = Array2::from_elem((self.rows.len(), self.width + native), f64::NAN);
        for ((row, columns), mut cells) in
            self.rows.iter().zip(&self.columns).zip(tensor.rows_mut())
        {
            let Some(column) = columns.column(column_idx) else {
                continue;
            };
            if column.is_static {
                cells.fill(column.value(0));
                continue;
            }
            let length = row.visible_steps(role);
            let end = columns.origin() + self.window.forecast_offset - self.window.history_offset;
            let first = left_padding(role, self.width - length);
            for (position, cell) in cells.iter_mut().enumerate() {
                *cell = match position.checked_sub(self.width) {
                    Some(step) => column.value(end + step),
                    None if (first..first + length).contains(&position) => {
                        column.value(end + position - first - length)
                    }
                    None => column.padding,
                };
            }
        }
        tensor
    }
}

/// Returns how many of the `padding` steps are in front of the context.
const fn left_padding(role: &ContextRole, padding: usize) -> usize {
    match role.pad {
        PadSide::Left => padding,
        PadSide::Right => 0,
    }
}

#[cfg(test)]
mod tests;

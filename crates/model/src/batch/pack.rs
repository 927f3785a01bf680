//! The packing of one run: the tensors of some rows of a batch, from their histories.

use ndarray::{Array1, Array2, ArrayViewMut1};

use crate::batch::covariate_rows::GroupLayout;
use crate::batch::covariates::CovariateTensors;
use crate::batch::inputs::StepKind;
use crate::batch::run::{RunRow, RunWindow};
use crate::batch::{Batch, BatchRow};
use crate::features::FeatureStep;
use crate::manifest::{ContextRole, FloatType, PadSide, PadValue};
use crate::precision::narrow;
use crate::{Manifest, imputation};

impl Batch {
    /// Packs one run of `rows`, which belong to this batch, over `window`.
    pub(crate) fn pack_run(
        &self,
        manifest: &Manifest,
        rows: &[RunRow<'_>],
        window: RunWindow,
    ) -> Self {
        let expanded =
            GroupLayout::expand(manifest, rows, |row| &self.rows[row.row_idx].covariate_rows);
        let (expanded_rows, layout) = expanded.unzip();
        let rows = expanded_rows.as_deref().unwrap_or(rows);
        let (contexts, step_kinds) = if manifest.context.features.is_empty() {
            history_tensor(manifest, rows)
        } else {
            (feature_tensor(&self.rows, manifest, rows, window), None)
        };
        Self {
            contexts_f64: (manifest.context.r#type == FloatType::Float64).then(|| contexts.clone()),
            covariates: self.covariate_tensors(manifest, rows, contexts.ncols(), window),
            states: Vec::new(),
            layout,
            contexts: contexts.mapv(narrow),
            step_kinds,
            season_lengths: rows
                .iter()
                .map(|row| self.season_lengths[row.row_idx])
                .collect::<Array1<_>>(),
            horizon: window.steps,
            requested_steps: rows
                .iter()
                .map(|row| self.requested_steps[row.row_idx])
                .map(|steps| steps.saturating_sub(window.forecast_offset))
                .map(|remaining| remaining.min(manifest.horizon.native))
                .collect(),
            rows: Vec::new(),
            is_single_run: true,
        }
    }

    /// Returns the tensor of each covariate, or none if no input of the graph takes covariates.
    fn covariate_tensors(
        &self,
        manifest: &Manifest,
        rows: &[RunRow<'_>],
        width: usize,
        window: RunWindow,
    ) -> Vec<Array2<f64>> {
        let mut inputs = manifest.inputs.iter();
        if inputs.all(|input| input.covariates().is_empty()) {
            return Vec::new();
        }
        let tensors = CovariateTensors {
            manifest,
            rows,
            columns: rows
                .iter()
                .map(|row| &self.rows[row.row_idx].covariates)
                .collect(),
            width,
            window,
        };
        (0..manifest.covariates.len())
            .map(|column_idx| tensors.tensor(column_idx))
            .collect()
    }
}

/// Returns the padded histories and, if an input of the graph distinguishes padding, the kind of each
/// step.
fn history_tensor(
    manifest: &Manifest,
    rows: &[RunRow<'_>],
) -> (Array2<f64>, Option<Array2<StepKind>>) {
    let role = &manifest.context;
    let longest = rows.iter().map(|row| row.visible_steps(role)).max();
    let width = role.padded(longest.unwrap_or(0));
    let mut tensor = Array2::from_elem((rows.len(), width), 0.0);
    let needs_kinds = manifest
        .inputs
        .iter()
        .any(|input| input.fill.distinguishes_padding());
    let mut step_kinds =
        needs_kinds.then(|| Array2::from_elem((rows.len(), width), StepKind::Padding));
    for (row_idx, row) in rows.iter().enumerate() {
        let (values, observed) = row.history.tail(role.max_length);
        let offset = match role.pad {
            PadSide::Left => width - values.len(),
            PadSide::Right => 0,
        };
        write_row(tensor.row_mut(row_idx), values, offset, role);
        if let Some(step_kinds) = &mut step_kinds {
            let cells = step_kinds.row_mut(row_idx).into_iter().skip(offset);
            for (cell, is_observed) in cells.zip(observed) {
                *cell = if *is_observed {
                    StepKind::Observed
                } else {
                    StepKind::Missing
                };
            }
        }
    }
    (tensor, step_kinds)
}

/// Writes `values` into `row` from `offset` on, and the padding around them.
fn write_row(mut row: ArrayViewMut1<'_, f64>, values: &[f64], offset: usize, role: &ContextRole) {
    let padding = match role.padding() {
        PadValue::Nan => f64::NAN,
        PadValue::Zero => 0.0,
        PadValue::First => values
            .iter()
            .copied()
            .find(|value| !value.is_nan())
            .unwrap_or(0.0),
        PadValue::Mean => imputation::mean(values),
    };
    if values.len() < row.len() {
        row.fill(padding);
    }
    for (cell, value) in row.iter_mut().skip(offset).zip(values) {
        *cell = imputation::fill_scaled(*value, role.missing);
    }
}

/// Returns the features of each row, or of each step of each row for a graph that takes the step as a
/// feature: one row of the tensor each.
fn feature_tensor(
    batch_rows: &[BatchRow],
    manifest: &Manifest,
    rows: &[RunRow<'_>],
    window: RunWindow,
) -> Array2<f64> {
    let role = &manifest.context;
    let steps_per_row = if role.is_direct() { window.steps } else { 1 };
    let mut cells = Vec::with_capacity(rows.len() * steps_per_row * role.features.len());
    for row in rows {
        let (values, _) = row.history.tail(role.max_length);
        let future = &batch_rows[row.row_idx].future_features;
        for step in 0..steps_per_row {
            let target = FeatureStep {
                after_series: window.forecast_offset + step,
                after_history: step,
            };
            future.append_row(&mut cells, &role.features, values, target);
        }
    }
    for cell in &mut cells {
        *cell = imputation::fill_scaled(*cell, role.missing);
    }
    let mut cells = cells.into_iter();
    Array2::from_shape_simple_fn((rows.len() * steps_per_row, role.features.len()), || {
        cells.next().unwrap_or(f64::NAN)
    })
}

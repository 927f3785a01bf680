//! One run of the graph, made of the histories of some rows.

use ndarray::{Array1, Array2, ArrayViewMut1};

use crate::Manifest;
use crate::batch::{Batch, Beside, Row, Seen, covariates, narrow};
use crate::features::{self, Target};
use crate::history::{History, written};
use crate::imputation;
use crate::manifest::{ContextRole, FloatType, PadSide, PadValue};

/// A row of a run: what a row of the batch is taken to have been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<'a> {
    /// The row of the batch.
    pub(crate) row_idx: usize,
    pub(crate) history: &'a History,
}

/// Where a run stands in its rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Steps that were forecast before it.
    pub(crate) begun: usize,
    /// Steps of the histories that it does not reach: those that are read after it.
    pub(crate) behind: usize,
    /// Steps that it forecasts.
    pub(crate) steps: usize,
}

impl Path<'_> {
    /// The number of steps to which a run of it alone would be padded.
    pub(crate) fn padded(&self, role: &ContextRole) -> usize {
        role.padded(self.seen(role))
    }

    /// The number of steps of it that the graph sees.
    pub(super) fn seen(&self, role: &ContextRole) -> usize {
        self.history.len().min(role.max_length)
    }
}

impl Batch {
    /// The run of `paths`, which are of rows of this batch, at this `place` of theirs.
    pub(crate) fn block(&self, manifest: &Manifest, paths: &[Path<'_>], place: Place) -> Self {
        let Place { begun, steps, .. } = place;
        let expanded = Beside::of(manifest, paths, |path| &self.rows[path.row_idx].group);
        let (lines, beside) = expanded.unzip();
        let paths = lines.as_deref().unwrap_or(paths);
        let season_lengths = paths.iter().map(|path| self.season_lengths[path.row_idx]);
        let season_lengths: Array1<_> = season_lengths.collect();
        let (contexts, seen) = if manifest.context.features.is_empty() {
            history_tensor(manifest, paths)
        } else {
            (
                feature_tensor(&self.rows, manifest, paths, (begun, steps)),
                None,
            )
        };
        Self {
            wide_contexts: (manifest.context.r#type == FloatType::Float64)
                .then(|| contexts.clone()),
            covariates: self.covariate_tensors(manifest, paths, (contexts.ncols(), place)),
            states: Vec::new(),
            beside,
            contexts: contexts.mapv(narrow),
            seen,
            season_lengths,
            horizon: steps,
            wanted: paths
                .iter()
                .map(|path| self.wanted[path.row_idx].saturating_sub(begun))
                .map(|left| left.min(manifest.horizon.native))
                .collect(),
            rows: Vec::new(),
            is_one_run: true,
        }
    }
}

impl Batch {
    /// Every covariate of `paths`, where an input of the graph takes some.
    fn covariate_tensors(
        &self,
        manifest: &Manifest,
        paths: &[Path<'_>],
        (width, place): (usize, Place),
    ) -> Vec<Array2<f64>> {
        let mut inputs = manifest.inputs.iter();
        if inputs.all(|input| input.covariates().is_empty()) {
            return Vec::new();
        }
        let known: Vec<_> = paths
            .iter()
            .map(|path| &self.rows[path.row_idx].known)
            .collect();
        (0..manifest.covariates.len())
            .map(|column| covariates::tensor(manifest, column, (paths, &known), (width, place)))
            .collect()
    }
}

/// The histories, padded, and what each cell is where an input of the graph tells.
fn history_tensor(manifest: &Manifest, paths: &[Path<'_>]) -> (Array2<f64>, Option<Array2<Seen>>) {
    let role = &manifest.context;
    let longest = paths
        .iter()
        .map(|path| path.history.len().min(role.max_length));
    let width = role.padded(longest.max().unwrap_or(0));
    let mut tensor = Array2::from_elem((paths.len(), width), 0.0);
    let tells = manifest
        .inputs
        .iter()
        .any(|input| input.fill.tells_padding());
    let mut seen = tells.then(|| Array2::from_elem((paths.len(), width), Seen::Padding));
    for (path_idx, path) in paths.iter().enumerate() {
        let (values, observed) = path.history.tail(role.max_length);
        let offset = match role.pad {
            PadSide::Left => width - values.len(),
            PadSide::Right => 0,
        };
        write_row(tensor.row_mut(path_idx), values, (offset, role));
        if let Some(seen) = &mut seen {
            let cells = seen.row_mut(path_idx).into_iter().skip(offset);
            for (cell, observed) in cells.zip(observed) {
                *cell = if *observed {
                    Seen::Observed
                } else {
                    Seen::Missing
                };
            }
        }
    }
    (tensor, seen)
}

fn write_row(
    mut row: ArrayViewMut1<'_, f64>,
    values: &[f64],
    (offset, role): (usize, &ContextRole),
) {
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
        *cell = written(*value, role.missing);
    }
}

/// The features of each path, or of each step ahead of each path, one row each.
fn feature_tensor(
    rows: &[Row],
    manifest: &Manifest,
    paths: &[Path<'_>],
    (begun, steps): (usize, usize),
) -> Array2<f64> {
    let role = &manifest.context;
    let per_path = if role.is_direct() { steps } else { 1 };
    let mut cells = Vec::with_capacity(paths.len() * per_path * role.features.len());
    for path in paths {
        let (values, _) = path.history.tail(role.max_length);
        let ahead = &rows[path.row_idx].ahead;
        for within in 0..per_path {
            let target = Target {
                ahead: begun + within,
                within,
            };
            features::extend(&mut cells, &role.features, values, (ahead, target));
        }
    }
    for cell in &mut cells {
        *cell = written(*cell, role.missing);
    }
    let mut cells = cells.into_iter();
    Array2::from_shape_simple_fn((paths.len() * per_path, role.features.len()), || {
        cells.next().unwrap_or(f64::NAN)
    })
}

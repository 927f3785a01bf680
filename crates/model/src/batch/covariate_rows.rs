//! Covariates as extra rows of the batch, for a graph in which the rows of one group attend to each
//! other.

use almanac_forecast::{CovariateValues, ForecastRequest};
use ndarray::{Array2, Array3, Axis};

use crate::batch::Batch;
use crate::batch::run::RunRow;
use crate::history::History;
use crate::manifest::ContextCovariates;
use crate::scaling::Scale;
use crate::{Manifest, imputation};

/// The covariates of one series that become rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CovariateRows(Vec<CovariateRow>);

/// A covariate as a row.
#[derive(Clone, Debug, PartialEq)]
struct CovariateRow {
    history: History,
    /// The known values after the end of the series.
    future: Vec<f64>,
}

/// The layout of a run in which covariates are extra rows.
#[derive(Clone, Debug)]
pub(super) struct GroupLayout {
    /// For each row, the index of its series among the series of the run.
    groups: Vec<usize>,
    /// The indices of the rows that are series.
    series_rows: Vec<usize>,
    /// For each row, the known values of the steps of the run; `NaN` where unknown.
    future: Array2<f64>,
}

impl CovariateRows {
    /// Prepares the past and future covariates of `request` for the last `context_length` values of its
    /// series.
    pub(super) fn prepare(
        manifest: &Manifest,
        request: &ForecastRequest,
        context_length: usize,
    ) -> Self {
        if manifest.context.covariates == ContextCovariates::None {
            return Self::default();
        }
        let length = request.series().values().len();
        let row = |values: &CovariateValues| {
            let (past, future) = values.steps().split_at_checked(length)?;
            let context = &past[length - context_length..];
            Some(CovariateRow::new(manifest, context, future))
        };
        let covariates = request.covariates().iter();
        Self(
            covariates
                .filter_map(|covariate| row(&covariate.values))
                .collect(),
        )
    }
}

impl CovariateRow {
    fn new(manifest: &Manifest, context: &[f64], future: &[f64]) -> Self {
        let role = &manifest.context;
        let scale = Scale::fit(context, role.scaling, role.scale_floor);
        let scaled = |values: &[f64]| -> Vec<f64> {
            values.iter().map(|value| scale.apply(*value)).collect()
        };
        let mut values = scaled(context);
        imputation::fill(&mut values, role.missing, None);
        Self {
            history: History::from_values(values),
            future: scaled(future),
        }
    }
}

impl GroupLayout {
    /// Returns `rows`, each followed by its covariates as extra rows, and their layout. Returns `None`
    /// for a graph that takes no such rows.
    pub(super) fn expand<'a>(
        manifest: &Manifest,
        rows: &[RunRow<'a>],
        covariates_of: impl Fn(&RunRow<'a>) -> &'a CovariateRows,
    ) -> Option<(Vec<RunRow<'a>>, Self)> {
        if manifest.context.covariates == ContextCovariates::None {
            return None;
        }
        let covariates: Vec<_> = rows.iter().map(covariates_of).collect();
        let count = rows.len() + covariates.iter().map(|rows| rows.0.len()).sum::<usize>();
        let mut expanded = Vec::with_capacity(count);
        let mut layout = Self {
            groups: Vec::with_capacity(count),
            series_rows: Vec::with_capacity(rows.len()),
            future: Array2::from_elem((count, manifest.horizon.native), f64::NAN),
        };
        for (series_idx, (row, covariates)) in rows.iter().zip(covariates).enumerate() {
            layout.series_rows.push(expanded.len());
            layout.groups.push(series_idx);
            expanded.push(*row);
            for covariate in &covariates.0 {
                let cells = layout.future.row_mut(expanded.len());
                for (cell, value) in cells.into_iter().zip(&covariate.future) {
                    *cell = *value;
                }
                layout.groups.push(series_idx);
                expanded.push(RunRow {
                    row_idx: row.row_idx,
                    history: &covariate.history,
                });
            }
        }
        Some((expanded, layout))
    }
}

impl Batch {
    /// Returns the index of the series that `row` belongs to.
    pub(super) fn group(&self, row: usize) -> usize {
        self.layout
            .as_ref()
            .map_or(row, |layout| layout.groups[row])
    }

    /// Returns the known value of `row` at `step` of the run, or `NaN`.
    pub(super) fn known_future(&self, row: usize, step: usize) -> f64 {
        self.layout
            .as_ref()
            .map_or(f64::NAN, |layout| layout.future[[row, step]])
    }

    /// Returns the rows of `output` that are forecasts of series, without those of covariates.
    pub(crate) fn select_series(&self, output: Array3<f32>) -> Array3<f32> {
        match &self.layout {
            Some(layout) => output.select(Axis(0), &layout.series_rows),
            None => output,
        }
    }
}

#[cfg(test)]
mod tests;

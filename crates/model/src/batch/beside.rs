//! Covariates that are rows beside that of their series, for a graph in which rows of one group see each
//! other.

use ndarray::{Array2, Array3, Axis};

use crate::batch::{Batch, Path};
use crate::history::History;
use crate::manifest::ContextCovariates;
use crate::scaling::Scale;
use crate::{Manifest, imputation};
use almanac_forecast::{CovariateValues, ForecastRequest};

/// The covariates of one row that become rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group(Vec<Line>);

/// A covariate as a row.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    history: History,
    /// Its values of the steps ahead, as far as they are known.
    ahead: Vec<f64>,
}

/// Which rows of a run are covariates.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// For each row, the place of its series among those of the run.
    groups: Vec<usize>,
    /// The rows that are series.
    series: Vec<usize>,
    /// For each row, what is known of it for the steps of the run.
    ahead: Array2<f64>,
}

impl Group {
    /// The past and future covariates of `request`, over the last `context` values of its series.
    pub(super) fn prepare(manifest: &Manifest, request: &ForecastRequest, context: usize) -> Self {
        if manifest.context.covariates == ContextCovariates::None {
            return Self::default();
        }
        let length = request.series().values().len();
        let line = |values: &CovariateValues| {
            let steps = values.steps();
            let (past, ahead) = steps.split_at_checked(length)?;
            Some(Line::new(manifest, &past[length - context..], ahead))
        };
        let lines = request.covariates().iter();
        Self(lines.filter_map(|one| line(&one.values)).collect())
    }
}

impl Line {
    fn new(manifest: &Manifest, past: &[f64], ahead: &[f64]) -> Self {
        let role = &manifest.context;
        let scale = Scale::of(past, role.scaling, role.scale_floor);
        let scaled = |values: &[f64]| -> Vec<f64> {
            let values = values.iter();
            values.map(|value| scale.apply(*value)).collect()
        };
        let mut values = scaled(past);
        imputation::fill(&mut values, role.missing, None);
        Self {
            history: History::of(values),
            ahead: scaled(ahead),
        }
    }
}

impl Beside {
    /// `paths` with the covariates of each behind it, and which is which; `None` of a graph that takes no
    /// such rows.
    pub(super) fn of<'a>(
        manifest: &Manifest,
        paths: &[Path<'a>],
        group_of: impl Fn(&Path<'a>) -> &'a Group,
    ) -> Option<(Vec<Path<'a>>, Self)> {
        if manifest.context.covariates == ContextCovariates::None {
            return None;
        }
        let groups: Vec<_> = paths.iter().map(group_of).collect();
        let rows = paths.len() + groups.iter().map(|group| group.0.len()).sum::<usize>();
        let mut lines = Vec::with_capacity(rows);
        let mut beside = Self {
            groups: Vec::with_capacity(rows),
            series: Vec::with_capacity(paths.len()),
            ahead: Array2::from_elem((rows, manifest.horizon.native), f64::NAN),
        };
        for (path_idx, (path, group)) in paths.iter().zip(groups).enumerate() {
            beside.series.push(lines.len());
            beside.groups.push(path_idx);
            lines.push(*path);
            for line in &group.0 {
                let cells = beside.ahead.row_mut(lines.len());
                for (cell, value) in cells.into_iter().zip(&line.ahead) {
                    *cell = *value;
                }
                beside.groups.push(path_idx);
                lines.push(Path {
                    row_idx: path.row_idx,
                    history: &line.history,
                });
            }
        }
        Some((lines, beside))
    }
}

impl Batch {
    /// The place of the series that `row` belongs to.
    pub(super) fn group(&self, row: usize) -> usize {
        let beside = self.beside.as_ref();
        beside.map_or(row, |beside| beside.groups[row])
    }

    /// What is known of `row` for a step ahead.
    pub(super) fn known_ahead(&self, (row, step): (usize, usize)) -> f64 {
        let beside = self.beside.as_ref();
        beside.map_or(f64::NAN, |beside| beside.ahead[[row, step]])
    }

    /// The answers of `output` that are of series.
    pub(crate) fn of_series(&self, output: Array3<f32>) -> Array3<f32> {
        match &self.beside {
            Some(beside) => output.select(Axis(0), &beside.series),
            None => output,
        }
    }
}

#[cfg(test)]
mod tests;

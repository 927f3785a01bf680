//! The further inputs of a graph, each filled by the rule of its role.

use ndarray::{ArrayD, IxDyn};

use crate::manifest::{Fill, InputAxis, InputRole};
use crate::{Batch, Manifest};

/// The kind of a step of a padded context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepKind {
    Observed,
    Missing,
    Padding,
}

impl Batch {
    /// Returns the tensor of the further input `role` for this run. Masks contain 0 and 1.
    #[must_use]
    pub fn input(&self, manifest: &Manifest, role: &InputRole) -> ArrayD<f64> {
        let shape: Vec<_> = role
            .axes
            .iter()
            .map(|axis| match axis {
                InputAxis::Covariate => role.covariates().len(),
                axis => self.axis_length(manifest, *axis),
            })
            .collect();
        if let Fill::Covariates(names) = &role.fill {
            return self.covariate_input(manifest, role, names, &shape);
        }
        let row_axis = position(role, |axis| *axis == InputAxis::Batch);
        let step_axis = position(role, |axis| axis.has_context());
        ArrayD::from_shape_fn(IxDyn(&shape), |index| {
            let row = row_axis.map_or(0, |axis| index[axis]);
            let step = step_axis.map_or(0, |axis| index[axis]);
            match &role.fill {
                Fill::Constant(number) => *number,
                Fill::Row => row as f64,
                Fill::Horizon => self.requested_steps[row] as f64,
                Fill::Observed => mask(self.step_kind(row, step) == StepKind::Observed),
                Fill::Missing => mask(self.step_kind(row, step) != StepKind::Observed),
                Fill::Padding => mask(self.step_kind(row, step) == StepKind::Padding),
                Fill::Group => self.group(row) as f64,
                Fill::Ahead => self.known_future(row, index[1]),
                Fill::Covariates(_) => f64::NAN,
            }
        })
    }

    /// Returns the covariates `names` in the shape of their input.
    fn covariate_input(
        &self,
        manifest: &Manifest,
        role: &InputRole,
        names: &[String],
        shape: &[usize],
    ) -> ArrayD<f64> {
        let row_axis = position(role, |axis| *axis == InputAxis::Batch);
        let step_axis = position(role, |axis| {
            axis.has_context() || *axis == InputAxis::Horizon
        });
        let name_axis = position(role, |axis| *axis == InputAxis::Covariate);
        let is_future = role.axes.contains(&InputAxis::Horizon);
        let first_step = if is_future { self.contexts.ncols() } else { 0 };
        let columns: Vec<_> = names
            .iter()
            .map(|name| {
                let mut roles = manifest.covariates.iter();
                self.covariates
                    .get(roles.position(|role| role.name == *name)?)
            })
            .collect();
        ArrayD::from_shape_fn(IxDyn(shape), |index| {
            let at = |axis: Option<usize>| axis.map_or(0, |axis| index[axis]);
            let cell = (at(row_axis), first_step + at(step_axis));
            columns
                .get(at(name_axis))
                .copied()
                .flatten()
                .and_then(|column| column.get(cell))
                .copied()
                .unwrap_or(f64::NAN)
        })
    }

    /// Returns the kind of a step of the contexts. Steps after the context count as missing.
    fn step_kind(&self, row: usize, step: usize) -> StepKind {
        self.step_kinds
            .as_ref()
            .and_then(|kinds| kinds.get((row, step)))
            .copied()
            .unwrap_or(StepKind::Missing)
    }

    fn axis_length(&self, manifest: &Manifest, axis: InputAxis) -> usize {
        let time = self.contexts.ncols();
        match axis {
            InputAxis::Batch => self.contexts.nrows(),
            InputAxis::Time => time,
            InputAxis::Horizon => manifest.horizon.native,
            InputAxis::Span => time + manifest.horizon.native,
            InputAxis::Covariate => 0,
            InputAxis::Variate => 1,
            InputAxis::Size(size) => size,
        }
    }
}

/// Returns the position of the first axis of `role` that matches.
fn position(role: &InputRole, matches: fn(&InputAxis) -> bool) -> Option<usize> {
    role.axes.iter().position(matches)
}

const fn mask(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}

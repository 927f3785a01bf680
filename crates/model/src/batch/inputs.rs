//! The inputs of a graph beside the history, filled by their rules.

use ndarray::{ArrayD, IxDyn};

use crate::manifest::{Fill, InputAxis, InputRole};
use crate::{Batch, Manifest};

/// What a step of a padded context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Observed,
    Missing,
    Padding,
}

impl Batch {
    /// The tensor of a further input of the graph for this run. Masks hold 0 and 1.
    #[must_use]
    pub fn input(&self, manifest: &Manifest, role: &InputRole) -> ArrayD<f64> {
        let shape: Vec<_> = role
            .axes
            .iter()
            .map(|axis| match axis {
                InputAxis::Covariate => role.covariates().len(),
                axis => self.length(manifest, *axis),
            })
            .collect();
        let place = |is: fn(&InputAxis) -> bool| role.axes.iter().position(is);
        let row_axis = place(|axis| *axis == InputAxis::Batch);
        let step_axis = place(|axis| axis.has_context());
        if let Fill::Covariates(names) = &role.fill {
            return self.covariates(manifest, (role, names), &shape);
        }
        ArrayD::from_shape_fn(IxDyn(&shape), |index| {
            let row = row_axis.map_or(0, |axis| index[axis]);
            let step = step_axis.map_or(0, |axis| index[axis]);
            match &role.fill {
                Fill::Constant(number) => *number,
                Fill::Row => row as f64,
                Fill::Horizon => self.wanted[row] as f64,
                Fill::Observed => mask(self.seen(row, step) == Seen::Observed),
                Fill::Missing => mask(self.seen(row, step) != Seen::Observed),
                Fill::Padding => mask(self.seen(row, step) == Seen::Padding),
                Fill::Group => self.group(row) as f64,
                Fill::Ahead => self.known_ahead((row, index[1])),
                Fill::Covariates(_) => f64::NAN,
            }
        })
    }

    /// The covariates `names` in the shape of their input.
    fn covariates(
        &self,
        manifest: &Manifest,
        (role, names): (&InputRole, &[String]),
        shape: &[usize],
    ) -> ArrayD<f64> {
        let place = |is: fn(&InputAxis) -> bool| role.axes.iter().position(is);
        let row_axis = place(|axis| *axis == InputAxis::Batch);
        let step_axis = place(|axis| axis.has_context() || *axis == InputAxis::Horizon);
        let name_axis = place(|axis| *axis == InputAxis::Covariate);
        let is_ahead = role.axes.contains(&InputAxis::Horizon);
        let first = if is_ahead { self.contexts.ncols() } else { 0 };
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
            let column = columns.get(at(name_axis)).copied().flatten();
            let cell = column.and_then(|column| column.get((at(row_axis), first + at(step_axis))));
            cell.copied().unwrap_or(f64::NAN)
        })
    }

    /// What a step is. Those ahead are neither observed nor padding.
    fn seen(&self, row: usize, step: usize) -> Seen {
        let seen = self.seen.as_ref().and_then(|seen| seen.get((row, step)));
        seen.copied().unwrap_or(Seen::Missing)
    }

    fn length(&self, manifest: &Manifest, axis: InputAxis) -> usize {
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

const fn mask(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

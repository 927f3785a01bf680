//! A graph's output tensor as quantiles.

use ndarray::{Array3, ArrayView3, ArrayViewD, Axis, Ix3, s};

use crate::batch::narrow;
use crate::distribution::{Distribution, empirical};
use crate::manifest::{OutputAxis, OutputKind, OutputRole};
use crate::{Batch, Manifest, PredictError};

/// The quantiles `[row, level, step]` of `batch` that `output`, which the graph gave for it, holds.
///
/// # Errors
/// [`PredictError::Shape`] when it has other axes than the manifest says, or too few steps.
pub fn decode<T: Copy + Into<f64>>(
    output: ArrayViewD<'_, T>,
    manifest: &Manifest,
    batch: &Batch,
) -> Result<Array3<f32>, PredictError> {
    let actual = output.shape().to_vec();
    let levels = manifest.levels().as_slice().len();
    let wrong = || PredictError::Shape {
        expected: [batch.len(), levels, batch.horizon()],
        actual: actual.clone(),
    };
    let role = &manifest.output;
    let output = in_order(output, role).ok_or_else(wrong)?;
    if manifest.context.is_direct() {
        let output = steps_of_rows(&output, batch).ok_or_else(wrong)?;
        return quantiles(&output.view(), manifest).ok_or_else(wrong);
    }
    let wanted = match manifest.horizon.input {
        Some(_) => batch.horizon(),
        None => manifest.horizon.native,
    };
    let steps = output.dim().2;
    let first = if role.time_from_end {
        steps.checked_sub(wanted).ok_or_else(wrong)?
    } else {
        role.skip
    };
    let end = first + batch.horizon();
    if end > steps {
        return Err(wrong());
    }
    quantiles(&output.slice(s![.., .., first..end]), manifest).ok_or_else(wrong)
}

/// `output` as `[row, level, step]`, where level is whatever else it has an axis of.
fn in_order<'a, T>(output: ArrayViewD<'a, T>, role: &OutputRole) -> Option<ArrayView3<'a, T>> {
    if output.ndim() != role.axes.len() {
        return None;
    }
    let mut output = output;
    let mut axes = role.axes.clone();
    if let Some(place) = axes.iter().position(|axis| *axis == OutputAxis::Variate) {
        if output.len_of(Axis(place)) != 1 {
            return None;
        }
        output = output.index_axis_move(Axis(place), 0);
        axes.remove(place);
    }
    for wanted in [role.kind.axis(), Some(OutputAxis::Time)] {
        let present = wanted.is_some_and(|wanted| axes.contains(&wanted));
        if !present {
            output = output.insert_axis(Axis(axes.len()));
            axes.push(wanted.unwrap_or(OutputAxis::Quantile));
        }
    }
    let time = axes.iter().position(|axis| *axis == OutputAxis::Time)?;
    // The batch is first, so that the other axis is the one of 1 and 2 that time is not.
    let output = output.into_dimensionality::<Ix3>().ok()?;
    Some(output.permuted_axes([0, 3 - time, time]))
}

/// `output`, in which each step ahead of a row is a row of its own, with the steps side by side.
fn steps_of_rows<T: Copy>(output: &ArrayView3<'_, T>, batch: &Batch) -> Option<Array3<T>> {
    let (rows, others, steps) = output.dim();
    let (series, horizon) = (batch.len(), batch.horizon());
    let fits = rows == series * horizon && steps == 1;
    fits.then(|| {
        Array3::from_shape_fn((series, others, horizon), |(row, other, step)| {
            output[[row * horizon + step, other, 0]]
        })
    })
}

/// The levels of `output`, whose middle axis is of another kind.
fn quantiles<T: Copy + Into<f64>>(
    output: &ArrayView3<'_, T>,
    manifest: &Manifest,
) -> Option<Array3<f32>> {
    let role = &manifest.output;
    let levels: Vec<_> = manifest.levels().as_slice().to_vec();
    let (rows, others, steps) = output.dim();
    let shape = (rows, levels.len(), steps);
    let cell = |row, other, step| -> f64 { output[[row, other, step]].into() };
    match role.kind {
        OutputKind::Quantiles | OutputKind::Point => {
            let column = |level_idx: usize| match &role.columns {
                Some(columns) => columns[level_idx],
                None => level_idx,
            };
            let last = (0..levels.len()).map(column).max()?;
            let fits = last < others && (role.columns.is_some() || others == levels.len());
            fits.then(|| {
                Array3::from_shape_fn(shape, |(row, level_idx, step)| {
                    narrow(cell(row, column(level_idx), step))
                })
            })
        }
        OutputKind::Samples => Some(each_step(shape, |row, step, quantiles| {
            let mut draws: Vec<_> = (0..others).map(|draw| cell(row, draw, step)).collect();
            draws.sort_by(f64::total_cmp);
            let levels = levels.iter().map(|level| level.value());
            quantiles.extend(levels.map(|level| empirical(&draws, level)));
        })),
        OutputKind::Distribution => {
            let family = role.family.filter(|_| others == role.parameters.len())?;
            Some(each_step(shape, |row, step, quantiles| {
                let values: Vec<_> = (0..others).map(|other| cell(row, other, step)).collect();
                let distribution = Distribution::new(family, &role.parameters, &values);
                let levels = levels.iter().map(|level| level.value());
                quantiles.extend(levels.map(|level| distribution.quantile(level)));
            }))
        }
    }
}

/// An array `[row, level, step]` of what `fill` gives for the levels of each row and step.
fn each_step(
    shape: (usize, usize, usize),
    fill: impl Fn(usize, usize, &mut Vec<f64>),
) -> Array3<f32> {
    let (rows, levels, steps) = shape;
    let mut array = Array3::zeros(shape);
    let mut quantiles = Vec::with_capacity(levels);
    for row in 0..rows {
        for step in 0..steps {
            quantiles.clear();
            fill(row, step, &mut quantiles);
            for (level_idx, value) in quantiles.iter().enumerate() {
                array[[row, level_idx, step]] = narrow(*value);
            }
        }
    }
    array
}

#[cfg(test)]
mod tests;

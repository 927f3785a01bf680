//! The decoding of the output tensor of a graph into quantiles.

use ndarray::{Array3, ArrayView3, ArrayViewD, Axis, Ix3, s};

use crate::distribution::{ParametricDistribution, empirical};
use crate::manifest::{OutputAxis, OutputKind, OutputRole};
use crate::precision::narrow;
use crate::{Batch, Manifest, PredictError};

/// Decodes `output`, the tensor that the graph returned for `batch`, into quantiles `[row, level, step]`.
///
/// # Errors
/// Returns [`PredictError::Shape`] if the axes of `output` differ from those of the manifest, or if it has
/// too few steps.
pub fn decode<T: Copy + Into<f64>>(
    output: ArrayViewD<'_, T>,
    manifest: &Manifest,
    batch: &Batch,
) -> Result<Array3<f32>, PredictError> {
    let actual = output.shape().to_vec();
    let levels = manifest.levels().as_slice().len();
    let shape_error = || PredictError::Shape {
        expected: [batch.len(), levels, batch.horizon()],
        actual: actual.clone(),
    };
    let role = &manifest.output;
    let output = permute_axes(output, role).ok_or_else(shape_error)?;
    if manifest.context.is_direct() {
        let output = merge_step_rows(&output, batch).ok_or_else(shape_error)?;
        return to_quantiles(&output.view(), manifest).ok_or_else(shape_error);
    }
    let forecast_steps = match manifest.horizon.input {
        Some(_) => batch.horizon(),
        None => manifest.horizon.native,
    };
    let steps = output.dim().2;
    let first = if role.time_from_end {
        steps.checked_sub(forecast_steps).ok_or_else(shape_error)?
    } else {
        role.skip
    };
    let end = first + batch.horizon();
    if end > steps {
        return Err(shape_error());
    }
    to_quantiles(&output.slice(s![.., .., first..end]), manifest).ok_or_else(shape_error)
}

/// Permutes the axes of `output` to `[row, level, step]`, where the middle axis may also be that of samples
/// or parameters.
fn permute_axes<'a, T>(output: ArrayViewD<'a, T>, role: &OutputRole) -> Option<ArrayView3<'a, T>> {
    if output.ndim() != role.axes.len() {
        return None;
    }
    let mut output = output;
    let mut axes = role.axes.clone();
    if let Some(position) = axes.iter().position(|axis| *axis == OutputAxis::Variate) {
        if output.len_of(Axis(position)) != 1 {
            return None;
        }
        output = output.index_axis_move(Axis(position), 0);
        axes.remove(position);
    }
    for required in [role.kind.axis(), Some(OutputAxis::Time)] {
        let is_present = required.is_some_and(|axis| axes.contains(&axis));
        if !is_present {
            output = output.insert_axis(Axis(axes.len()));
            axes.push(required.unwrap_or(OutputAxis::Quantile));
        }
    }
    let time = axes.iter().position(|axis| *axis == OutputAxis::Time)?;
    // The batch axis is first, so that time and the other axis are 1 and 2, in either order.
    let output = output.into_dimensionality::<Ix3>().ok()?;
    Some(output.permuted_axes([0, 3 - time, time]))
}

/// Merges the rows of `output`, which are one step of the forecast each, into one row for each series.
fn merge_step_rows<T: Copy>(output: &ArrayView3<'_, T>, batch: &Batch) -> Option<Array3<T>> {
    let (rows, others, steps) = output.dim();
    let (series, horizon) = (batch.len(), batch.horizon());
    let is_complete = rows == series * horizon && steps == 1;
    is_complete.then(|| {
        Array3::from_shape_fn((series, others, horizon), |(row, other, step)| {
            output[[row * horizon + step, other, 0]]
        })
    })
}

/// Converts the middle axis of `output`, which is of quantiles, samples or parameters, to the levels of the
/// manifest. Returns `None` if its length is wrong.
fn to_quantiles<T: Copy + Into<f64>>(
    output: &ArrayView3<'_, T>,
    manifest: &Manifest,
) -> Option<Array3<f32>> {
    let role = &manifest.output;
    let levels = manifest.levels().as_slice();
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
            let is_complete = last < others && (role.columns.is_some() || others == levels.len());
            is_complete.then(|| {
                Array3::from_shape_fn(shape, |(row, level_idx, step)| {
                    narrow(cell(row, column(level_idx), step))
                })
            })
        }
        OutputKind::Samples => Some(fill_steps(shape, |row, step, quantiles| {
            let mut draws: Vec<_> = (0..others).map(|draw| cell(row, draw, step)).collect();
            draws.sort_by(f64::total_cmp);
            quantiles.extend(levels.iter().map(|level| empirical(&draws, level.value())));
        })),
        OutputKind::Distribution => {
            let family = role.family.filter(|_| others == role.parameters.len())?;
            Some(fill_steps(shape, |row, step, quantiles| {
                let values: Vec<_> = (0..others).map(|other| cell(row, other, step)).collect();
                let distribution = ParametricDistribution::new(family, &role.parameters, &values);
                quantiles.extend(
                    levels
                        .iter()
                        .map(|level| distribution.quantile(level.value())),
                );
            }))
        }
    }
}

/// Creates an array `[row, level, step]`. `fill` appends the quantiles of one row and step, level by level.
fn fill_steps(
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

//! The tensors of one run: inputs bound by role, and outputs read as the manifest describes them.

use std::borrow::Cow;

use ndarray::{Array0, Array2, Array3, ArrayD, ArrayViewD, Axis, Ix3};
use ort::session::{SessionInputValue, SessionOutputs};
use ort::value::{DynValue, Tensor, TensorRef};

use crate::manifest::{ContextAxis, ElementType, FloatType, NumberType, OutputAxis, OutputKind};
use crate::{Batch, Manifest, PredictError, output};

/// Returns the inputs of a run on `batch`, by name.
pub(super) fn bind_inputs<'a>(
    manifest: &'a Manifest,
    batch: &'a Batch,
) -> ort::Result<Vec<(Cow<'a, str>, SessionInputValue<'a>)>> {
    let mut inputs = Vec::with_capacity(3 + manifest.inputs.len());
    let mut bind = |name: &'a str, value| inputs.push((Cow::Borrowed(name), value));
    bind(&manifest.context.input, context_input(manifest, batch)?);
    if let Some(role) = &manifest.season_length {
        let lengths = batch.season_lengths();
        let value = match role.r#type {
            NumberType::Int64 => TensorRef::from_array_view(lengths.view())?.into(),
            NumberType::Float32 => Tensor::from_array(lengths.mapv(as_f32))?.into(),
        };
        bind(&role.input, value);
    }
    if let Some(input) = &manifest.horizon.input {
        let steps = Array0::from_elem((), i64::try_from(batch.horizon()).unwrap_or(i64::MAX));
        bind(input, Tensor::from_array(steps)?.into());
    }
    for role in &manifest.inputs {
        let values = batch.input(manifest, role);
        bind(&role.name, owned_input(values, role.r#type)?);
    }
    for (role, state) in manifest.states.iter().zip(batch.states()) {
        let element = match role.r#type {
            FloatType::Float32 => ElementType::Float32,
            FloatType::Float64 => ElementType::Float64,
        };
        bind(&role.input, owned_input(state.clone(), element)?);
    }
    Ok(inputs)
}

/// Returns the context as an input, without a copy: an axis of length 1 moves no number.
fn context_input<'a>(manifest: &Manifest, batch: &'a Batch) -> ort::Result<SessionInputValue<'a>> {
    let axes = &manifest.context.axes;
    match (manifest.context.r#type, batch.contexts_f64()) {
        (FloatType::Float64, Some(wide)) => {
            let view = with_variate(wide, axes);
            Ok(TensorRef::from_array_view(view)?.into())
        }
        (FloatType::Float64, None) => {
            let wide = batch.contexts().mapv(f64::from);
            let view = with_variate(&wide, axes);
            Ok(Tensor::from_array(view.to_owned())?.into())
        }
        (FloatType::Float32, _) => {
            let view = with_variate(batch.contexts(), axes);
            Ok(TensorRef::from_array_view(view)?.into())
        }
    }
}

/// Returns a view of `array` with the variate axis, if it is among `axes`.
fn with_variate<'a, T>(array: &'a Array2<T>, axes: &[ContextAxis]) -> ArrayViewD<'a, T> {
    let view = array.view().into_dyn();
    match axes.iter().position(|axis| *axis == ContextAxis::Variate) {
        Some(position) => view.insert_axis(Axis(position)),
        None => view,
    }
}

/// Returns `values` as an input of the type `element`.
fn owned_input(
    values: ArrayD<f64>,
    element: ElementType,
) -> ort::Result<SessionInputValue<'static>> {
    let value: DynValue = match element {
        ElementType::Float64 => Tensor::from_array(values)?.into_dyn(),
        ElementType::Float32 => Tensor::from_array(values.mapv(f64_as_f32))?.into_dyn(),
        ElementType::Int64 => Tensor::from_array(values.mapv(as_i64))?.into_dyn(),
        ElementType::Int32 => Tensor::from_array(values.mapv(as_i32))?.into_dyn(),
        ElementType::Bool => Tensor::from_array(values.mapv(|value| value != 0.0))?.into_dyn(),
    };
    Ok(value.into())
}

/// Returns the states in `outputs`, in the order of the manifest.
pub(super) fn read_states(
    outputs: &SessionOutputs<'_>,
    manifest: &Manifest,
    batch: &Batch,
) -> Result<Vec<ArrayD<f64>>, PredictError> {
    manifest
        .states
        .iter()
        .zip(batch.states())
        .map(|(role, previous)| {
            let state = read_state(&outputs[role.output.as_str()], role.r#type)?;
            if state.shape() == previous.shape() {
                return Ok(state);
            }
            Err(PredictError::State {
                name: role.output.clone(),
                expected: previous.shape().to_vec(),
                actual: state.shape().to_vec(),
            })
        })
        .collect()
}

fn read_state(value: &DynValue, r#type: FloatType) -> Result<ArrayD<f64>, PredictError> {
    match r#type {
        FloatType::Float64 => {
            let array = value.try_extract_array::<f64>().map_err(runtime_error)?;
            Ok(array.to_owned())
        }
        FloatType::Float32 => {
            let array = value.try_extract_array::<f32>().map_err(runtime_error)?;
            Ok(array.mapv(f64::from))
        }
    }
}

/// Returns the quantiles in `value`, as `[row, level, step]`.
pub(super) fn read_quantiles(
    value: &DynValue,
    manifest: &Manifest,
    batch: &Batch,
) -> Result<Array3<f32>, PredictError> {
    match manifest.output.r#type {
        FloatType::Float64 => {
            let array = value.try_extract_array::<f64>().map_err(runtime_error)?;
            output::decode(array, manifest, batch)
        }
        FloatType::Float32 => {
            let array = value.try_extract_array::<f32>().map_err(runtime_error)?;
            match reordered(&array, manifest) {
                Some(quantiles) => Ok(quantiles),
                None => output::decode(array, manifest, batch),
            }
        }
    }
}

/// Returns `output` as `[row, level, step]` in one copy, if it has exactly these axes in some order.
fn reordered(output: &ArrayViewD<'_, f32>, manifest: &Manifest) -> Option<Array3<f32>> {
    let role = &manifest.output;
    let is_plain = role.kind == OutputKind::Quantiles
        && role.columns.is_none()
        && (role.skip, role.time_from_end) == (0, false)
        && !manifest.context.is_direct();
    let order = match role.axes.as_slice() {
        [_, OutputAxis::Quantile, OutputAxis::Time] if is_plain => [0, 1, 2],
        [_, OutputAxis::Time, OutputAxis::Quantile] if is_plain => [0, 2, 1],
        _ => return None,
    };
    let output = output.view().into_dimensionality::<Ix3>().ok()?;
    Some(output.permuted_axes(order).to_owned())
}

/// Returns the error of a run that ONNX Runtime failed.
pub(super) fn runtime_error(error: ort::Error) -> PredictError {
    PredictError::Runtime(Box::new(error))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a season is far below 2^24 steps"
)]
const fn as_f32(value: i64) -> f32 {
    value as f32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the graph computes in f32, according to the manifest"
)]
const fn f64_as_f32(value: f64) -> f32 {
    value as f32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the manifest's constants are whole and within 32 bits, and so are rows of a batch"
)]
const fn as_i64(value: f64) -> i64 {
    value as i64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the manifest's constants are whole and within 32 bits, and so are rows of a batch"
)]
const fn as_i32(value: f64) -> i32 {
    value as i32
}

//! The interpretation of the metadata that Darts writes into the graphs that it exports
//! (`TorchForecastingModel.to_onnx`, Darts 0.48).

mod covariates;
mod error;
mod likelihood;
mod spec;

use crate::onnx::description::{GraphDescription, TensorDescription};
use crate::onnx::infer::element::float_type;
use crate::onnx::infer::manifest::{InferredContext, InferredManifest, InferredOutput};

pub use error::DartsError;

use likelihood::OutputKeys;
use spec::DartsSpec;

/// The key of the metadata entry.
pub(super) const KEY: &str = "darts.onnx_spec";

/// Infers the manifest of `graph` from its entry `spec`.
pub(super) fn infer(spec: &str, graph: &GraphDescription) -> Result<InferredManifest, DartsError> {
    let spec = DartsSpec::parse(spec)?;
    spec.check(graph)?;
    let target = find(&graph.inputs, "past_target", 3)?;
    // The parameters of the likelihood have an axis of their own, or share one with the series.
    let prediction = find(&graph.outputs, "prediction", 4)?;
    let has_own_axis = prediction.axes.len() == 4;
    if target.axes[2] != "1" {
        return Err(DartsError::MultipleSeries {
            count: target.axes[2].clone(),
        });
    }
    let keys = OutputKeys::of(spec.likelihood_parameter_names.as_deref(), has_own_axis)?;
    Ok(InferredManifest {
        origin: "Exported by Darts",
        batch_size: target.axes[0].parse().ok(),
        context: InferredContext {
            element: float_type(target)?,
            name: target.name.clone(),
            axes: r#"["batch", "time", "variate"]"#,
            length: Some(spec.input_chunk_length),
            is_stepwise: spec.stepwise_state,
        },
        extra_tables: covariates::extra_tables(&spec, graph)?,
        native: spec.output_chunk_length,
        // Darts itself rolls out only forecasts without a likelihood.
        is_rolled_out: spec.likelihood_parameter_names.is_none(),
        output: InferredOutput {
            element: float_type(prediction)?,
            name: prediction.name.clone(),
            axes: keys.axes,
            kind: keys.text,
        },
    })
}

/// Returns the tensor `name`, which must have 3 to `max_axes` axes.
fn find<'a>(
    tensors: &'a [TensorDescription],
    name: &'static str,
    max_axes: usize,
) -> Result<&'a TensorDescription, DartsError> {
    tensors
        .iter()
        .find(|tensor| tensor.name == name)
        .filter(|tensor| (3..=max_axes).contains(&tensor.axes.len()))
        .ok_or(DartsError::MissingTensor { name, max_axes })
}

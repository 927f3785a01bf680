//! The interpretation of a graph with one input of histories and one output of points.

use thiserror::Error;

use crate::onnx::description::{GraphDescription, TensorDescription};
use crate::onnx::infer::element::{ElementError, float_type};
use crate::onnx::infer::manifest::{InferredContext, InferredManifest, InferredOutput};

/// The error returned when the tensors of a graph have more than one interpretation.
#[derive(Debug, Error)]
pub enum BareGraphError {
    /// The graph does not have exactly one input.
    #[error("the graph has {count} inputs, expected 1; write a manifest that names their roles")]
    Inputs {
        /// The number of inputs.
        count: usize,
    },
    /// The graph does not have exactly one output.
    #[error("the graph has {count} outputs, expected 1; write a manifest that names their roles")]
    Outputs {
        /// The number of outputs.
        count: usize,
    },
    /// The output has a dynamic time axis.
    #[error("output {output} has a dynamic time axis, so the number of steps is unknown")]
    UnknownSteps {
        /// The name of the output.
        output: String,
    },
    /// The input may be a row of features.
    #[error(
        "input {input} may hold features instead of a history, because the graph computes one number from several"
    )]
    Features {
        /// The name of the input.
        input: String,
    },
    /// The axes of a tensor have more than one interpretation.
    #[error("the axes of tensor {tensor} are ambiguous")]
    Axes {
        /// The name of the tensor.
        tensor: String,
    },
    /// A tensor is not of a floating point type.
    #[error(transparent)]
    Element(#[from] ElementError),
}

/// Infers the manifest of `graph` from its shapes.
pub(super) fn infer(graph: &GraphDescription) -> Result<InferredManifest, BareGraphError> {
    let [input] = graph.inputs.as_slice() else {
        return Err(BareGraphError::Inputs {
            count: graph.inputs.len(),
        });
    };
    let [output] = graph.outputs.as_slice() else {
        return Err(BareGraphError::Outputs {
            count: graph.outputs.len(),
        });
    };
    let (axes, time) = axes_of(input)?;
    let context = InferredContext {
        name: input.name.clone(),
        axes,
        element: float_type(input)?,
        length: input.axes[time].parse().ok(),
        is_stepwise: false,
    };
    let (axes, time) = axes_of(output)?;
    let Ok(native) = output.axes[time].parse() else {
        return Err(BareGraphError::UnknownSteps {
            output: output.name.clone(),
        });
    };
    if native == 1 && context.length.is_some() && input.axes.len() == 2 {
        return Err(BareGraphError::Features {
            input: input.name.clone(),
        });
    }
    Ok(InferredManifest {
        origin: "An ONNX graph without a manifest",
        batch_size: input.axes[0].parse().ok(),
        context,
        native,
        is_rolled_out: true,
        extra_tables: String::new(),
        output: InferredOutput {
            name: output.name.clone(),
            axes,
            element: float_type(output)?,
            kind: "kind = \"point\"\n".to_owned(),
        },
    })
}

/// Returns the axes of a tensor of series, as a manifest names them, and the position of the time axis.
fn axes_of(tensor: &TensorDescription) -> Result<(&'static str, usize), BareGraphError> {
    let is_one = |position: usize| tensor.axes[position] == "1";
    match tensor.axes.len() {
        2 => Ok((r#"["batch", "time"]"#, 1)),
        3 if is_one(2) && !is_one(1) => Ok((r#"["batch", "time", "variate"]"#, 1)),
        3 if is_one(1) && !is_one(2) => Ok((r#"["batch", "variate", "time"]"#, 2)),
        _ => Err(BareGraphError::Axes {
            tensor: tensor.name.clone(),
        }),
    }
}

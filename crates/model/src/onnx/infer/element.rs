//! The element types of an inferred manifest.

use thiserror::Error;

use crate::onnx::description::TensorDescription;

/// The error returned when a tensor of values is not of a floating point type.
#[derive(Debug, Error)]
#[error("tensor {tensor} has type {element}; only f32 and f64 are supported without a manifest")]
pub struct ElementError {
    /// The name of the tensor.
    pub tensor: String,
    /// The type of its elements.
    pub element: String,
}

/// Returns the element type of `tensor`, as a manifest names it.
pub(super) fn float_type(tensor: &TensorDescription) -> Result<&'static str, ElementError> {
    match tensor.element.as_str() {
        "f32" => Ok("float32"),
        "f64" => Ok("float64"),
        other => Err(ElementError {
            tensor: tensor.name.clone(),
            element: other.to_owned(),
        }),
    }
}

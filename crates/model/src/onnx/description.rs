//! The description of an ONNX graph: its tensors and its metadata.

use crate::Digest;

/// The inputs, outputs and metadata of a graph.
#[derive(Clone, Debug)]
pub struct GraphDescription {
    /// The inputs, in order.
    pub inputs: Vec<TensorDescription>,
    /// The outputs, in order.
    pub outputs: Vec<TensorDescription>,
    /// Producer, domain, description and custom entries, in a stable order.
    pub metadata: Vec<(String, String)>,
    /// The digest of the file.
    pub digest: Digest,
}

/// A tensor that enters or leaves a graph.
#[derive(Clone, Debug)]
pub struct TensorDescription {
    /// The name of the tensor.
    pub name: String,
    /// The element type, as ONNX Runtime writes it.
    pub element: String,
    /// The axes: a length, the name of a dynamic axis, or `?`.
    pub axes: Vec<String>,
}

impl TensorDescription {
    /// Returns the length of the axis at `position`, if the axis exists and its length is fixed.
    pub(super) fn fixed_length(&self, position: usize) -> Option<u64> {
        self.axes.get(position)?.parse().ok()
    }
}

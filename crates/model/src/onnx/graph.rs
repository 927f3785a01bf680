//! The description of an ONNX file, read without the runtime.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::Digest;
use crate::onnx::description::{GraphDescription, TensorDescription};
use crate::onnx::proto::{
    BOOL, DOUBLE, DimensionProto, FLOAT, INT32, INT64, ModelProto, ValueInfoProto,
};

/// The description of a graph, and the names of the files that hold its external weights.
#[derive(Debug)]
pub(super) struct GraphFile {
    pub(super) description: GraphDescription,
    pub(super) external: BTreeSet<String>,
}

impl GraphFile {
    /// Parses `bytes`. Returns `None` if they are not an ONNX graph.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let model = ModelProto::decode(bytes).ok()?;
        let graph = model.graph?;
        let weights: BTreeSet<_> = graph
            .initializer
            .iter()
            .map(|weight| weight.name.as_str())
            .collect();
        Some(Self {
            description: GraphDescription {
                inputs: graph
                    .input
                    .iter()
                    .filter(|input| !weights.contains(input.name.as_str()))
                    .map(describe_tensor)
                    .collect(),
                outputs: graph.output.iter().map(describe_tensor).collect(),
                metadata: model
                    .metadata_props
                    .into_iter()
                    .map(|entry| (entry.key, entry.value))
                    .collect(),
                digest: Digest::of(bytes),
            },
            external: graph
                .initializer
                .iter()
                .filter_map(|weight| weight.external_entry("location"))
                .map(str::to_owned)
                .collect(),
        })
    }
}

fn describe_tensor(value: &ValueInfoProto) -> TensorDescription {
    let tensor = value
        .r#type
        .as_ref()
        .and_then(|r#type| r#type.tensor_type.as_ref());
    TensorDescription {
        name: value.name.clone(),
        element: element_name(tensor.map_or(0, |tensor| tensor.elem_type)).to_owned(),
        axes: tensor
            .and_then(|tensor| tensor.shape.as_ref())
            .map_or_else(Vec::new, |shape| shape.dim.iter().map(axis_name).collect()),
    }
}

fn axis_name(axis: &DimensionProto) -> String {
    match (axis.dim_value, &axis.dim_param) {
        (Some(length), _) => length.to_string(),
        (None, Some(name)) if !name.is_empty() => name.clone(),
        (None, _) => "?".to_owned(),
    }
}

/// Returns the name of a `TensorProto.DataType`, as the binding of ONNX Runtime writes it.
const fn element_name(data_type: i32) -> &'static str {
    match data_type {
        FLOAT => "f32",
        INT32 => "i32",
        INT64 => "i64",
        BOOL => "bool",
        DOUBLE => "f64",
        _ => "other",
    }
}

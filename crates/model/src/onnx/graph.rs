//! What an ONNX file says of itself, read without the runtime.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::Digest;
use crate::onnx::inspect::{GraphDescription, TensorDescription};

/// What is read of `ModelProto` (onnx.proto3 of ONNX IR version 13); the rest is skipped.
#[derive(prost::Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Entry>,
}

/// `GraphProto`.
#[derive(prost::Message)]
struct Graph {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Initializer>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<Value>,
}

/// `TensorProto`, without its values.
#[derive(prost::Message)]
struct Initializer {
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
}

/// `StringStringEntryProto`.
#[derive(prost::Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `ValueInfoProto`.
#[derive(prost::Message)]
struct Value {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    r#type: Option<Type>,
}

/// `TypeProto`.
#[derive(prost::Message)]
struct Type {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorType>,
}

/// `TypeProto.Tensor`.
#[derive(prost::Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

/// `TensorShapeProto`.
#[derive(prost::Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

/// `TensorShapeProto.Dimension`.
#[derive(prost::Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    dim_param: Option<String>,
}

/// A graph's description, and the files beside it that hold its weights.
#[derive(Debug)]
pub(super) struct GraphFile {
    pub(super) description: GraphDescription,
    pub(super) external: BTreeSet<String>,
}

impl GraphFile {
    /// What `bytes` say, `None` when they are no ONNX graph.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let model = Model::decode(bytes).ok()?;
        let graph = model.graph?;
        let is_weight = |value: &Value| {
            let mut weights = graph.initializer.iter();
            weights.any(|weight| weight.name == value.name)
        };
        let inputs = graph.input.iter().filter(|input| !is_weight(input));
        let entries = model.metadata_props.into_iter();
        let location = |weight: &Initializer| {
            let mut entries = weight.external_data.iter();
            let entry = entries.find(|entry| entry.key == "location")?;
            Some(entry.value.clone())
        };
        Some(Self {
            description: GraphDescription {
                inputs: inputs.map(described).collect(),
                outputs: graph.output.iter().map(described).collect(),
                metadata: entries.map(|entry| (entry.key, entry.value)).collect(),
                digest: Digest::of(bytes),
            },
            external: graph.initializer.iter().filter_map(location).collect(),
        })
    }
}

fn described(value: &Value) -> TensorDescription {
    let tensor = value
        .r#type
        .as_ref()
        .and_then(|one| one.tensor_type.as_ref());
    let axis = |dimension: &Dimension| match (dimension.dim_value, &dimension.dim_param) {
        (Some(length), _) => length.to_string(),
        (None, Some(name)) if !name.is_empty() => name.clone(),
        (None, _) => "?".to_owned(),
    };
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    TensorDescription {
        name: value.name.clone(),
        element: element(tensor.map_or(0, |tensor| tensor.elem_type)).to_owned(),
        axes: shape.map_or_else(Vec::new, |shape| shape.dim.iter().map(axis).collect()),
    }
}

/// The name of a `TensorProto.DataType`, as ONNX Runtime's binding writes it.
const fn element(data_type: i32) -> &'static str {
    match data_type {
        1 => "f32",
        6 => "i32",
        7 => "i64",
        9 => "bool",
        11 => "f64",
        _ => "other",
    }
}

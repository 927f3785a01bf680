//! The protobuf messages of ONNX, as far as this crate reads them and its tests write them.
//!
//! Names and tags are those of `onnx.proto3`, ONNX IR version 13. Other fields are skipped when a file is read.

use bytes::Bytes;

/// `TensorProto.DataType.FLOAT`.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType.INT32`.
pub const INT32: i32 = 6;
/// `TensorProto.DataType.INT64`.
pub const INT64: i32 = 7;
/// `TensorProto.DataType.BOOL`.
pub const BOOL: i32 = 9;
/// `TensorProto.DataType.DOUBLE`.
pub const DOUBLE: i32 = 11;

/// `AttributeProto.AttributeType.INT`.
pub const ATTRIBUTE_INT: i32 = 2;

/// `TensorProto.DataLocation.EXTERNAL`.
pub const EXTERNAL: i32 = 1;

/// A model: a graph, and its metadata.
#[derive(prost::Message)]
pub struct ModelProto {
    /// The version of the format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// The operator sets that the graph uses.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// The metadata entries of the exporter.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// A version of the default operator set.
#[derive(prost::Message)]
pub struct OperatorSetIdProto {
    /// The version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A key and its value.
#[derive(prost::Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A graph of operators.
#[derive(prost::Message)]
pub struct GraphProto {
    /// The operators, in topological order.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// The name of the graph.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// The inputs. Older exporters repeat the weights here.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// The outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

/// An operator, applied to named tensors.
#[derive(prost::Message)]
pub struct NodeProto {
    /// The names of its inputs.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// The names of its outputs.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// The operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// The attributes of the operator.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// An attribute of an operator; only integers are declared.
#[derive(prost::Message)]
pub struct AttributeProto {
    /// The name of the attribute.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// The type of the value, such as [`ATTRIBUTE_INT`].
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// A weight.
#[derive(prost::Message)]
pub struct TensorProto {
    /// The shape.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// The type of the elements, such as [`FLOAT`].
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// The name of the weight.
    #[prost(string, tag = "8")]
    pub name: String,
    /// The elements, little-endian and in row-major order.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    /// The location of the elements, if they are in another file.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// [`EXTERNAL`] if the elements are in another file.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

impl TensorProto {
    /// Returns the entry `key` of the location of its elements.
    #[must_use]
    pub fn external_entry(&self, key: &str) -> Option<&str> {
        self.external_data
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| entry.value.as_str())
    }
}

/// A tensor that enters or leaves a graph.
#[derive(prost::Message)]
pub struct ValueInfoProto {
    /// The name of the tensor.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The type of the tensor.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// The type of a value; only tensors are declared.
#[derive(prost::Message)]
pub struct TypeProto {
    /// The type of a tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// `TypeProto.Tensor`.
#[derive(prost::Message)]
pub struct TensorTypeProto {
    /// The type of the elements, such as [`FLOAT`].
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// The shape, if it is known.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// The axes of a tensor.
#[derive(prost::Message)]
pub struct TensorShapeProto {
    /// The axes, in order.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// `TensorShapeProto.Dimension`: an axis of fixed length, or a dynamic one with an optional name.
#[derive(prost::Message)]
pub struct DimensionProto {
    /// The length of a fixed axis.
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    /// The name of a dynamic axis.
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

//! Small ONNX graphs, encoded field by field.

use prost::Message;

/// The `ModelProto` of ONNX IR version 8, with only the fields that these tests write.
#[derive(Message)]
struct Model {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<Opset>,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Entry>,
}

#[derive(Message)]
struct Opset {
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfo>,
}

#[derive(Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    /// `AttributeType.INT`.
    #[prost(int32, tag = "20")]
    r#type: i32,
}

#[derive(Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
    /// 1 if the data is in another file.
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    r#type: Option<TypeProto>,
}

#[derive(Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorType>,
}

#[derive(Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Message)]
struct Shape {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

#[derive(Message)]
struct Dimension {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    dim_param: Option<String>,
}

/// The element types of ONNX.
pub(crate) const F32: i32 = 1;
pub(crate) const I64: i32 = 7;
pub(crate) const BOOL: i32 = 9;
pub(crate) const F64: i32 = 11;

/// Builds an ONNX graph.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    weights: Vec<TensorProto>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    metadata: Vec<Entry>,
}

impl Graph {
    /// Adds an input; a negative axis is dynamic.
    pub(crate) fn input(mut self, name: &str, element: i32, axes: &[i64]) -> Self {
        self.inputs.push(value(name, element, axes));
        self
    }

    /// Adds an output.
    pub(crate) fn output(mut self, name: &str, element: i32, axes: &[i64]) -> Self {
        self.outputs.push(value(name, element, axes));
        self
    }

    /// Adds the node `output = op(inputs)`, whose `attributes` are whole numbers.
    pub(crate) fn node(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, i64)],
    ) -> Self {
        let mut attribute = Vec::new();
        for &(name, i) in attributes {
            attribute.push(Attribute {
                name: name.to_owned(),
                i,
                r#type: 2,
            });
        }
        self.nodes.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            op_type: op.to_owned(),
            attribute,
        });
        self
    }

    /// Adds a weight of single-precision numbers.
    pub(crate) fn floats(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let bytes = values.iter().copied().flat_map(f32::to_le_bytes).collect();
        self.weight(name, F32, dims, bytes)
    }

    /// Adds a weight of 64-bit integers.
    pub(crate) fn integers(self, name: &str, dims: &[i64], values: &[i64]) -> Self {
        let bytes = values.iter().copied().flat_map(i64::to_le_bytes).collect();
        self.weight(name, I64, dims, bytes)
    }

    fn weight(mut self, name: &str, data_type: i32, dims: &[i64], bytes: Vec<u8>) -> Self {
        self.weights.push(TensorProto {
            dims: dims.to_vec(),
            data_type,
            name: name.to_owned(),
            raw_data: bytes,
            external_data: Vec::new(),
            data_location: 0,
        });
        self
    }

    /// Adds a metadata entry.
    pub(crate) fn metadata(mut self, key: &str, text: &str) -> Self {
        self.metadata.push(entry(key, text));
        self
    }

    /// Moves every weight to `file`, and returns the bytes of the file.
    pub(crate) fn external(mut self, file: &str) -> (Self, Vec<u8>) {
        let mut bytes = Vec::new();
        for weight in &mut self.weights {
            let data = std::mem::take(&mut weight.raw_data);
            weight.data_location = 1;
            weight.external_data = vec![
                entry("location", file),
                entry("offset", &bytes.len().to_string()),
                entry("length", &data.len().to_string()),
            ];
            bytes.extend(data);
        }
        (self, bytes)
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        let model = Model {
            ir_version: 8,
            opset_import: vec![Opset { version: 13 }],
            graph: Some(GraphProto {
                node: self.nodes,
                name: "test".to_owned(),
                initializer: self.weights,
                input: self.inputs,
                output: self.outputs,
            }),
            metadata_props: self.metadata,
        };
        model.encode_to_vec()
    }
}

fn entry(key: &str, text: &str) -> Entry {
    Entry {
        key: key.to_owned(),
        value: text.to_owned(),
    }
}

fn value(name: &str, elem_type: i32, axes: &[i64]) -> ValueInfo {
    let mut dim = Vec::new();
    for (index, &axis) in axes.iter().enumerate() {
        dim.push(Dimension {
            dim_value: (axis >= 0).then_some(axis),
            dim_param: (axis < 0).then(|| format!("{name}_{index}")),
        });
    }
    ValueInfo {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorType {
                elem_type,
                shape: Some(Shape { dim }),
            }),
        }),
    }
}

//! A builder of small ONNX graphs.

use almanac_model::onnx::proto::{
    ATTRIBUTE_INT, AttributeProto, DimensionProto, EXTERNAL, FLOAT, GraphProto, INT64, ModelProto,
    NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use bytes::Bytes;
use prost::Message as _;

pub(crate) use almanac_model::onnx::proto::{BOOL, DOUBLE as F64, FLOAT as F32, INT64 as I64};

/// A builder of a graph.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    metadata: Vec<StringStringEntryProto>,
}

impl Graph {
    /// Adds an input. A negative axis is dynamic.
    pub(crate) fn input(mut self, name: &str, element: i32, axes: &[i64]) -> Self {
        self.inputs.push(value(name, element, axes));
        self
    }

    /// Adds an output. A negative axis is dynamic.
    pub(crate) fn output(mut self, name: &str, element: i32, axes: &[i64]) -> Self {
        self.outputs.push(value(name, element, axes));
        self
    }

    /// Adds `output = op(inputs)`, with `attributes` that are whole numbers.
    pub(crate) fn node(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, i64)],
    ) -> Self {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            op_type: op.to_owned(),
            attribute: attributes
                .iter()
                .map(|&(name, i)| AttributeProto {
                    name: name.to_owned(),
                    i,
                    r#type: ATTRIBUTE_INT,
                })
                .collect(),
        });
        self
    }

    /// Adds a weight of single-precision numbers.
    pub(crate) fn floats(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let bytes = values.iter().copied().flat_map(f32::to_le_bytes).collect();
        self.weight(name, FLOAT, dims, bytes)
    }

    /// Adds a weight of 64-bit integers.
    pub(crate) fn integers(self, name: &str, dims: &[i64], values: &[i64]) -> Self {
        let bytes = values.iter().copied().flat_map(i64::to_le_bytes).collect();
        self.weight(name, INT64, dims, bytes)
    }

    fn weight(mut self, name: &str, data_type: i32, dims: &[i64], raw_data: Bytes) -> Self {
        self.weights.push(TensorProto {
            dims: dims.to_vec(),
            data_type,
            name: name.to_owned(),
            raw_data,
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

    /// Moves every weight to `file`, and returns the content of the file.
    pub(crate) fn external(mut self, file: &str) -> (Self, Vec<u8>) {
        let mut bytes = Vec::new();
        for weight in &mut self.weights {
            let data = std::mem::take(&mut weight.raw_data);
            weight.data_location = EXTERNAL;
            weight.external_data = vec![
                entry("location", file),
                entry("offset", &bytes.len().to_string()),
                entry("length", &data.len().to_string()),
            ];
            bytes.extend(data);
        }
        (self, bytes)
    }

    /// Returns the content of the ONNX file.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { version: 13 }],
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

fn entry(key: &str, text: &str) -> StringStringEntryProto {
    StringStringEntryProto {
        key: key.to_owned(),
        value: text.to_owned(),
    }
}

fn value(name: &str, elem_type: i32, axes: &[i64]) -> ValueInfoProto {
    let dim = axes
        .iter()
        .enumerate()
        .map(|(position, &axis)| DimensionProto {
            dim_value: (axis >= 0).then_some(axis),
            dim_param: (axis < 0).then(|| format!("{name}_{position}")),
        })
        .collect();
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(TensorShapeProto { dim }),
            }),
        }),
    }
}

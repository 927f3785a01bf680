//! Sessions that share the matrix of a graph of one matrix product.

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use super::*;
use crate::onnx::Runtime;
use crate::onnx::proto::{
    DimensionProto, GraphProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use crate::onnx::session::open;

const ROWS: usize = 128;
const COLUMNS: usize = 256;

/// Opens a session with one thread and every optimization.
fn session(runtime: &Runtime, graph: &[u8], weights: &Weights) -> Session {
    open(runtime, graph, weights, 1, GraphOptimizationLevel::All).unwrap()
}

/// Returns the declaration of a matrix of single-precision numbers.
fn matrix(name: &str, rows: usize, columns: usize) -> ValueInfoProto {
    let axis = |length: usize| DimensionProto {
        dim_value: Some(length.try_into().unwrap()),
        dim_param: None,
    };
    let shape = TensorShapeProto {
        dim: vec![axis(rows), axis(columns)],
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: FLOAT,
                shape: Some(shape),
            }),
        }),
    }
}

fn weight(row: usize, column: usize) -> f32 {
    (row as f32 - column as f32) / 64.0
}

/// Returns the file of `y = x w`.
fn product() -> Vec<u8> {
    let raw_data: Vec<u8> = (0..ROWS)
        .flat_map(|row| (0..COLUMNS).map(move |column| weight(row, column)))
        .flat_map(f32::to_le_bytes)
        .collect();
    let graph = GraphProto {
        node: vec![NodeProto {
            input: vec!["x".to_owned(), "w".to_owned()],
            output: vec!["y".to_owned()],
            op_type: "MatMul".to_owned(),
            attribute: Vec::new(),
        }],
        name: "product".to_owned(),
        initializer: vec![TensorProto {
            dims: vec![ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap()],
            data_type: FLOAT,
            name: "w".to_owned(),
            raw_data: raw_data.into(),
            external_data: Vec::new(),
            data_location: 0,
        }],
        input: vec![matrix("x", 1, ROWS)],
        output: vec![matrix("y", 1, COLUMNS)],
    };
    let model = ModelProto {
        ir_version: 7,
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { version: 13 }],
        metadata_props: Vec::new(),
    };
    model.encode_to_vec()
}

fn run(session: &mut Session) -> Vec<f32> {
    let input: Vec<f32> = (0..ROWS).map(|row| row as f32).collect();
    let input = TensorRef::from_array_view(([1, ROWS], input.as_slice())).unwrap();
    let outputs = session.run(ort::inputs!["x" => input]).unwrap();
    let (_, values) = outputs["y"].try_extract_tensor::<f32>().unwrap();
    values.to_vec()
}

#[test]
fn large_weights_are_extracted() {
    let _library = Runtime::load(None).unwrap();
    let weights = Weights::of(&product(), &BTreeMap::new());
    let SharedWeight { name, value, .. } = &weights.initializers[0];
    assert_eq!((weights.initializers.len(), name.as_str()), (1, "w"));
    let (shape, values) = value.try_extract_tensor::<f32>().unwrap();
    assert_eq!(shape.iter().product::<i64>(), 128 * 256);
    assert!((values[COLUMNS + 5] - weight(1, 5)).abs() < f32::EPSILON);
}

#[test]
fn a_file_that_is_not_a_graph_has_no_weights() {
    let _library = Runtime::load(None).unwrap();
    for file in [b"no protobuf".as_slice(), b""] {
        assert!(Weights::of(file, &BTreeMap::new()).initializers.is_empty());
    }
}

#[test]
fn sessions_with_shared_weights_give_the_same_results_as_a_separate_session() {
    let runtime = Runtime::load(None).unwrap();
    let graph = product();
    let no_weights = Weights::of(&[], &BTreeMap::new());
    let expected = run(&mut session(&runtime, &graph, &no_weights));
    let weights = Weights::of(&graph, &BTreeMap::new());
    let mut first = session(&runtime, &graph, &weights);
    let mut second = session(&runtime, &graph, &weights);
    assert_eq!(run(&mut first), expected);
    assert_eq!(run(&mut second), expected);
    // A session keeps the weights alive after their owner is dropped.
    drop((weights, first));
    assert_eq!(run(&mut second), expected);
}

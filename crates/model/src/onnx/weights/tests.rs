//! A graph of one matrix product, written byte by byte, in sessions that share its matrix.

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use super::*;
use crate::onnx::Runtime;
use crate::onnx::session::open;

const ROWS: usize = 128;
const COLUMNS: usize = 256;
/// One thread, and every optimisation.
const ALONE: (usize, GraphOptimizationLevel) = (1, GraphOptimizationLevel::All);

/// A field of a protobuf message that holds bytes (wire type 2).
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut message = vec![number << 3 | 2];
    let length = u32::try_from(content.len()).unwrap();
    prost::encoding::encode_varint(length.into(), &mut message);
    message.extend(content);
    message
}

/// A field that holds a number (wire type 0).
fn number(number: u8, value: usize) -> Vec<u8> {
    let mut message = vec![number << 3];
    prost::encoding::encode_varint(value as u64, &mut message);
    message
}

/// `ValueInfoProto` of a matrix of single-precision numbers.
fn matrix(name: &str, rows: usize, columns: usize) -> Vec<u8> {
    let dimension = |size| field(1, &number(1, size));
    let shape = field(2, &[dimension(rows), dimension(columns)].concat());
    let tensor = field(1, &[number(1, 1), shape].concat());
    [field(1, name.as_bytes()), field(2, &tensor)].concat()
}

fn weight(row: usize, column: usize) -> f32 {
    (row as f32 - column as f32) / 64.0
}

/// `ModelProto` of `y = x w`.
fn product() -> Vec<u8> {
    let weights = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| weight(row, column)));
    let raw: Vec<u8> = weights.flat_map(f32::to_le_bytes).collect();
    let initializer = Initializer {
        dims: vec![ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap()],
        data_type: FLOAT,
        name: "w".to_owned(),
        raw_data: raw.into(),
        external_data: Vec::new(),
    };
    let node = [
        field(1, b"x"),
        field(1, b"w"),
        field(2, b"y"),
        field(4, b"MatMul"),
    ]
    .concat();
    let graph = [
        field(1, &node),
        field(2, b"product"),
        field(5, &initializer.encode_to_vec()),
        field(11, &matrix("x", 1, ROWS)),
        field(12, &matrix("y", 1, COLUMNS)),
    ];
    let opset = number(2, 13);
    [number(1, 7), field(8, &opset), field(7, &graph.concat())].concat()
}

fn run(session: &mut Session) -> Vec<f32> {
    let input: Vec<f32> = (0..ROWS).map(|row| row as f32).collect();
    let input = TensorRef::from_array_view(([1, ROWS], input.as_slice())).unwrap();
    let outputs = session.run(ort::inputs!["x" => input]).unwrap();
    let (_, values) = outputs["y"].try_extract_tensor::<f32>().unwrap();
    values.to_vec()
}

#[test]
fn finds_the_large_weights() {
    let _library = Runtime::load(None).unwrap();
    let weights = Weights::of(&product(), &BTreeMap::new());
    let Shared { name, value, .. } = &weights.initializers[0];
    assert_eq!((weights.initializers.len(), name.as_str()), (1, "w"));
    let (shape, values) = value.try_extract_tensor::<f32>().unwrap();
    assert_eq!(shape.iter().product::<i64>(), 128 * 256);
    assert!((values[COLUMNS + 5] - weight(1, 5)).abs() < f32::EPSILON);
}

#[test]
fn what_is_no_graph_has_no_weights() {
    let _library = Runtime::load(None).unwrap();
    assert!(
        Weights::of(b"no protobuf", &BTreeMap::new())
            .initializers
            .is_empty()
    );
    assert!(Weights::of(b"", &BTreeMap::new()).initializers.is_empty());
}

#[test]
fn sessions_that_share_weights_compute_what_one_alone_does() {
    let runtime = Runtime::load(None).unwrap();
    let graph = product();
    let alone =
        run(&mut open(&runtime, &graph, ALONE, &Weights::of(&[], &BTreeMap::new())).unwrap());
    let weights = Weights::of(&graph, &BTreeMap::new());
    let mut first = open(&runtime, &graph, ALONE, &weights).unwrap();
    let mut second = open(&runtime, &graph, ALONE, &weights).unwrap();
    assert_eq!(run(&mut first), alone);
    assert_eq!(run(&mut second), alone);
    // The weights outlive the one that lent them.
    drop((weights, first));
    assert_eq!(run(&mut second), alone);
}

//! The description of an ONNX file, as ONNX Runtime reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::Digest;
use crate::onnx::description::{GraphDescription, TensorDescription};
use crate::onnx::graph::GraphFile;
use crate::onnx::runtime::Runtime;
use crate::onnx::session::{SessionError, open};
use crate::onnx::weights::Weights;

/// Returns the names of the files in which the graph in `bytes` keeps external weights.
///
/// The names are those that the graph uses. There are none if `bytes` are not a graph.
#[must_use]
pub fn external_files(bytes: &[u8]) -> BTreeSet<String> {
    GraphFile::parse(bytes).map_or_else(BTreeSet::new, |graph| graph.external)
}

/// Opens the graph in `bytes`, whose external weights are in `files`, and describes it.
///
/// # Errors
/// [`SessionError::Graph`] if ONNX Runtime cannot open the graph.
pub fn describe(
    runtime: &Runtime,
    bytes: &[u8],
    files: &BTreeMap<String, Arc<[u8]>>,
) -> Result<GraphDescription, SessionError> {
    let weights = Weights::of(bytes, files);
    let session = open(runtime, bytes, &weights, 1, GraphOptimizationLevel::Disable)?;
    Ok(GraphDescription {
        inputs: session.inputs().iter().map(describe_tensor).collect(),
        outputs: session.outputs().iter().map(describe_tensor).collect(),
        metadata: metadata(&session)?,
        digest: Digest::of(bytes),
    })
}

/// Returns the metadata of the graph of `session`: the standard entries that are set, then the custom ones by key.
fn metadata(session: &Session) -> Result<Vec<(String, String)>, SessionError> {
    let metadata = session.metadata()?;
    // Exporters that set no version leave the largest number there.
    let version = metadata
        .version()
        .filter(|&version| version < i64::MAX)
        .map(|version| version.to_string());
    let mut entries: Vec<_> = [
        ("name", metadata.name()),
        ("producer", metadata.producer()),
        ("domain", metadata.domain()),
        ("description", metadata.description()),
        ("graph description", metadata.graph_description()),
        ("version", version),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value.filter(|text| !text.is_empty())?)))
    .collect();
    let mut custom = metadata.custom_keys().unwrap_or_default();
    custom.sort();
    entries.extend(custom.into_iter().filter_map(|key| {
        let value = metadata.custom(&key)?;
        Some((key, value))
    }));
    Ok(entries)
}

fn describe_tensor(outlet: &Outlet) -> TensorDescription {
    let dtype = outlet.dtype();
    let element = dtype.tensor_type().map_or_else(
        || dtype.to_string(),
        |element: TensorElementType| element.to_string(),
    );
    let axes = match dtype {
        ValueType::Tensor {
            shape,
            dimension_symbols,
            ..
        } => shape
            .iter()
            .zip(dimension_symbols.iter())
            .map(|(&length, symbol)| match symbol.as_str() {
                _ if length >= 0 => length.to_string(),
                "" => "?".to_owned(),
                name => name.to_owned(),
            })
            .collect(),
        ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_) => Vec::new(),
    };
    TensorDescription {
        name: outlet.name().to_owned(),
        element,
        axes,
    }
}

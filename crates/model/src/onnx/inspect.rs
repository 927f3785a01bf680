//! What an ONNX file says of itself, as the runtime reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::Digest;
use crate::onnx::graph::GraphFile;
use crate::onnx::runtime::Runtime;
use crate::onnx::session::{SessionError, open};
use crate::onnx::weights::Weights;

/// A graph's inputs, outputs and metadata.
#[derive(Clone, Debug)]
pub struct GraphDescription {
    /// Its inputs, in order.
    pub inputs: Vec<TensorDescription>,
    /// Its outputs, in order.
    pub outputs: Vec<TensorDescription>,
    /// Producer, domain, description and custom entries, in a stable order.
    pub metadata: Vec<(String, String)>,
    /// Digest of the file.
    pub digest: Digest,
}

/// A tensor that enters or leaves a graph.
#[derive(Clone, Debug)]
pub struct TensorDescription {
    /// Its name.
    pub name: String,
    /// Its element type, as ONNX Runtime writes it.
    pub element: String,
    /// Its axes: a size, the name of a dynamic one, or `?`.
    pub axes: Vec<String>,
}

/// The files beside the graph in `bytes` in which it keeps weights, by the names that it has for them;
/// none when it is no graph.
#[must_use]
pub fn external_files(bytes: &[u8]) -> BTreeSet<String> {
    GraphFile::read(bytes).map_or_else(BTreeSet::new, |graph| graph.external)
}

/// Describes the graph in `bytes`, which ONNX Runtime opens for it. It may keep weights in `files`.
///
/// # Errors
/// [`SessionError::Graph`] when it cannot be opened.
pub fn describe(
    runtime: &Runtime,
    bytes: &[u8],
    files: &BTreeMap<String, Arc<[u8]>>,
) -> Result<GraphDescription, SessionError> {
    let unchanged = GraphOptimizationLevel::Disable;
    let weights = Weights::of(bytes, files);
    let session = open(runtime, bytes, (1, unchanged), &weights).map_err(SessionError::Graph)?;
    let metadata = session
        .metadata()
        .map_err(|error| SessionError::Graph(error.to_string()))?;
    let mut entries: Vec<_> = [
        ("name", metadata.name()),
        ("producer", metadata.producer()),
        ("domain", metadata.domain()),
        ("description", metadata.description()),
        ("graph description", metadata.graph_description()),
        // Exporters that set no version leave the largest number there.
        (
            "version",
            metadata
                .version()
                .filter(|&version| version < i64::MAX)
                .map(|v| v.to_string()),
        ),
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
    Ok(GraphDescription {
        inputs: session.inputs().iter().map(TensorDescription::of).collect(),
        outputs: session
            .outputs()
            .iter()
            .map(TensorDescription::of)
            .collect(),
        metadata: entries,
        digest: Digest::of(bytes),
    })
}

impl TensorDescription {
    fn of(outlet: &Outlet) -> Self {
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
            } => {
                let named = |(&size, symbol): (&i64, &String)| match symbol.as_str() {
                    _ if size >= 0 => size.to_string(),
                    "" => "?".to_owned(),
                    name => name.to_owned(),
                };
                shape
                    .iter()
                    .zip(dimension_symbols.iter())
                    .map(named)
                    .collect()
            }
            ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_) => Vec::new(),
        };
        Self {
            name: outlet.name().to_owned(),
            element,
            axes,
        }
    }
}

//! The weights of a graph, held once for all sessions that run it.
//!
//! ONNX Runtime copies the weights of a graph into each session, and packs the matrices among them
//! once more. Given them as shared initializers, with a container for the packed ones, it holds
//! both once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ort::session::builder::{PrepackedWeights, SessionBuilder};
use ort::value::{DynValue, Tensor};
use prost::Message as _;

/// The large weights of one graph.
pub(super) struct Weights {
    initializers: Vec<Shared>,
    packed: PrepackedWeights,
    /// The files in which the graph keeps weights that are not shared.
    files: BTreeMap<String, Arc<[u8]>>,
}

/// A weight that all sessions use.
struct Shared {
    name: String,
    /// Whether the graph keeps it in another file.
    is_external: bool,
    value: Arc<DynValue>,
}

/// Weights below this many bytes are left in the graph: the optimiser folds small ones into others,
/// which it cannot do with shared ones.
const LEAST_BYTES: usize = 64 * 1_024;

/// `TensorProto.DataType.FLOAT`.
const FLOAT: i32 = 1;

/// What is read of `ModelProto` (onnx.proto3 of ONNX IR version 13); the rest is skipped.
#[derive(prost::Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

/// `GraphProto`.
#[derive(prost::Message)]
struct Graph {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Initializer>,
}

/// `TensorProto`.
#[derive(prost::Message)]
struct Initializer {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(string, tag = "8")]
    name: String,
    /// Little-endian, in row-major order.
    #[prost(bytes = "bytes", tag = "9")]
    raw_data: Bytes,
    /// Where the values stand, when in another file.
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

impl Weights {
    /// The large single-precision weights of `graph`, which may keep some in `files`. One that cannot be
    /// read as such stays in the graph, where ONNX Runtime finds it or says what is wrong.
    pub(super) fn of(graph: &[u8], files: &BTreeMap<String, Arc<[u8]>>) -> Self {
        // Copied once, so that each weight is a part of this copy until its values are read.
        let initializers = Model::decode(Bytes::copy_from_slice(graph))
            .ok()
            .and_then(|model| model.graph)
            .map_or_else(Vec::new, |graph| graph.initializer);
        let shared = |initializer| Shared::of(initializer, files);
        Self {
            initializers: initializers.into_iter().filter_map(shared).collect(),
            packed: PrepackedWeights::new(),
            files: files.clone(),
        }
    }

    /// `builder` for a session that uses these.
    pub(super) fn lend(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let mut builder = builder.with_prepacked_weights(&self.packed)?;
        for Shared {
            name,
            is_external,
            value,
        } in &self.initializers
        {
            let value = Arc::clone(value);
            builder = if *is_external {
                builder.with_external_initializer(name, value)?
            } else {
                builder.with_initializer(name, value)?
            };
        }
        for (name, bytes) in &self.files {
            builder = builder.with_external_initializer_file_in_memory(name, Arc::clone(bytes))?;
        }
        Ok(builder)
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.initializers.iter().map(|shared| &shared.name);
        f.debug_set().entries(names).finish()
    }
}

impl Shared {
    fn of(initializer: Initializer, files: &BTreeMap<String, Arc<[u8]>>) -> Option<Self> {
        let is_external = !initializer.external_data.is_empty();
        let raw_data = if is_external {
            outside(&initializer.external_data, files)?
        } else {
            &initializer.raw_data
        };
        if initializer.data_type != FLOAT || raw_data.len() < LEAST_BYTES {
            return None;
        }
        let (values, rest) = raw_data.as_chunks::<4>();
        let values: Vec<f32> = values
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let tensor = Tensor::from_array((initializer.dims, values))
            .ok()
            .filter(|_| rest.is_empty())?;
        Some(Self {
            name: initializer.name,
            is_external,
            value: Arc::new(tensor.into_dyn()),
        })
    }
}

/// The part of a file that `entries` describe.
fn outside<'a>(entries: &[Entry], files: &'a BTreeMap<String, Arc<[u8]>>) -> Option<&'a [u8]> {
    let get = |key: &str| entries.iter().find(|entry| entry.key == key);
    let number = |key: &str| get(key).map(|entry| entry.value.parse::<usize>().ok());
    let file = files.get(&get("location")?.value)?;
    let offset = number("offset").unwrap_or(Some(0))?;
    let rest = file.get(offset..)?;
    match number("length") {
        Some(length) => rest.get(..length?),
        None => Some(rest),
    }
}

#[cfg(test)]
mod tests;

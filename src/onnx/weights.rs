//! The weights of a graph, held once for all sessions that run it.
//!
//! ONNX Runtime copies the weights of a graph into each session, and packs the matrices among them
//! once more. Given them as shared initializers, with a container for the packed ones, it holds
//! both once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ort::session::builder::{PrepackedWeights, SessionBuilder};
use ort::value::{DynValue, Tensor};
use prost::Message as _;

/// The large weights of one graph.
pub(super) struct Weights {
    initializers: Vec<(String, Arc<DynValue>)>,
    packed: PrepackedWeights,
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
}

impl Weights {
    /// The large single-precision weights of `graph`. One that cannot be read as such stays in the
    /// graph, where ONNX Runtime finds it or says what is wrong.
    pub(super) fn of(graph: &[u8]) -> Self {
        // Copied once, so that each weight is a part of this copy until its values are read.
        let initializers = Model::decode(Bytes::copy_from_slice(graph))
            .ok()
            .and_then(|model| model.graph)
            .map_or_else(Vec::new, |graph| graph.initializer);
        Self {
            initializers: initializers.into_iter().filter_map(shared).collect(),
            packed: PrepackedWeights::new(),
        }
    }

    /// `builder` for a session that uses these.
    pub(super) fn lend(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let mut builder = builder.with_prepacked_weights(&self.packed)?;
        for (name, value) in &self.initializers {
            builder = builder.with_initializer(name, Arc::clone(value))?;
        }
        Ok(builder)
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.initializers.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

fn shared(initializer: Initializer) -> Option<(String, Arc<DynValue>)> {
    let Initializer {
        dims,
        data_type,
        name,
        raw_data,
    } = initializer;
    if data_type != FLOAT || raw_data.len() < LEAST_BYTES {
        return None;
    }
    let (values, rest) = raw_data.as_chunks::<4>();
    let values: Vec<f32> = values
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let tensor = Tensor::from_array((dims, values))
        .ok()
        .filter(|_| rest.is_empty())?;
    Some((name, Arc::new(tensor.into_dyn())))
}

#[cfg(test)]
mod tests;

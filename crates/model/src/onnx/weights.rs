//! The weights of a graph, shared by all sessions that run it.
//!
//! ONNX Runtime copies the weights of a graph into each session, and packs the matrices among them once more. If they
//! are given as shared initializers, with a container for the packed ones, both are in memory once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ort::session::builder::{PrepackedWeights, SessionBuilder};
use ort::value::{DynValue, Tensor};
use prost::Message as _;

use crate::onnx::proto::{FLOAT, ModelProto, TensorProto};

/// The large weights of one graph.
pub(super) struct Weights {
    initializers: Vec<SharedWeight>,
    packed: PrepackedWeights,
    /// The files in which the graph keeps weights that are not shared.
    files: BTreeMap<String, Arc<[u8]>>,
}

/// A weight that all sessions use.
struct SharedWeight {
    name: String,
    /// True if the graph keeps the weight in another file.
    is_external: bool,
    value: Arc<DynValue>,
}

/// The minimum size of a shared weight, in bytes. The optimizer folds small weights into others, which it cannot do with
/// shared ones, so smaller weights stay in the graph.
const MIN_SHARED_BYTES: usize = 64 * 1_024;

impl Weights {
    /// Extracts the large single-precision weights of `graph`, whose external weights are in `files`.
    ///
    /// A weight that cannot be read as such stays in the graph, where ONNX Runtime loads it or reports the error.
    pub(super) fn of(graph: &[u8], files: &BTreeMap<String, Arc<[u8]>>) -> Self {
        // Copied once, so that each weight is a slice of this copy until its values are read.
        let initializers = ModelProto::decode(Bytes::copy_from_slice(graph))
            .ok()
            .and_then(|model| model.graph)
            .map_or_else(Vec::new, |graph| graph.initializer);
        Self {
            initializers: initializers
                .into_iter()
                .filter_map(|initializer| SharedWeight::of(initializer, files))
                .collect(),
            packed: PrepackedWeights::new(),
            files: files.clone(),
        }
    }

    /// Adds these weights to the session that `builder` creates.
    pub(super) fn add_to(&self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        let mut builder = builder.with_prepacked_weights(&self.packed)?;
        for SharedWeight {
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
        let names = self.initializers.iter().map(|weight| &weight.name);
        f.debug_set().entries(names).finish()
    }
}

impl SharedWeight {
    /// Returns the values of `initializer`, if it is a weight to share.
    fn of(initializer: TensorProto, files: &BTreeMap<String, Arc<[u8]>>) -> Option<Self> {
        let is_external = !initializer.external_data.is_empty();
        let raw_data = if is_external {
            external_data(&initializer, files)?
        } else {
            &initializer.raw_data
        };
        if initializer.data_type != FLOAT || raw_data.len() < MIN_SHARED_BYTES {
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

/// Returns the part of one of `files` that holds the elements of `weight`.
fn external_data<'a>(
    weight: &TensorProto,
    files: &'a BTreeMap<String, Arc<[u8]>>,
) -> Option<&'a [u8]> {
    let number = |key: &str| {
        weight
            .external_entry(key)
            .map(|text| text.parse::<usize>().ok())
    };
    let file = files.get(weight.external_entry("location")?)?;
    let offset = number("offset").unwrap_or(Some(0))?;
    let data = file.get(offset..)?;
    match number("length") {
        Some(length) => data.get(..length?),
        None => Some(data),
    }
}

#[cfg(test)]
mod tests;

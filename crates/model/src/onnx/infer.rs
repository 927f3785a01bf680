//! The manifest of a graph that has none, if its metadata or its shapes allow one interpretation only.

mod bare;
mod darts;
mod element;
mod manifest;

use thiserror::Error;

use crate::onnx::description::{GraphDescription, TensorDescription};

pub use bare::BareGraphError;
pub use darts::DartsError;
pub use element::ElementError;
pub(super) use manifest::InferredManifest;

/// The error returned when a graph cannot be served without a manifest.
#[derive(Debug, Error)]
pub enum InferError {
    /// The graph is an export of Darts that the server does not support.
    #[error(transparent)]
    Darts(#[from] DartsError),
    /// The graph has no known metadata, and its tensors have more than one interpretation.
    #[error(
        "{reason}; inputs: {inputs}; outputs: {outputs}; write a manifest.toml, starting from the output of almanac models inspect FILE --draft"
    )]
    Ambiguous {
        /// The ambiguity.
        reason: BareGraphError,
        /// The inputs of the graph.
        inputs: String,
        /// The outputs of the graph.
        outputs: String,
    },
}

/// Infers the manifest of `graph`.
pub(super) fn infer(graph: &GraphDescription) -> Result<InferredManifest, InferError> {
    let spec = graph.metadata.iter().find(|(key, _)| key == darts::KEY);
    match spec {
        Some((_, spec)) => Ok(darts::infer(spec, graph)?),
        None => bare::infer(graph).map_err(|reason| InferError::Ambiguous {
            reason,
            inputs: list(&graph.inputs),
            outputs: list(&graph.outputs),
        }),
    }
}

fn list(tensors: &[TensorDescription]) -> String {
    tensors
        .iter()
        .map(|tensor| {
            format!(
                "{} {} [{}]",
                tensor.name,
                tensor.element,
                tensor.axes.join(", ")
            )
        })
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests;

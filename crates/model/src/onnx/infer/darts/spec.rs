//! The metadata entry of Darts.

use serde::Deserialize;

use crate::onnx::description::GraphDescription;
use crate::onnx::infer::darts::error::DartsError;

/// `OnnxModelSpec` of `darts.utils.onnx.inference`, without the keys that repeat others.
#[derive(Deserialize)]
pub(super) struct DartsSpec {
    pub(super) input_chunk_length: usize,
    pub(super) output_chunk_length: usize,
    output_chunk_shift: usize,
    uses_past_covariates: bool,
    uses_future_covariates: bool,
    uses_static_covariates: bool,
    pub(super) likelihood_parameter_names: Option<Vec<String>>,
    #[serde(default)]
    pub(super) state_input_names: Vec<String>,
    #[serde(default)]
    pub(super) state_output_names: Vec<String>,
    #[serde(default)]
    pub(super) stepwise_state: bool,
}

impl DartsSpec {
    /// Parses the entry `text`.
    pub(super) fn parse(text: &str) -> Result<Self, DartsError> {
        serde_json::from_str(text).map_err(DartsError::Spec)
    }

    /// Checks that the server supports the model, and that `graph` has the tensors that the entry declares.
    pub(super) fn check(&self, graph: &GraphDescription) -> Result<(), DartsError> {
        let has = |name: &str| graph.inputs.iter().any(|input| input.name == name);
        let has_future = has("historic_future_covariates") || has("future_covariates");
        for (is_used, has_tensor, kind) in [
            (self.uses_past_covariates, has("past_covariates"), "past"),
            (self.uses_future_covariates, has_future, "future"),
            (
                self.uses_static_covariates,
                has("static_covariates"),
                "static",
            ),
        ] {
            if is_used && !has_tensor {
                return Err(DartsError::MissingCovariates { kind });
            }
        }
        if !self.stepwise_state && !self.state_input_names.is_empty() {
            return Err(DartsError::CarriedState);
        }
        if self.output_chunk_shift > 0 {
            return Err(DartsError::Shifted {
                steps: self.output_chunk_shift,
            });
        }
        Ok(())
    }
}

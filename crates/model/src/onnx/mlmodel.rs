//! `MLmodel`, the file by which MLflow describes a model with an ONNX flavour.

use serde::Deserialize;
use thiserror::Error;

use crate::onnx::description::{GraphDescription, TensorDescription};

/// The parts of `MLmodel` that describe a graph.
#[derive(Debug)]
pub(super) struct MlModel {
    /// The name of the file that holds the graph.
    pub(super) graph: String,
    /// The inputs of the signature; empty if there is none.
    inputs: Vec<SignatureTensor>,
    /// The outputs of the signature; empty if there is none.
    outputs: Vec<SignatureTensor>,
}

/// The error returned when `MLmodel` cannot be parsed, or does not match the files.
#[derive(Debug, Error)]
pub enum MlModelError {
    /// The file is not text.
    #[error("the file is not UTF-8: {0}")]
    NotText(std::str::Utf8Error),
    /// The file is not YAML of this schema.
    #[error("{0}")]
    Schema(Box<serde_saphyr::Error>),
    /// The model has no ONNX flavour.
    #[error("flavors has no onnx; log the model with mlflow.onnx.log_model")]
    NoOnnxFlavor,
    /// The graph is not among the files.
    #[error("flavors.onnx.data is {file}, which is not among the files; upload it")]
    MissingGraph {
        /// The name of the file.
        file: String,
    },
    /// A part of the signature is not a list of tensors.
    #[error("signature: {0}")]
    Signature(serde_json::Error),
    /// The signature has a tensor that the graph lacks.
    #[error("signature: tensor {tensor} does not exist in the graph; log the model again")]
    UnknownTensor {
        /// The name of the tensor.
        tensor: String,
    },
    /// The signature contradicts the graph, so one of them belongs to another model.
    #[error(
        "signature: tensor {tensor} is {signature}, but it is {graph} in the graph; log the model again"
    )]
    Contradiction {
        /// The name of the tensor.
        tensor: String,
        /// The type and shape in the signature.
        signature: String,
        /// The type and shape in the graph.
        graph: String,
    },
}

/// The YAML document; other keys are skipped.
#[derive(Deserialize)]
struct MlModelDocument {
    flavors: Flavors,
    signature: Option<SignatureDocument>,
}

#[derive(Deserialize)]
struct Flavors {
    onnx: Option<OnnxFlavor>,
}

#[derive(Deserialize)]
struct OnnxFlavor {
    data: String,
}

/// The signature. Each key holds a JSON list, as a string.
#[derive(Deserialize)]
struct SignatureDocument {
    inputs: Option<String>,
    outputs: Option<String>,
}

/// A tensor of a signature.
#[derive(Debug, Deserialize)]
struct SignatureTensor {
    name: Option<String>,
    /// The type and shape; absent for a column of a table.
    #[serde(rename = "tensor-spec")]
    spec: Option<TensorSpec>,
}

#[derive(Debug, Deserialize)]
struct TensorSpec {
    /// The element type, as `numpy` names it.
    dtype: String,
    /// The length of each axis; -1 for a dynamic one.
    shape: Vec<i64>,
}

impl MlModel {
    /// Parses the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, MlModelError> {
        let text = std::str::from_utf8(bytes).map_err(MlModelError::NotText)?;
        let document: MlModelDocument =
            serde_saphyr::from_str(text).map_err(|error| MlModelError::Schema(Box::new(error)))?;
        let flavor = document.flavors.onnx.ok_or(MlModelError::NoOnnxFlavor)?;
        let (inputs, outputs) = match document.signature {
            Some(signature) => (
                parse_tensors(signature.inputs.as_deref())?,
                parse_tensors(signature.outputs.as_deref())?,
            ),
            None => (Vec::new(), Vec::new()),
        };
        Ok(Self {
            graph: flavor.data,
            inputs,
            outputs,
        })
    }

    /// Replaces the dynamic axes of `graph` that have a fixed length in the signature.
    ///
    /// Fails if signature and graph contradict each other.
    pub(super) fn fix_axes(&self, graph: &mut GraphDescription) -> Result<(), MlModelError> {
        for (signature, tensors) in [
            (&self.inputs, &mut graph.inputs),
            (&self.outputs, &mut graph.outputs),
        ] {
            for signature_tensor in signature {
                let Some(spec) = &signature_tensor.spec else {
                    continue;
                };
                let name = signature_tensor.name.as_deref();
                let tensor = match (name, tensors.as_mut_slice()) {
                    (Some(name), all) => all.iter_mut().find(|tensor| tensor.name == name),
                    (None, [only]) => Some(only),
                    (None, _) => None,
                };
                let tensor = tensor.ok_or_else(|| MlModelError::UnknownTensor {
                    tensor: name.map_or_else(|| "without a name".to_owned(), str::to_owned),
                })?;
                spec.fix_axes(tensor)?;
            }
        }
        Ok(())
    }
}

fn parse_tensors(text: Option<&str>) -> Result<Vec<SignatureTensor>, MlModelError> {
    match text {
        Some(text) => serde_json::from_str(text).map_err(MlModelError::Signature),
        None => Ok(Vec::new()),
    }
}

impl TensorSpec {
    fn fix_axes(&self, tensor: &mut TensorDescription) -> Result<(), MlModelError> {
        let element = match self.dtype.as_str() {
            "float32" => "f32",
            "float64" => "f64",
            "int64" => "i64",
            "int32" => "i32",
            other => other,
        };
        if element != tensor.element || self.shape.len() != tensor.axes.len() {
            return Err(self.contradiction(tensor));
        }
        let mut axes = Vec::with_capacity(tensor.axes.len());
        for (required, axis) in self.shape.iter().zip(&tensor.axes) {
            match (u64::try_from(*required), axis.parse::<u64>()) {
                (Ok(required), Ok(length)) if required != length => {
                    return Err(self.contradiction(tensor));
                }
                (Ok(required), Err(_)) => axes.push(required.to_string()),
                (Ok(_) | Err(_), _) => axes.push(axis.clone()),
            }
        }
        tensor.axes = axes;
        Ok(())
    }

    fn contradiction(&self, tensor: &TensorDescription) -> MlModelError {
        MlModelError::Contradiction {
            tensor: tensor.name.clone(),
            signature: format!("{} {:?}", self.dtype, self.shape),
            graph: format!("{} [{}]", tensor.element, tensor.axes.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    /// A file of MLflow 3, shortened.
    const TEXT: &str = r#"artifact_path: model
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_version: 1.19.0
    providers:
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    loader_module: mlflow.onnx
mlflow_version: 3.4.0
signature:
  inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 24]},
    "name": "x"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 12]},
    "name": "y"}]'
  params: null
utc_time_created: '2026-01-01 00:00:00'
"#;

    fn graph(input: [&str; 2], output: [&str; 2]) -> GraphDescription {
        let tensor = |name: &str, axes: [&str; 2]| TensorDescription {
            name: name.to_owned(),
            element: "f32".to_owned(),
            axes: axes.map(str::to_owned).to_vec(),
        };
        GraphDescription {
            inputs: vec![tensor("x", input)],
            outputs: vec![tensor("y", output)],
            metadata: Vec::new(),
            digest: Digest::of(b""),
        }
    }

    #[test]
    fn a_signature_fixes_dynamic_axes() {
        let mlmodel = MlModel::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(mlmodel.graph, "model.onnx");
        let mut graph = graph(["n", "t"], ["n", "12"]);
        mlmodel.fix_axes(&mut graph).unwrap();
        assert_eq!(graph.inputs[0].axes, ["n", "24"]);
        assert_eq!(graph.outputs[0].axes, ["n", "12"]);
    }

    #[test]
    fn a_signature_of_another_graph_is_rejected() {
        let mlmodel = MlModel::parse(TEXT.as_bytes()).unwrap();
        let error = mlmodel
            .fix_axes(&mut graph(["n", "48"], ["n", "12"]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "signature: tensor x is float32 [-1, 24], but it is f32 [n, 48] in the graph; log the model again"
        );
        let renamed = TEXT.replace("\"name\": \"y\"", "\"name\": \"z\"");
        let mlmodel = MlModel::parse(renamed.as_bytes()).unwrap();
        let error = mlmodel
            .fix_axes(&mut graph(["n", "24"], ["n", "12"]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "signature: tensor z does not exist in the graph; log the model again"
        );
    }

    #[test]
    fn a_model_without_an_onnx_flavour_is_rejected() {
        let text = "flavors:\n  sklearn:\n    pickled_model: model.pkl\n";
        let error = MlModel::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, MlModelError::NoOnnxFlavor), "{error}");
        assert!(MlModel::parse(b"{").is_err());
    }
}

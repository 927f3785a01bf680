//! The file by which MLflow describes a model with an ONNX flavour.

use serde::Deserialize;

use crate::onnx::inspect::{GraphDescription, TensorDescription};

/// What `MLmodel` says of its graph.
#[derive(Debug)]
pub(super) struct MlModel {
    /// Name of the file that holds the graph.
    pub(super) graph: String,
    /// The tensors of its signature, where it has one of tensors.
    inputs: Vec<SignatureTensor>,
    outputs: Vec<SignatureTensor>,
}

/// `MLmodel`, a YAML document; the rest is skipped.
#[derive(Deserialize)]
struct Document {
    flavors: Flavors,
    signature: Option<Signature>,
}

#[derive(Deserialize)]
struct Flavors {
    onnx: Option<OnnxFlavor>,
}

#[derive(Deserialize)]
struct OnnxFlavor {
    data: String,
}

/// Each a JSON list, in a string.
#[derive(Deserialize)]
struct Signature {
    inputs: Option<String>,
    outputs: Option<String>,
}

/// One tensor of a signature.
#[derive(Debug, Deserialize)]
struct SignatureTensor {
    name: Option<String>,
    /// Absent for a column of a table.
    #[serde(rename = "tensor-spec")]
    spec: Option<TensorSpec>,
}

#[derive(Debug, Deserialize)]
struct TensorSpec {
    /// As `numpy` names it.
    dtype: String,
    /// -1 for an axis of any length.
    shape: Vec<i64>,
}

impl MlModel {
    /// Reads the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let document: Document = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let Some(flavor) = document.flavors.onnx else {
            return Err("flavors has no onnx; log the model with mlflow.onnx.log_model".to_owned());
        };
        let tensors = |text: Option<String>| match text {
            Some(text) => {
                serde_json::from_str(&text).map_err(|error| format!("signature: {error}"))
            }
            None => Ok(Vec::new()),
        };
        let (inputs, outputs) = match document.signature {
            Some(signature) => (tensors(signature.inputs)?, tensors(signature.outputs)?),
            None => (Vec::new(), Vec::new()),
        };
        Ok(Self {
            graph: flavor.data,
            inputs,
            outputs,
        })
    }

    /// Fixes axes of `graph` that it leaves open and the signature does not.
    ///
    /// Fails where the two contradict each other: then one of them is of another model.
    pub(super) fn narrow(&self, graph: &mut GraphDescription) -> Result<(), String> {
        for (signature, tensors) in [
            (&self.inputs, &mut graph.inputs),
            (&self.outputs, &mut graph.outputs),
        ] {
            for described in signature {
                let Some(spec) = &described.spec else {
                    continue;
                };
                let tensor = match (&described.name, tensors.as_mut_slice()) {
                    (Some(name), all) => all.iter_mut().find(|tensor| tensor.name == *name),
                    (None, [only]) => Some(only),
                    (None, _) => None,
                };
                let Some(tensor) = tensor else {
                    return Err(format!(
                        "the signature has a tensor {:?}, which the graph does not",
                        described.name.as_deref().unwrap_or("without a name")
                    ));
                };
                spec.narrow(tensor)?;
            }
        }
        Ok(())
    }
}

impl TensorSpec {
    fn narrow(&self, tensor: &mut TensorDescription) -> Result<(), String> {
        let contradicts = || {
            format!(
                "the signature has {} as {} {:?}, and the graph as {} [{}]",
                tensor.name,
                self.dtype,
                self.shape,
                tensor.element,
                tensor.axes.join(", ")
            )
        };
        let element = match self.dtype.as_str() {
            "float32" => "f32",
            "float64" => "f64",
            "int64" => "i64",
            "int32" => "i32",
            other => other,
        };
        if element != tensor.element || self.shape.len() != tensor.axes.len() {
            return Err(contradicts());
        }
        let mut axes = Vec::with_capacity(tensor.axes.len());
        for (wanted, axis) in self.shape.iter().zip(&tensor.axes) {
            match (u64::try_from(*wanted), axis.parse::<u64>()) {
                (Ok(wanted), Ok(length)) if wanted != length => return Err(contradicts()),
                (Ok(wanted), Err(_)) => axes.push(wanted.to_string()),
                (Ok(_) | Err(_), _) => axes.push(axis.clone()),
            }
        }
        tensor.axes = axes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    /// As MLflow 3 writes it, shortened.
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
    fn a_signature_fixes_what_the_graph_leaves_open() {
        let described = MlModel::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(described.graph, "model.onnx");
        let mut graph = graph(["n", "t"], ["n", "12"]);
        described.narrow(&mut graph).unwrap();
        assert_eq!(graph.inputs[0].axes, ["n", "24"]);
        assert_eq!(graph.outputs[0].axes, ["n", "12"]);
    }

    #[test]
    fn a_signature_of_another_graph_is_refused() {
        let described = MlModel::parse(TEXT.as_bytes()).unwrap();
        let error = described
            .narrow(&mut graph(["n", "48"], ["n", "12"]))
            .unwrap_err();
        assert_eq!(
            error,
            "the signature has x as float32 [-1, 24], and the graph as f32 [n, 48]"
        );
        let renamed = TEXT.replace("\"name\": \"y\"", "\"name\": \"z\"");
        let described = MlModel::parse(renamed.as_bytes()).unwrap();
        let error = described.narrow(&mut graph(["n", "24"], ["n", "12"]));
        assert!(
            error
                .unwrap_err()
                .contains("\"z\", which the graph does not")
        );
    }

    #[test]
    fn another_flavour_is_told() {
        let text = "flavors:\n  sklearn:\n    pickled_model: model.pkl\n";
        let error = MlModel::parse(text.as_bytes()).unwrap_err();
        assert!(error.contains("flavors has no onnx"), "{error}");
        assert!(MlModel::parse(b"{").is_err());
    }
}

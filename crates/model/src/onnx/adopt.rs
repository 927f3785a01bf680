//! Bundles of files that may have no manifest: one is written for a graph that needs none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::onnx::graph::GraphFile;
use crate::onnx::infer::{InferError, infer};
use crate::onnx::mlmodel::{MlModel, MlModelError};
use crate::{Bundle, BundleError, BundleFiles, Digest, Manifest, ManifestError};

/// The error returned when files are neither a bundle nor a graph that can be served without a manifest.
#[derive(Debug, Error)]
pub enum AdoptError {
    /// There is a manifest, and the files do not match it.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// There is no graph.
    #[error(
        "there is no manifest.toml, no MLmodel with an ONNX flavour and no .onnx file; the files are {}",
        list(.files)
    )]
    NoGraph {
        /// The names of the files.
        files: Vec<String>,
    },
    /// There are several graphs, and no manifest that selects one.
    #[error(
        "{} are several graphs, and no manifest.toml selects one; keep one of them, or write a manifest.toml for model.onnx",
        list(.graphs)
    )]
    SeveralGraphs {
        /// The names of the graphs.
        graphs: Vec<String>,
    },
    /// The file of the graph does not hold one.
    #[error("{file} is not an ONNX graph")]
    NotAGraph {
        /// The name of the file.
        file: String,
    },
    /// `MLmodel` cannot be parsed, or does not match the files.
    #[error("MLmodel: {0}")]
    MlModel(MlModelError),
    /// The graph needs a manifest.
    #[error("{file} cannot be served without a manifest: {reason}")]
    NeedsManifest {
        /// The name of the file.
        file: String,
        /// The reason.
        reason: InferError,
    },
    /// The inferred manifest is invalid.
    #[error("the manifest inferred for {file} is invalid: {reason}; write a manifest.toml")]
    InvalidManifest {
        /// The name of the file.
        file: String,
        /// The rule that the manifest breaks.
        reason: ManifestError,
    },
}

/// Creates version `version` of model `name` from `files`.
///
/// Without a manifest among the files, one is inferred from the graph.
///
/// # Errors
/// [`AdoptError`] if a file is missing, or if the graph needs a manifest.
pub fn adopt(name: &str, version: &str, mut files: BundleFiles) -> Result<Bundle, AdoptError> {
    if let Some(manifest) = manifest_without_digests(&files) {
        return adopt_with_manifest(manifest, files);
    }
    // Golden forecasts exist only together with a manifest, so a missing manifest must not be inferred here.
    if files.contains_key("manifest.toml") || files.contains_key("golden.json") {
        return Ok(Bundle::verify(files)?);
    }
    let (file, mlmodel) = find_graph(&files)?;
    let (model, mut graph) = take_graph(&file, &mut files)?;
    if let Some(mlmodel) = &mlmodel {
        mlmodel
            .fix_axes(&mut graph.description)
            .map_err(AdoptError::MlModel)?;
    }
    let inferred = infer(&graph.description).map_err(|reason| AdoptError::NeedsManifest {
        file: file.clone(),
        reason,
    })?;
    let text = inferred.to_toml(&graph.description, name, version);
    let manifest =
        Manifest::parse(&text).map_err(|reason| AdoptError::InvalidManifest { file, reason })?;
    Ok(Bundle {
        manifest,
        digest: Digest::of(&model),
        external: take_external(&graph, &mut files),
        model,
        golden: None,
    })
}

/// Returns the manifest among `files`, if it is one written by hand, without digests and without golden forecasts.
fn manifest_without_digests(files: &BundleFiles) -> Option<Manifest> {
    let text = std::str::from_utf8(files.get("manifest.toml")?).ok()?;
    let manifest = Manifest::parse(text).ok()?;
    let has_no_digests = manifest.files.is_empty() && !files.contains_key("golden.json");
    has_no_digests.then_some(manifest)
}

/// Creates a bundle of `manifest` and the one graph among `files`.
fn adopt_with_manifest(manifest: Manifest, mut files: BundleFiles) -> Result<Bundle, AdoptError> {
    let (file, _) = find_graph(&files)?;
    let (model, graph) = take_graph(&file, &mut files)?;
    let text = files.get("manifest.toml").map_or(&[][..], AsRef::as_ref);
    // The digest covers both files, because either may change without the other.
    let content = [text, Digest::of(&model).to_string().as_bytes()].concat();
    Ok(Bundle {
        manifest,
        digest: Digest::of(&content),
        external: take_external(&graph, &mut files),
        model,
        golden: None,
    })
}

/// Takes the graph `file` out of `files`, and parses it.
fn take_graph(
    file: &str,
    files: &mut BundleFiles,
) -> Result<(Cow<'static, [u8]>, GraphFile), AdoptError> {
    files
        .remove(file)
        .and_then(|model| {
            let graph = GraphFile::parse(&model)?;
            Some((model, graph))
        })
        .ok_or_else(|| AdoptError::NotAGraph {
            file: file.to_owned(),
        })
}

/// Takes the external weights of `graph` out of `files`.
fn take_external(graph: &GraphFile, files: &mut BundleFiles) -> BTreeMap<String, Arc<[u8]>> {
    graph
        .external
        .iter()
        .filter_map(|file| {
            let bytes = files.remove(file)?;
            Some((file.clone(), bytes.as_ref().into()))
        })
        .collect()
}

/// Returns the name of the graph among `files`, and its `MLmodel` if there is one.
fn find_graph(files: &BundleFiles) -> Result<(String, Option<MlModel>), AdoptError> {
    if let Some(text) = files.get("MLmodel") {
        let mlmodel = MlModel::parse(text).map_err(AdoptError::MlModel)?;
        let file = mlmodel.graph.clone();
        if !files.contains_key(&file) {
            return Err(AdoptError::MlModel(MlModelError::MissingGraph { file }));
        }
        return Ok((file, Some(mlmodel)));
    }
    let mut graphs: Vec<_> = files
        .keys()
        .filter(|name| name.ends_with(".onnx"))
        .cloned()
        .collect();
    match (graphs.pop(), graphs.is_empty()) {
        (Some(only), true) => Ok((only, None)),
        (Some(last), false) => {
            graphs.push(last);
            Err(AdoptError::SeveralGraphs { graphs })
        }
        (None, _) => Err(AdoptError::NoGraph {
            files: files.keys().cloned().collect(),
        }),
    }
}

fn list(names: &[String]) -> Cow<'static, str> {
    if names.is_empty() {
        Cow::Borrowed("none")
    } else {
        Cow::Owned(names.join(", "))
    }
}

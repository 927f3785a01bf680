//! A bundle of files that may have no manifest: one is written for a graph that says itself what it
//! wants.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::onnx::graph::GraphFile;
use crate::onnx::inspect::GraphDescription;
use crate::onnx::mlmodel::MlModel;
use crate::onnx::reading;
use crate::{Bundle, BundleError, BundleFiles, Digest, Manifest, ManifestError};

/// Why some files are neither a bundle nor a graph that needs no manifest.
#[derive(Debug, Error)]
pub enum AdoptError {
    /// There is a manifest, and the files are not what it says.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// There is nothing to serve.
    #[error(
        "there is no manifest.toml, no MLmodel with an ONNX flavour and no .onnx file; the files are {}",
        listed(.files)
    )]
    NoGraph {
        /// What there is.
        files: Vec<String>,
    },
    /// There are several graphs, and nothing says which.
    #[error(
        "{} are several graphs, and no manifest.toml pins one; write a manifest for model.onnx",
        listed(.graphs)
    )]
    SeveralGraphs {
        /// Their names.
        graphs: Vec<String>,
    },
    /// The file of the graph holds none.
    #[error("{file} is not an ONNX graph")]
    NotAGraph {
        /// Its name.
        file: String,
    },
    /// `MLmodel` cannot be read, or names a file that is not there.
    #[error("MLmodel: {0}")]
    MlModel(String),
    /// The graph says itself what it wants, and the server does not give that.
    #[error("{file} cannot be served without a manifest: {reason}")]
    Unread {
        /// Its name.
        file: String,
        /// What stands in the way.
        reason: String,
    },
    /// The manifest that the graph suggests breaks a rule.
    #[error("the manifest written for {file} is refused: {reason}")]
    Refused {
        /// Its name.
        file: String,
        /// The rule.
        reason: ManifestError,
    },
}

/// The bundle that `files` are: with a manifest the one it describes, else the one that the graph among
/// them suggests, as version `version` of `name`.
///
/// # Errors
/// [`AdoptError`] says what is missing, or why the graph needs a manifest.
pub fn adopt(name: &str, version: &str, mut files: BundleFiles) -> Result<Bundle, AdoptError> {
    if let Some(manifest) = unpinned(&files) {
        return described(manifest, files);
    }
    // Golden forecasts stand beside a manifest only: one that is missing is not to be made up.
    if files.contains_key("manifest.toml") || files.contains_key("golden.json") {
        return Ok(Bundle::verify(files)?);
    }
    let (file, described) = find(&files)?;
    let Some(model) = files.remove(&file) else {
        return Err(AdoptError::NotAGraph { file });
    };
    let Some(mut graph) = GraphFile::read(&model) else {
        return Err(AdoptError::NotAGraph { file });
    };
    let unread = |reason| AdoptError::Unread {
        file: file.clone(),
        reason,
    };
    if let Some(described) = &described {
        described.narrow(&mut graph.description).map_err(unread)?;
    }
    let text = manifest_text(&graph.description, (name, version)).map_err(unread)?;
    let manifest = Manifest::parse(&text).map_err(|reason| AdoptError::Refused {
        file: file.clone(),
        reason,
    })?;
    Ok(Bundle {
        manifest,
        digest: Digest::of(&model),
        external: external(&graph, &mut files),
        model,
        golden: None,
    })
}

/// The manifest of a graph that somebody described by hand, without a digest and without golden
/// forecasts.
fn unpinned(files: &BundleFiles) -> Option<Manifest> {
    let text = std::str::from_utf8(files.get("manifest.toml")?).ok()?;
    let manifest = Manifest::parse(text).ok()?;
    let is_bare = manifest.files.is_empty() && !files.contains_key("golden.json");
    is_bare.then_some(manifest)
}

/// The one graph among `files`, as `manifest` says.
fn described(manifest: Manifest, mut files: BundleFiles) -> Result<Bundle, AdoptError> {
    let (file, _) = find(&files)?;
    let Some(model) = files.remove(&file) else {
        return Err(AdoptError::NotAGraph { file });
    };
    let Some(graph) = GraphFile::read(&model) else {
        return Err(AdoptError::NotAGraph { file });
    };
    let text = files.get("manifest.toml").map_or(&[][..], AsRef::as_ref);
    // Either may change without the other.
    let named = [text, Digest::of(&model).to_string().as_bytes()].concat();
    Ok(Bundle {
        manifest,
        digest: Digest::of(&named),
        external: external(&graph, &mut files),
        model,
        golden: None,
    })
}

/// The files that hold weights of `graph`.
fn external(graph: &GraphFile, files: &mut BundleFiles) -> BTreeMap<String, Arc<[u8]>> {
    let external = graph.external.iter().filter_map(|file| {
        let bytes = files.remove(file)?;
        Some((file.clone(), bytes.as_ref().into()))
    });
    external.collect()
}

/// The manifest that a graph suggests, where it can be read in one way only.
fn manifest_text(graph: &GraphDescription, named: (&str, &str)) -> Result<String, String> {
    let reading = reading::read(graph)?;
    Ok(reading.manifest(graph, named))
}

/// The name of the graph among `files`, and what MLflow says of it.
fn find(files: &BundleFiles) -> Result<(String, Option<MlModel>), AdoptError> {
    if let Some(text) = files.get("MLmodel") {
        let described = MlModel::parse(text).map_err(AdoptError::MlModel)?;
        let file = described.graph.clone();
        if !files.contains_key(&file) {
            let reason = format!("flavors.onnx.data is {file}, which is not among the files");
            return Err(AdoptError::MlModel(reason));
        }
        return Ok((file, Some(described)));
    }
    let is_graph = |name: &&String| name.ends_with(".onnx");
    let mut graphs: Vec<_> = files.keys().filter(is_graph).cloned().collect();
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

fn listed(names: &[String]) -> Cow<'static, str> {
    if names.is_empty() {
        Cow::Borrowed("none")
    } else {
        Cow::Owned(names.join(", "))
    }
}

//! One ONNX session as a [`Forecaster`].

use std::fmt;
use std::sync::Arc;

use ndarray::Array3;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use thiserror::Error;

use crate::onnx::Runtime;
use crate::onnx::roles::check_roles;
use crate::onnx::tensors;
use crate::onnx::weights::Weights;
use crate::{Batch, Bundle, Forecaster, Manifest, PredictError, Prediction, Stop};

/// A graph whose sessions share their weights.
#[derive(Debug)]
pub struct OnnxModel {
    runtime: Runtime,
    bundle: Arc<Bundle>,
    weights: Weights,
}

/// A graph opened by ONNX Runtime, fed and read as its manifest says.
pub struct OnnxForecaster {
    session: Session,
    manifest: Manifest,
    options: Arc<Options>,
}

/// The options of every run of one session, which hold the flag that stops it.
struct Options(RunOptions);

/// Why a graph cannot be served.
#[derive(Debug, Error)]
pub enum SessionError {
    /// ONNX Runtime refuses the graph.
    #[error("model.onnx: {0}")]
    Graph(String),
    /// The graph lacks a tensor that the manifest names.
    #[error("manifest.toml: {key} names {name:?}, and the graph has {available}")]
    NoSuchTensor {
        /// The manifest's key.
        key: &'static str,
        /// The name it gives.
        name: String,
        /// The names that the graph has.
        available: String,
    },
    /// The graph wants an input that the manifest gives no role.
    #[error("the graph wants input {name:?}, and manifest.toml gives it no role")]
    NoRole {
        /// The input.
        name: String,
    },
    /// A tensor of the graph has another type or rank than its role.
    #[error("manifest.toml: {key} wants a tensor of {expected}, and {name:?} is {actual}")]
    Mismatch {
        /// The manifest's key.
        key: &'static str,
        /// The tensor.
        name: String,
        /// What the role needs.
        expected: String,
        /// What the graph has.
        actual: String,
    },
}

impl OnnxModel {
    /// The graph of `bundle`, not opened yet.
    #[must_use]
    pub fn new(runtime: Runtime, bundle: impl Into<Arc<Bundle>>) -> Self {
        let bundle = bundle.into();
        Self {
            runtime,
            weights: Weights::of(&bundle.model, &bundle.external),
            bundle,
        }
    }

    /// Opens a session with `threads` of its own, which sleep when there is no work.
    ///
    /// # Errors
    /// [`SessionError`] when the runtime refuses the graph, or it is not what the manifest says.
    pub fn open(&self, threads: usize) -> Result<OnnxForecaster, SessionError> {
        let Self {
            runtime,
            bundle,
            weights,
        } = self;
        let level = if bundle.manifest.optimized {
            GraphOptimizationLevel::Disable
        } else {
            GraphOptimizationLevel::All
        };
        let session = open(runtime, &bundle.model, (threads, level), weights);
        let session = session.map_err(SessionError::Graph)?;
        check_roles(&bundle.manifest, session.inputs(), session.outputs())?;
        let options = RunOptions::new().map_err(|error| SessionError::Graph(error.to_string()))?;
        Ok(OnnxForecaster {
            session,
            manifest: bundle.manifest.clone(),
            options: Arc::new(Options(options)),
        })
    }
}

impl OnnxForecaster {
    fn run(&mut self, batch: &Batch) -> Result<Prediction, PredictError> {
        let Self {
            session,
            manifest,
            options,
        } = self;
        let inputs = tensors::bind(manifest, batch).map_err(failed)?;
        let outputs = session
            .run_with_options(inputs, &options.0)
            .map_err(failed)?;
        let output = &outputs[manifest.output.name.as_str()];
        let quantiles = tensors::read(output, manifest, batch)?;
        Ok((quantiles, tensors::states(&outputs, manifest, batch)?))
    }
}

pub(super) fn failed(error: impl fmt::Display) -> PredictError {
    PredictError::Runtime(error.to_string().into())
}

impl fmt::Debug for OnnxForecaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxForecaster")
            .field("model", &self.manifest.name)
            .field("version", &self.manifest.version)
            .finish_non_exhaustive()
    }
}

impl Forecaster for OnnxForecaster {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        Ok(self.run(batch)?.0)
    }

    fn predict_on(&mut self, batch: &Batch) -> Result<Prediction, PredictError> {
        self.run(batch)
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        let options: Arc<dyn Stop> = Arc::clone(&self.options) as _;
        Some(options)
    }
}

impl Stop for Options {
    fn stop(&self) {
        if let Err(error) = self.0.terminate() {
            tracing::warn!(%error, "a run could not be stopped");
        }
    }

    fn reset(&self) {
        if let Err(error) = self.0.unterminate() {
            tracing::error!(%error, "the session cannot be used after it was stopped");
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Options")
    }
}

/// Opens `graph` with a fixed number of threads and no spinning, so that an idle server costs
/// nothing and a throttled one loses no quota to waiting.
pub(super) fn open(
    runtime: &Runtime,
    graph: &[u8],
    (threads, level): (usize, GraphOptimizationLevel),
    weights: &Weights,
) -> Result<Session, String> {
    let open = || -> ort::Result<Session> {
        weights
            .lend(Session::builder(runtime.environment())?)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_optimization_level(level)?
            .commit_from_memory(graph)
    };
    open().map_err(|error| error.to_string())
}

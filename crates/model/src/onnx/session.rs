//! An ONNX session as a [`Forecaster`].

use std::fmt;
use std::sync::Arc;

use ndarray::Array3;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session};
use thiserror::Error;

use crate::onnx::roles::{RoleError, check_roles};
use crate::onnx::runtime::Runtime;
use crate::onnx::tensors::{self, runtime_error};
use crate::onnx::weights::Weights;
use crate::{Batch, Bundle, Forecaster, Manifest, PredictError, Prediction, Stop};

/// A graph whose sessions share their weights.
#[derive(Debug)]
pub struct OnnxModel {
    runtime: Runtime,
    bundle: Arc<Bundle>,
    weights: Weights,
}

/// A session of a graph, with inputs and outputs as its manifest describes them.
pub struct OnnxForecaster {
    session: Session,
    manifest: Manifest,
    options: Arc<SharedRunOptions>,
}

/// The options of every run of one session. They hold the flag that stops a run.
struct SharedRunOptions(RunOptions);

/// The error returned when a graph cannot be opened.
#[derive(Debug, Error)]
pub enum SessionError {
    /// ONNX Runtime rejects the graph.
    #[error("model.onnx: {0}")]
    Graph(Box<dyn std::error::Error + Send + Sync>),
    /// The tensors of the graph are not those of the manifest.
    #[error(transparent)]
    Role(#[from] RoleError),
}

impl From<ort::Error> for SessionError {
    fn from(error: ort::Error) -> Self {
        Self::Graph(Box::new(error))
    }
}

impl OnnxModel {
    /// Creates a model of the graph of `bundle`, without a session.
    #[must_use]
    pub fn new(runtime: Runtime, bundle: impl Into<Arc<Bundle>>) -> Self {
        let bundle = bundle.into();
        Self {
            runtime,
            weights: Weights::of(&bundle.model, &bundle.external),
            bundle,
        }
    }

    /// Opens a session with `threads` threads of its own, which sleep while there is no work.
    ///
    /// # Errors
    /// [`SessionError`] if the runtime rejects the graph, or if the graph does not match the manifest.
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
        let session = open(runtime, &bundle.model, weights, threads, level)?;
        check_roles(&bundle.manifest, session.inputs(), session.outputs())?;
        Ok(OnnxForecaster {
            session,
            manifest: bundle.manifest.clone(),
            options: Arc::new(SharedRunOptions(RunOptions::new()?)),
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
        let inputs = tensors::bind_inputs(manifest, batch).map_err(runtime_error)?;
        let outputs = session
            .run_with_options(inputs, &options.0)
            .map_err(runtime_error)?;
        let output = &outputs[manifest.output.name.as_str()];
        let quantiles = tensors::read_quantiles(output, manifest, batch)?;
        let states = tensors::read_states(&outputs, manifest, batch)?;
        Ok((quantiles, states))
    }
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

    fn predict_with_states(&mut self, batch: &Batch) -> Result<Prediction, PredictError> {
        self.run(batch)
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        let options: Arc<dyn Stop> = Arc::clone(&self.options) as _;
        Some(options)
    }
}

impl Stop for SharedRunOptions {
    fn stop(&self) {
        if let Err(error) = self.0.terminate() {
            tracing::warn!(%error, "cannot stop a run");
        }
    }

    fn reset(&self) {
        if let Err(error) = self.0.unterminate() {
            tracing::error!(%error, "cannot reset a stopped session");
        }
    }
}

impl fmt::Debug for SharedRunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRunOptions")
    }
}

/// Opens `graph` with a fixed number of threads and no spinning.
///
/// Without spinning, an idle server uses no CPU time and a throttled one loses none of its quota to waiting.
pub(super) fn open(
    runtime: &Runtime,
    graph: &[u8],
    weights: &Weights,
    threads: usize,
    level: GraphOptimizationLevel,
) -> ort::Result<Session> {
    weights
        .add_to(Session::builder(runtime.environment())?)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(level)?
        .commit_from_memory(graph)
}

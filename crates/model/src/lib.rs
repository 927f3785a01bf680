//! What a model is, apart from the runtime that computes it.
//!
//! A [`Bundle`] is the folder of one model version: graph, [`Manifest`], golden forecasts. The
//! manifest says what the graph wants and gives; a [`Batch`] is requests turned into those tensors
//! and back. A [`Forecaster`] runs them. Nothing here knows ONNX Runtime, a file system or a queue.

pub mod batch;
pub mod bundle;
mod difference;
pub mod digest;
mod distribution;
mod features;
pub mod golden;
mod history;
mod imputation;
pub mod manifest;
pub mod onnx;
pub mod output;
mod rollout;
mod scaling;
pub mod signature;

pub use batch::{Batch, RowError};
pub use bundle::{Bundle, BundleError, BundleFiles};
pub use digest::{Digest, DigestError};
pub use golden::{Golden, GoldenCaseError, GoldenError};
pub use manifest::{CovariateUnfit, Manifest, ManifestError, Unfit};
pub use signature::{KeyError, PublicKey, PublicKeys, SIGNATURE_FILE, SecretKey, SignatureError};

use std::fmt;
use std::sync::Arc;

use ndarray::{Array3, ArrayD};
use thiserror::Error;

/// The quantiles of a run and the states after it.
pub type Prediction = (Array3<f32>, Vec<ArrayD<f64>>);

/// Runs one model version. Each worker thread owns one, hence `&mut`: no lock, no sharing.
pub trait Forecaster: Send {
    /// The quantiles of `batch` on the manifest's levels, `[row, level, step]`, in the model's own
    /// units, with at least the batch's horizon of steps.
    ///
    /// # Errors
    /// [`PredictError`] fails the whole batch. A bad row is a row of `NaN`, which fails that row.
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError>;

    /// As [`Forecaster::predict`], of a graph with states: the quantiles, and each state after the run in
    /// the shape of the one in [`Batch::states`].
    ///
    /// # Errors
    /// As of [`Forecaster::predict`].
    fn predict_on(&mut self, batch: &Batch) -> Result<Prediction, PredictError> {
        Ok((self.predict(batch)?, Vec::new()))
    }

    /// How another thread stops a run of this forecaster; `None` when it cannot be stopped.
    fn stop(&self) -> Option<Arc<dyn Stop>> {
        None
    }
}

/// Stops the run that a [`Forecaster`] is in.
pub trait Stop: fmt::Debug + Send + Sync {
    /// Makes the run fail soon, and every later one until [`Stop::reset`].
    fn stop(&self);

    /// Lets runs go on again.
    fn reset(&self);
}

/// Why a batch has no answer.
#[derive(Debug, Error)]
pub enum PredictError {
    /// The runtime reported a failure.
    #[error("the model failed: {0}")]
    Runtime(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The graph answered with a tensor that its manifest does not describe.
    #[error("the model answered with shape {actual:?} where {expected:?} was expected")]
    Shape {
        /// What the manifest and the batch ask for: rows, levels, steps.
        expected: [usize; 3],
        /// What came.
        actual: Vec<usize>,
    },
    /// A state came back in another shape.
    #[error("the model gave state {name:?} of shape {actual:?} where {expected:?} was expected")]
    State {
        /// The output.
        name: String,
        /// The shape that it went in with.
        expected: Vec<usize>,
        /// What came.
        actual: Vec<usize>,
    },
}

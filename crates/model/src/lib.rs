//! The description of a model and the conversion between requests and tensors.
//!
//! A [`Bundle`] is the folder of one model version: the graph, its [`Manifest`], and golden forecasts. The
//! manifest describes the inputs and outputs of the graph; a [`Batch`] converts requests to those tensors,
//! and the output tensors to forecasts. A [`Forecaster`] runs the graph. Apart from [`onnx`], nothing in
//! this crate knows ONNX Runtime, a file system or a queue.

pub mod batch;
pub mod bundle;
mod covariates;
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
mod precision;
mod rollout;
mod scaling;
pub mod signature;

pub use batch::{Batch, RowError};
pub use bundle::{Bundle, BundleError, BundleFiles};
pub use digest::{Digest, DigestError};
pub use golden::{Golden, GoldenCaseError, GoldenError};
pub use manifest::{CovariateFitError, Manifest, ManifestError, Unfit};
pub use signature::{KeyError, PublicKey, PublicKeys, SIGNATURE_FILE, SecretKey, SignatureError};

use std::fmt;
use std::sync::Arc;

use ndarray::{Array3, ArrayD};
use thiserror::Error;

/// The quantiles of a run, and the states after it.
pub type Prediction = (Array3<f32>, Vec<ArrayD<f64>>);

/// A session that runs one model version.
///
/// Each worker thread owns one, so that [`predict`](Self::predict) takes `&mut self` and needs no lock.
///
/// ```
/// use almanac_model::{Batch, Forecaster, PredictError};
/// use ndarray::Array3;
///
/// /// Forecasts the same value at each step, for a manifest with a single quantile level.
/// struct Constant(f32);
///
/// impl Forecaster for Constant {
///     fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
///         Ok(Array3::from_elem((batch.len(), 1, batch.horizon()), self.0))
///     }
/// }
/// ```
pub trait Forecaster: Send {
    /// Returns the quantiles of `batch` at the levels of the manifest, `[row, level, step]`, in the units
    /// of the model, for at least as many steps as the horizon of the batch.
    ///
    /// # Errors
    /// Returns a [`PredictError`] if the whole batch fails. A row that fails alone is a row of `NaN`.
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError>;

    /// Returns the quantiles of `batch`, like [`Forecaster::predict`], and each state after the run, in
    /// the shape of the same state in [`Batch::states`]. Graphs without states return none.
    ///
    /// # Errors
    /// The same as those of [`Forecaster::predict`].
    fn predict_with_states(&mut self, batch: &Batch) -> Result<Prediction, PredictError> {
        Ok((self.predict(batch)?, Vec::new()))
    }

    /// Returns a handle with which another thread stops a run of this forecaster, or `None` if its runs
    /// cannot be stopped.
    fn stop(&self) -> Option<Arc<dyn Stop>> {
        None
    }
}

/// A handle that stops the current run of a [`Forecaster`].
pub trait Stop: fmt::Debug + Send + Sync {
    /// Makes the current run fail soon, and every later run until [`Stop::reset`].
    fn stop(&self);

    /// Allows runs again.
    fn reset(&self);
}

/// The error returned when a batch cannot be forecast.
#[derive(Debug, Error)]
pub enum PredictError {
    /// The runtime reported a failure.
    #[error("the model failed: {0}")]
    Runtime(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The graph returned a tensor that does not match its manifest.
    #[error("the model returned a tensor of shape {actual:?}, expected {expected:?}")]
    Shape {
        /// The numbers of rows, levels and steps that the manifest and the batch require.
        expected: [usize; 3],
        /// The shape of the returned tensor.
        actual: Vec<usize>,
    },
    /// The graph returned a state of another shape than it was given.
    #[error("the model returned state {name:?} of shape {actual:?}, expected {expected:?}")]
    State {
        /// The name of the output.
        name: String,
        /// The shape of the state before the run.
        expected: Vec<usize>,
        /// The shape of the returned state.
        actual: Vec<usize>,
    },
}

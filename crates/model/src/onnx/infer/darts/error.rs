//! The error of an export of Darts.

use thiserror::Error;

use crate::onnx::infer::element::ElementError;

/// The error returned when an export of Darts cannot be served without a manifest.
#[derive(Debug, Error)]
pub enum DartsError {
    /// The metadata entry cannot be parsed.
    #[error("darts.onnx_spec: {0}; export the graph again with Darts 0.48 or later")]
    Spec(serde_json::Error),
    /// The graph lacks a tensor that every export has.
    #[error("darts.onnx_spec: the graph has no tensor {name} of 3 to {max_axes} axes")]
    MissingTensor {
        /// The name of the tensor.
        name: &'static str,
        /// The maximum number of axes.
        max_axes: usize,
    },
    /// The graph lacks covariates that the model uses.
    #[error("darts.onnx_spec: the graph has no tensor of {kind} covariates")]
    MissingCovariates {
        /// The kind of the covariates.
        kind: &'static str,
    },
    /// The graph lacks a state that the model uses.
    #[error("darts.onnx_spec: the graph has no input {name} for a state")]
    MissingState {
        /// The name of the input.
        name: String,
    },
    /// A tensor of covariates has another number of axes.
    #[error("darts.onnx_spec: tensor {tensor} has {count} axes instead of 3")]
    Axes {
        /// The name of the tensor.
        tensor: String,
        /// The number of axes.
        count: usize,
    },
    /// The static covariates are those of several series.
    #[error(
        "darts.onnx_spec: tensor {tensor} has {rows} rows, but each series is forecast separately; train a univariate model"
    )]
    StaticRows {
        /// The name of the tensor.
        tensor: String,
        /// The number of rows.
        rows: String,
    },
    /// The number of covariates is unknown.
    #[error("darts.onnx_spec: tensor {tensor} has no fixed number of components")]
    UnknownWidth {
        /// The name of the tensor.
        tensor: String,
    },
    /// The model forecasts several series jointly.
    #[error(
        "the model forecasts {count} series jointly, but each series is forecast separately; train a univariate model"
    )]
    MultipleSeries {
        /// The number of series.
        count: String,
    },
    /// The model carries a state from one window to the next.
    #[error(
        "the model carries a state from window to window; export a model without one, such as BlockRNNModel"
    )]
    CarriedState,
    /// The forecast does not begin right after the history.
    #[error(
        "the forecast begins {steps} steps after the history; train the model with output_chunk_shift=0"
    )]
    Shifted {
        /// The number of steps between the history and the forecast.
        steps: usize,
    },
    /// The parameters of the likelihood do not identify a supported distribution.
    #[error(
        "the likelihood parameters {names:?} belong to several distributions or to an unsupported one; write a manifest.toml with output.family, or train the model with a QuantileRegression"
    )]
    Likelihood {
        /// The names of the parameters.
        names: Vec<String>,
    },
    /// A tensor is not of a floating point type.
    #[error(transparent)]
    Element(#[from] ElementError),
}

//! ONNX Runtime: loading its library, opening graphs, running batches.
//!
//! The only files that know `ort`. Everything else sees a [`Forecaster`](crate::model::Forecaster).

pub mod inspect;
mod roles;
pub mod runtime;
pub mod session;
mod tensors;
mod weights;

pub use inspect::{GraphDescription, describe};
pub use runtime::{Runtime, RuntimeError};
pub use session::{OnnxForecaster, OnnxModel, SessionError};

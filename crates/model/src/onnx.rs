//! ONNX Runtime: loading its library, opening graphs, running batches; and ONNX files: what they say of
//! themselves.
//!
//! The only files that know `ort`. Everything else sees a [`Forecaster`](crate::Forecaster).

mod adopt;
mod draft;
mod graph;
pub mod inspect;
mod mlmodel;
mod reading;
mod roles;
pub mod runtime;
pub mod session;
mod tensors;
mod weights;

pub use adopt::{AdoptError, adopt};
pub use inspect::{GraphDescription, describe, external_files};
pub use runtime::{Runtime, RuntimeError};
pub use session::{OnnxForecaster, OnnxModel, SessionError};

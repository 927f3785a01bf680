//! ONNX Runtime (loading the library, opening graphs, running batches) and the descriptions of ONNX files.
//!
//! These are the only files that depend on `ort`. All other code uses a [`Forecaster`](crate::Forecaster).

mod adopt;
mod description;
mod draft;
mod graph;
mod infer;
mod inspect;
mod mlmodel;
#[doc(hidden)]
pub mod proto;
mod roles;
pub mod runtime;
pub mod session;
mod tensors;
mod weights;

pub use adopt::{AdoptError, adopt};
pub use description::{GraphDescription, TensorDescription};
pub use infer::{BareGraphError, DartsError, ElementError, InferError};
pub use inspect::{describe, external_files};
pub use mlmodel::MlModelError;
pub use roles::RoleError;
pub use runtime::{Runtime, RuntimeError};
pub use session::{OnnxForecaster, OnnxModel, SessionError};

//! The hosting contract of SageMaker: `/invocations`, `/execution-parameters`, and the models of a
//! multi-model endpoint. `/ping` is among the health endpoints.

mod invocations;
mod multi_model;

pub(in crate::http) use invocations::{
    __path_get_execution_parameters, __path_post_invocations, get_execution_parameters,
    post_invocations,
};
pub(in crate::http) use multi_model::{
    __path_delete_model, __path_get_model, __path_list_models, __path_post_invoke,
    __path_post_model, delete_model, get_model, list_models, post_invoke, post_model,
};

use std::time::Duration;

use axum::http::HeaderValue;

use almanac_engine::registry::Hosting;

/// What SageMaker says of all requests, and who loads models for it.
#[derive(Debug, Default)]
pub struct SageMaker {
    /// What loads and unloads models, on a multi-model endpoint.
    pub hosting: Option<Hosting>,
    /// Longest time to load a model, and to unload one.
    pub load_timeout: Duration,
    /// How a batch transform was started.
    pub transform: Transform,
    /// What a request accepts that does not say.
    pub accept: Option<HeaderValue>,
}

/// How a batch transform was started, where that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transform {
    /// Whether every request is of one.
    pub is_batch: bool,
    /// Requests at once.
    pub max_concurrent: Option<usize>,
    /// Records in a request.
    pub strategy: Option<Strategy>,
    /// Largest body in MiB.
    pub max_payload_mib: Option<usize>,
}

/// How many records a request of a batch transform has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One.
    SingleRecord,
    /// As many as the largest body holds.
    MultiRecord,
}

/// What a request accepts that does not say: `media_type`, or whatever can be written instead.
#[must_use]
pub fn preferring(media_type: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{media_type}, */*;q=0.1")).ok()
}

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

/// The settings of the contract, and the loader of the models of a multi-model endpoint.
#[derive(Debug, Default)]
pub struct SageMaker {
    /// The loader of models, on a multi-model endpoint.
    pub hosting: Option<Hosting>,
    /// The maximum time to load or to unload a model.
    pub load_timeout: Duration,
    /// The settings of the batch transform.
    pub transform: Transform,
    /// The default of the `Accept` header.
    pub accept: Option<HeaderValue>,
}

/// The settings of a batch transform, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transform {
    /// True if every request belongs to a batch transform.
    pub is_batch: bool,
    /// The number of concurrent requests.
    pub max_concurrent: Option<usize>,
    /// The number of records in a request.
    pub strategy: Option<Strategy>,
    /// The maximum size of a body, in MiB.
    pub max_payload_mib: Option<usize>,
}

/// The number of records in a request of a batch transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One record.
    SingleRecord,
    /// All records that fit into the largest body.
    MultiRecord,
}

/// Returns an `Accept` header that prefers `media_type` and accepts any other.
#[must_use]
pub fn preferring(media_type: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{media_type}, */*;q=0.1")).ok()
}

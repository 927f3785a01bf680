//! The state that handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use almanac_net::shutdown::Shutdown;

use crate::call::CallContext;
use crate::http::{HttpMetrics, Observation, SageMaker};

/// The state that handlers share; cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState(Arc<AppStateParts>);

/// The parts of [`AppState`].
#[derive(Debug)]
pub struct AppStateParts {
    /// The models and the limits of calls.
    pub calls: CallContext,
    /// The maximum size of a request body, in bytes.
    pub max_body: usize,
    /// The maximum time from the head of a request to its response.
    pub request_timeout: Duration,
    /// The metrics of HTTP.
    pub metrics: HttpMetrics,
    /// Every metric of the process.
    pub all_metrics: prometheus::Registry,
    /// The selection of requests that are logged and traced.
    pub observation: Observation,
    /// The settings of SageMaker's contract.
    pub sagemaker: SageMaker,
    /// The phase of the shutdown.
    pub shutdown: Shutdown,
}

impl AppState {
    /// Creates the state from `parts`.
    #[must_use]
    pub fn new(parts: AppStateParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = AppStateParts;

    fn deref(&self) -> &AppStateParts {
        &self.0
    }
}

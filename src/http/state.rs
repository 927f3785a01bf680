//! What handlers share.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use almanac_net::shutdown::Shutdown;

use crate::call::CallContext;
use crate::http::{HttpMetrics, Observation, SageMaker};

/// What handlers share; cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState(Arc<AppStateParts>);

/// The parts of [`AppState`].
#[derive(Debug)]
pub struct AppStateParts {
    /// The models and the limits of calls.
    pub calls: CallContext,
    /// Largest request body in bytes.
    pub max_body: usize,
    /// Longest time from a request's head to its answer.
    pub request_timeout: Duration,
    /// What HTTP counts.
    pub metrics: HttpMetrics,
    /// Every metric of the process.
    pub all_metrics: prometheus::Registry,
    /// Which requests are logged and traced.
    pub observation: Observation,
    /// What SageMaker says of all requests.
    pub sagemaker: SageMaker,
    /// Whether the process is ending.
    pub shutdown: Shutdown,
}

impl AppState {
    /// The state made of `parts`.
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

//! The selection of requests that are logged and traced.

use std::time::Duration;

use almanac_telemetry::logging::LoggedRequests;
use almanac_telemetry::traces::Tracer;

/// Routes that platforms poll. A success is logged at debug level, and not traced.
pub const ROUTINE: &[&str] = &["/healthz", "/readyz", "/startupz", "/ping", "/metrics"];

/// The selection of requests that are logged and traced.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The requests that have a line in the log.
    pub logged: LoggedRequests,
    /// The duration from which on a request is slow.
    pub slow: Duration,
    /// The receiver of spans, if traces are sent.
    pub tracer: Option<Tracer>,
}

//! The telemetry of the program: logs, metrics and traces.

pub mod emf;
pub mod logging;
pub mod metrics;
mod outbox;
pub mod traces;

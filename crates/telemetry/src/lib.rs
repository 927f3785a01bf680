//! What the program says of itself: logs, metrics and traces.

pub mod emf;
pub mod logging;
pub mod metrics;
mod outbox;
pub mod traces;

//! The limits of one engine.

use std::time::Duration;

/// The limits of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The maximum number of queued steps (context and horizon of each row). A request that finds the
    /// queue empty is always admitted, however long.
    pub queue_steps: usize,
    /// The maximum number of steps in one run, padding included. A single row is always run, however
    /// long.
    pub batch_steps: usize,
    /// The maximum expected wait of an interactive request. Beyond it the request is refused.
    pub max_wait: Duration,
}

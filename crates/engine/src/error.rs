//! The errors of a submission as a whole.

use std::time::Duration;

use thiserror::Error;

/// The error returned when requests are refused at admission.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error(
        "the queue holds {waiting} steps, and {asked} more would exceed the limit of {limit}; retry later"
    )]
    QueueFull {
        /// The number of queued steps.
        waiting: usize,
        /// The number of steps of the refused requests.
        asked: usize,
        /// The maximum number of queued steps.
        limit: usize,
        /// The estimated time until the queue is empty.
        retry_after: Duration,
    },
    /// The expected wait is too long.
    #[error(
        "the expected wait of {:.3} s exceeds the limit of {:.3} s; retry later",
        .wait.as_secs_f64(),
        .limit.as_secs_f64()
    )]
    WaitTooLong {
        /// The expected wait.
        wait: Duration,
        /// The maximum wait: the time left until the deadline of the request, or
        /// [`EngineConfig::max_wait`](crate::EngineConfig::max_wait) if that is shorter.
        limit: Duration,
    },
    /// The engine is shutting down.
    #[error("the model is being unloaded")]
    Closed,
}

/// The error returned when admitted requests are not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The deadline passed before the last row was answered.
    #[error("the deadline passed before the forecast was made")]
    DeadlineExceeded,
}

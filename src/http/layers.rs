//! The layers around every request: its id, its metrics, its log line, its spans and its time limit.

pub(super) mod metrics;
pub(super) mod observation;
pub(super) mod observe;
pub(super) mod timing;

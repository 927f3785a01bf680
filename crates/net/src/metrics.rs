//! What the server counts. One connection is counted once when it opens and once, by reason, when it closes.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Either side closed it in good order.
    Finished,
    /// The peer vanished or did not speak HTTP, or a handler panicked.
    Error,
    /// No request came within the idle timeout.
    Idle,
    /// A request head was begun and not completed in time.
    HeaderTimeout,
    /// The client took nothing of an answer for too long.
    WriteTimeout,
    /// The server is stopping and nothing was left to do on it.
    Drain,
    /// The server is stopping and could wait no longer.
    Aborted,
}

impl CloseReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Finished,
        Self::Error,
        Self::Idle,
        Self::HeaderTimeout,
        Self::WriteTimeout,
        Self::Drain,
        Self::Aborted,
    ];

    /// The value of the metric's `reason` label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Error => "error",
            Self::Idle => "idle",
            Self::HeaderTimeout => "header_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Drain => "drain",
            Self::Aborted => "aborted",
        }
    }
}

/// Counters of the server; clones count into the same metrics.
#[derive(Debug, Clone)]
pub struct ServerMetrics {
    open: IntGauge,
    accepted: IntCounter,
    closed: IntCounterVec,
    accept_errors: IntCounter,
    accept_paused: IntCounter,
    requests_aborted: IntCounter,
}

impl ServerMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    ///
    /// Fails when the registry already holds metrics of these names.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            open: IntGauge::new("almanac_http_connections_open", "Connections open now.")?,
            accepted: IntCounter::new(
                "almanac_http_connections_accepted_total",
                "Connections accepted.",
            )?,
            closed: IntCounterVec::new(
                Opts::new(
                    "almanac_http_connections_closed_total",
                    "Connections closed, by reason.",
                ),
                &["reason"],
            )?,
            accept_errors: IntCounter::new(
                "almanac_http_accept_errors_total",
                "Failures to accept a connection, such as running out of file descriptors.",
            )?,
            accept_paused: IntCounter::new(
                "almanac_http_accept_paused_total",
                "Times the server stopped accepting because all its connections were open.",
            )?,
            requests_aborted: IntCounter::new(
                "almanac_http_requests_aborted_total",
                "Requests cut off because the server had to stop.",
            )?,
        };
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.accepted.clone()))?;
        registry.register(Box::new(metrics.closed.clone()))?;
        registry.register(Box::new(metrics.accept_errors.clone()))?;
        registry.register(Box::new(metrics.accept_paused.clone()))?;
        registry.register(Box::new(metrics.requests_aborted.clone()))?;
        // A series that appears only with its first event cannot be alerted on.
        for reason in CloseReason::ALL {
            metrics
                .closed
                .with_label_values(&[reason.as_str()])
                .inc_by(0);
        }
        Ok(metrics)
    }

    pub(super) fn open_connection(&self) -> OpenConnection {
        self.accepted.inc();
        self.open.inc();
        OpenConnection {
            metrics: self.clone(),
            reason: CloseReason::Error,
        }
    }

    pub(super) fn count_accept_error(&self) {
        self.accept_errors.inc();
    }

    pub(super) fn count_accept_pause(&self) {
        self.accept_paused.inc();
    }

    pub(super) fn count_aborted_requests(&self, n_requests: usize) {
        self.requests_aborted
            .inc_by(u64::try_from(n_requests).unwrap_or(u64::MAX));
    }
}

/// Holds the gauge up, and counts the end when dropped, also by a panic.
#[derive(Debug)]
pub(super) struct OpenConnection {
    metrics: ServerMetrics,
    reason: CloseReason,
}

impl OpenConnection {
    pub(super) fn close(mut self, reason: CloseReason) {
        self.reason = reason;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.open.dec();
        self.metrics
            .closed
            .with_label_values(&[self.reason.as_str()])
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_to_register_twice() {
        let registry = Registry::new();
        assert!(ServerMetrics::new(&registry).is_ok());
        assert!(ServerMetrics::new(&registry).is_err());
    }

    #[test]
    fn connection_dropped_by_a_panic_is_counted_as_an_error() {
        let metrics = ServerMetrics::new(&Registry::new()).unwrap();
        drop(metrics.open_connection());
        assert_eq!(metrics.open.get(), 0);
        assert_eq!(metrics.closed.with_label_values(&["error"]).get(), 1);
    }
}

//! The metrics of the server. Each connection is counted once when it opens, and once, by reason,
//! when it closes.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The reason why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Either side closed it gracefully.
    Finished,
    /// The peer disappeared or did not speak HTTP, or a handler panicked.
    Error,
    /// No request arrived within the idle timeout.
    Idle,
    /// A request head was not complete within the header timeout.
    HeaderTimeout,
    /// The client read nothing of a response within the write timeout.
    WriteTimeout,
    /// The server is stopping, and no request was in flight.
    Drain,
    /// The server is stopping, and the drain deadline passed.
    Aborted,
}

impl CloseReason {
    /// All reasons, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Finished,
        Self::Error,
        Self::Idle,
        Self::HeaderTimeout,
        Self::WriteTimeout,
        Self::Drain,
        Self::Aborted,
    ];

    /// Returns the value of the metric's `reason` label.
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

/// The metrics of a server; clones share them.
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
    /// Creates the metrics and registers them in `registry`.
    ///
    /// # Errors
    /// Returns an error if the registry already has metrics with these names.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            open: IntGauge::new("almanac_http_connections_open", "Open connections.")?,
            accepted: IntCounter::new(
                "almanac_http_connections_accepted_total",
                "Accepted connections.",
            )?,
            closed: IntCounterVec::new(
                Opts::new(
                    "almanac_http_connections_closed_total",
                    "Closed connections, by reason.",
                ),
                &["reason"],
            )?,
            accept_errors: IntCounter::new(
                "almanac_http_accept_errors_total",
                "Failures to accept a connection, such as too many open files.",
            )?,
            accept_paused: IntCounter::new(
                "almanac_http_accept_paused_total",
                "Times that accepting paused because the maximum number of connections was open.",
            )?,
            requests_aborted: IntCounter::new(
                "almanac_http_requests_aborted_total",
                "Requests aborted because the process had to stop.",
            )?,
        };
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.accepted.clone()))?;
        registry.register(Box::new(metrics.closed.clone()))?;
        registry.register(Box::new(metrics.accept_errors.clone()))?;
        registry.register(Box::new(metrics.accept_paused.clone()))?;
        registry.register(Box::new(metrics.requests_aborted.clone()))?;
        // An alert cannot be set on a time series that appears only with its first event.
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

/// A guard that counts the connection as open, and counts its end when dropped, also by a panic.
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
    fn rejects_a_second_registration() {
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

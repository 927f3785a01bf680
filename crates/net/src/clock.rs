//! The timeouts of one connection: its state, and the action that is due once a state has lasted
//! too long.
//!
//! This module has only the rules, over instants that the caller supplies. `activity.rs` shares a
//! [`ConnectionState`] between the parts that report to it, and sets a timer by it.
//!
//! hyper's own header timer is not used, for the following reasons, observed on hyper 1.12.0 and
//! pinned by the first tests in `connection/tests.rs`. `poll_read_head` (`proto/h1/conn.rs`) starts
//! the timer when the connection begins to wait for a request, at its opening and after every
//! response, and not with the first byte, so it is an idle timer as well. Its default of 30 s
//! applies as soon as the builder has a timer, and closes kept-alive connections before the 60 s of
//! a load balancer; 75 s would give a slow head as much time, and a head that begins late gets only
//! the remainder. When it fires, hyper closes without a 408. `axum::serve` of axum 0.8.9 sets no
//! timer: an idle connection and a half-sent head last forever. hyper's HTTP/2 has no such timer at
//! all, only pings, and hyper has none for bodies or for writes.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::ServerConfig;
use crate::metrics::CloseReason;

/// The time that a connection without any request yet stays open once the server drains. Such a
/// connection may have just been accepted from the backlog, with its request on the way.
pub(super) const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// The time that a peer without requests in flight has to complete a graceful close. This concerns
/// only HTTP/2, where the server's last GOAWAY follows the answer to a ping.
pub(super) const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// The action that the driver of a connection has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeoutAction {
    /// Close the connection once its requests are finished.
    CloseGracefully(CloseReason),
    /// Drop the connection.
    Drop(CloseReason),
}

/// The timeouts of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

impl ConnectionLimits {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            header: config.header_timeout,
            idle: config.idle_timeout,
            write: config.write_timeout,
        }
    }

    /// Returns the interval between checks of a connection that has no action due.
    ///
    /// An HTTP/2 request ends in a task of its own, which does not wake the driver. With checks at
    /// this interval, the timer is never set beyond the deadline that follows from such an end.
    pub(super) fn check_interval(self) -> Duration {
        self.idle.min(self.write).max(Duration::from_secs(1))
    }
}

/// The state of a connection while no request is in flight on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuietState {
    /// Nothing was received yet.
    New(Instant),
    /// A request head (HTTP/1) or the preface (HTTP/2) is being received.
    ReadingHead(Instant),
    /// The last request has ended.
    Idle(Instant),
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    protocol: Option<Protocol>,
    pub(super) n_requests: usize,
    pub(super) n_uploads: usize,
    quiet: QuietState,
    pub(super) write_blocked_since: Option<Instant>,
    /// The HTTP/2 responses whose last chunk the client has no room for yet, by request number.
    pub(super) pending_chunks: Vec<(u64, Instant)>,
    pub(super) last_request: u64,
    pub(super) draining_since: Option<Instant>,
    /// The beginning of the graceful close, and its reason.
    pub(super) closing: Option<(Instant, CloseReason)>,
}

impl ConnectionState {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            protocol: None,
            n_requests: 0,
            n_uploads: 0,
            quiet: QuietState::New(now),
            write_blocked_since: None,
            pending_chunks: Vec::new(),
            last_request: 0,
            draining_since: None,
            closing: None,
        }
    }

    fn is_busy(&self) -> bool {
        self.n_requests > 0 || self.n_uploads > 0
    }

    pub(super) fn record_read(&mut self, now: Instant) {
        // HTTP/2 frames between requests (pings, window updates) are not requests: a client that
        // only sends pings is idle. A byte during a request is not a new head either: it belongs to
        // the body, or to a pipelined request that waits in hyper's buffer. If the head of that one
        // is incomplete when its turn comes, the idle timeout applies until its next byte.
        if self.protocol == Some(Protocol::Http2) || self.is_busy() {
            return;
        }
        if !matches!(self.quiet, QuietState::ReadingHead(_)) {
            self.quiet = QuietState::ReadingHead(now);
        }
    }

    pub(super) fn set_protocol(&mut self, protocol: Protocol, now: Instant) {
        self.protocol = Some(protocol);
        if protocol == Protocol::Http2 {
            self.quiet = QuietState::Idle(now);
        }
    }

    /// Records the end of a request or of an upload.
    pub(super) fn record_end(&mut self, now: Instant) {
        if !self.is_busy() {
            self.quiet = QuietState::Idle(now);
        }
    }

    pub(super) fn record_blocked_write(&mut self, now: Instant) {
        self.write_blocked_since.get_or_insert(now);
    }

    pub(super) fn record_write(&mut self, now: Instant) {
        let was_blocked = self.write_blocked_since.take().is_some();
        // The end of a response may reach the client long after its body was passed to hyper; the
        // connection is idle from then on.
        if was_blocked && matches!(self.quiet, QuietState::Idle(_)) {
            self.quiet = QuietState::Idle(now);
        }
    }

    /// Returns the next action and its time. Without an action, the time is that of the next check.
    pub(super) fn next_action(
        &self,
        limits: ConnectionLimits,
        now: Instant,
    ) -> (Instant, Option<TimeoutAction>) {
        let write_stall = self
            .pending_chunks
            .iter()
            .map(|(_, since)| *since)
            .chain(self.write_blocked_since)
            .min()
            .map(|since| {
                (
                    since + limits.write,
                    Some(TimeoutAction::Drop(CloseReason::WriteTimeout)),
                )
            });
        let other = self.next_action_except_write_stall(limits, now);
        match write_stall {
            Some(stall) if stall.0 <= other.0 => stall,
            Some(_) | None => other,
        }
    }

    fn next_action_except_write_stall(
        &self,
        limits: ConnectionLimits,
        now: Instant,
    ) -> (Instant, Option<TimeoutAction>) {
        if self.is_busy() && self.draining_since.is_some() && self.closing.is_none() {
            return (
                now,
                Some(TimeoutAction::CloseGracefully(CloseReason::Drain)),
            );
        }
        if self.is_busy() || self.write_blocked_since.is_some() {
            return (now + limits.check_interval(), None);
        }
        let (quiet_since, drain_grace) = match self.quiet {
            // A draining server still answers a request whose head is being received.
            QuietState::ReadingHead(since) => {
                return (
                    since + limits.header,
                    Some(TimeoutAction::Drop(CloseReason::HeaderTimeout)),
                );
            }
            QuietState::New(since) => (since, FIRST_REQUEST_GRACE),
            QuietState::Idle(since) => (since, Duration::ZERO),
        };
        if let Some((closing_since, reason)) = self.closing {
            let at = quiet_since.max(closing_since) + CLOSE_GRACE;
            return (at, Some(TimeoutAction::Drop(reason)));
        }
        let idle_at = quiet_since + limits.idle;
        let drain_at = self
            .draining_since
            .map(|since| quiet_since.max(since) + drain_grace);
        match drain_at {
            Some(drain_at) if drain_at < idle_at => (
                drain_at,
                Some(TimeoutAction::CloseGracefully(CloseReason::Drain)),
            ),
            Some(_) | None => (
                idle_at,
                Some(TimeoutAction::CloseGracefully(CloseReason::Idle)),
            ),
        }
    }
}

#[cfg(test)]
mod tests;

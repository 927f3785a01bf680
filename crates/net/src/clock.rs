//! The clocks of one connection: what it is doing, and when that has lasted too long.
//!
//! These are the rules alone, over instants that the caller supplies; `activity.rs` shares a [`State`] between those who
//! report to it, and sets a timer by it. Nothing here closes anything.
//!
//! Why not hyper's own header timer, as seen on hyper 1.12.0 and pinned by the first tests in `connection_tests.rs`:
//! `poll_read_head` (`proto/h1/conn.rs`) starts it when the connection begins to wait for a request, at its opening and
//! after every answer, and not with the first byte. So it is an idle timer as well. Its default of 30 s, in force as soon
//! as the builder has a timer and only then, closes kept-alive connections before a load balancer's 60 s, while 75 s
//! would be as generous to a slow head; a head that begins late gets only what is left. When it fires hyper closes
//! without a 408. `axum::serve` of axum 0.8.9 sets no timer: an idle connection and a half-sent head last for ever.
//! hyper's HTTP/2 has no such timer at all, only pings, and hyper has none for bodies or for writing.

use std::time::Duration;

use tokio::time::Instant;

use super::config::ServerConfig;
use super::metrics::CloseReason;

/// How long a connection on which no request was ever begun may linger once the server drains. Such a connection may
/// just have been taken from the backlog with its request on the way.
pub(super) const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// How long a peer without requests in flight may take to agree that the connection is over. Only HTTP/2 has anything
/// to agree on: the server's last GOAWAY follows the answer to a ping.
pub(super) const FINISH_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What the driver of the connection has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Ask the connection to end when it can.
    Finish(CloseReason),
    /// Drop the connection.
    Cut(CloseReason),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

impl Limits {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            header: config.header_timeout,
            idle: config.idle_timeout,
            write: config.write_timeout,
        }
    }

    /// How often to look at a connection that has nothing due. A request of HTTP/2 ends in a task of its own, which
    /// wakes nobody; looking this often, the alarm is never set beyond a deadline that such an end brings about.
    pub(super) fn lookout(self) -> Duration {
        self.idle.min(self.write).max(Duration::from_secs(1))
    }
}

/// What a connection does while no request is in flight on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    /// Nothing was ever received.
    Fresh(Instant),
    /// A request head (HTTP/1) or the preface (HTTP/2) has begun.
    Head(Instant),
    /// The last request is over.
    Idle(Instant),
}

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct State {
    protocol: Option<Protocol>,
    pub(super) n_requests: usize,
    pub(super) n_uploads: usize,
    quiet: Quiet,
    pub(super) write_blocked_since: Option<Instant>,
    /// HTTP/2 answers whose last chunk the client has not made room for, by request number.
    pub(super) untaken: Vec<(u64, Instant)>,
    pub(super) last_request: u64,
    pub(super) draining_since: Option<Instant>,
    pub(super) finishing: Option<(Instant, CloseReason)>,
}

impl State {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            protocol: None,
            n_requests: 0,
            n_uploads: 0,
            quiet: Quiet::Fresh(now),
            write_blocked_since: None,
            untaken: Vec::new(),
            last_request: 0,
            draining_since: None,
            finishing: None,
        }
    }

    fn is_busy(&self) -> bool {
        self.n_requests > 0 || self.n_uploads > 0
    }

    pub(super) fn receive(&mut self, now: Instant) {
        // What HTTP/2 sends between requests (pings, window updates) is no request: a client that only pings is idle.
        // Nor is a byte during a request: it belongs to the body, or to a pipelined request that waits in hyper's
        // buffer. If the head of that one is incomplete when its turn comes, the idle clock runs until its next byte.
        if self.protocol == Some(Protocol::Http2) || self.is_busy() {
            return;
        }
        if !matches!(self.quiet, Quiet::Head(_)) {
            self.quiet = Quiet::Head(now);
        }
    }

    pub(super) fn recognise(&mut self, protocol: Protocol, now: Instant) {
        self.protocol = Some(protocol);
        if protocol == Protocol::Http2 {
            self.quiet = Quiet::Idle(now);
        }
    }

    pub(super) fn end_one(&mut self, now: Instant) {
        if !self.is_busy() {
            self.quiet = Quiet::Idle(now);
        }
    }

    pub(super) fn block_write(&mut self, now: Instant) {
        self.write_blocked_since.get_or_insert(now);
    }

    pub(super) fn write(&mut self, now: Instant) {
        let was_blocked = self.write_blocked_since.take().is_some();
        // The end of an answer may reach the client long after its body was handed to hyper; idleness begins then.
        if was_blocked && matches!(self.quiet, Quiet::Idle(_)) {
            self.quiet = Quiet::Idle(now);
        }
    }

    /// What is due next and when; without a [`Due`], when to look again.
    pub(super) fn next(&self, limits: Limits, now: Instant) -> (Instant, Option<Due>) {
        let untaken_since = self.untaken.iter().map(|(_, since)| *since).min();
        let stalled_since = self
            .write_blocked_since
            .into_iter()
            .chain(untaken_since)
            .min();
        let stall = stalled_since.map(|since| {
            (
                since + limits.write,
                Some(Due::Cut(CloseReason::WriteTimeout)),
            )
        });
        let other = self.next_but_stalls(limits, now);
        match stall {
            Some(stall) if stall.0 <= other.0 => stall,
            Some(_) | None => other,
        }
    }

    fn next_but_stalls(&self, limits: Limits, now: Instant) -> (Instant, Option<Due>) {
        let can_finish = self.finishing.is_none();
        if let (Some(_), true, true) = (self.draining_since, can_finish, self.is_busy()) {
            return (now, Some(Due::Finish(CloseReason::Drain)));
        }
        if self.is_busy() || self.write_blocked_since.is_some() {
            return (now + limits.lookout(), None);
        }
        let (quiet_since, drain_grace) = match self.quiet {
            // A head under way is a request that a draining server still owes an answer.
            Quiet::Head(since) => {
                return (
                    since + limits.header,
                    Some(Due::Cut(CloseReason::HeaderTimeout)),
                );
            }
            Quiet::Fresh(since) => (since, FIRST_REQUEST_GRACE),
            Quiet::Idle(since) => (since, Duration::ZERO),
        };
        if let Some((finishing_since, reason)) = self.finishing {
            let at = quiet_since.max(finishing_since) + FINISH_GRACE;
            return (at, Some(Due::Cut(reason)));
        }
        let idle = (
            quiet_since + limits.idle,
            Some(Due::Finish(CloseReason::Idle)),
        );
        match self
            .draining_since
            .map(|since| quiet_since.max(since) + drain_grace)
        {
            Some(drain_at) if drain_at < idle.0 => {
                (drain_at, Some(Due::Finish(CloseReason::Drain)))
            }
            Some(_) | None => idle,
        }
    }
}

#[cfg(test)]
mod tests;

//! The state of a connection, shared by its parts, and the timer that follows from it.
//!
//! The IO wrapper records reads and writes, the service and the bodies record requests, and the
//! task that drives the connection polls the [`ConnectionTimer`]. The rules are in `clock.rs`.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock::{ConnectionLimits, ConnectionState, Protocol, TimeoutAction};
use crate::metrics::CloseReason;

/// The activity on one connection, shared by its IO, its service and its driver.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<ConnectionState>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(ConnectionState::new(Instant::now())),
        }
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        // Every change is complete before anything could panic, so a poisoned state is still valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record_read(&self) {
        self.state().record_read(Instant::now());
    }

    pub(super) fn record_write(&self) {
        self.state().record_write(Instant::now());
    }

    pub(super) fn record_blocked_write(&self) {
        self.state().record_blocked_write(Instant::now());
    }

    pub(super) fn is_write_blocked(&self) -> bool {
        self.state().write_blocked_since.is_some()
    }

    pub(super) fn set_protocol(&self, protocol: Protocol) {
        self.state().set_protocol(protocol, Instant::now());
    }

    /// Begins a request and returns its number.
    pub(super) fn begin_request(&self) -> u64 {
        let mut state = self.state();
        state.n_requests += 1;
        state.last_request += 1;
        state.last_request
    }

    pub(super) fn end_request(&self, number: u64) {
        let mut state = self.state();
        state.n_requests -= 1;
        state.pending_chunks.retain(|(other, _)| *other != number);
        state.record_end(Instant::now());
    }

    pub(super) fn begin_upload(&self) {
        self.state().n_uploads += 1;
    }

    pub(super) fn end_upload(&self) {
        let mut state = self.state();
        state.n_uploads -= 1;
        state.record_end(Instant::now());
    }

    /// Records that a chunk of the response to request `number` waits for the client.
    pub(super) fn begin_chunk(&self, number: u64) {
        self.state().pending_chunks.push((number, Instant::now()));
    }

    /// Records that the last chunk of the response to request `number` is being sent.
    pub(super) fn end_chunk(&self, number: u64) {
        self.state()
            .pending_chunks
            .retain(|(other, _)| *other != number);
    }

    pub(super) fn n_requests(&self) -> usize {
        self.state().n_requests
    }

    pub(super) fn begin_drain(&self) {
        self.state().draining_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn begin_close(&self, reason: CloseReason) {
        self.state()
            .closing
            .get_or_insert_with(|| (Instant::now(), reason));
    }

    /// Returns the reason of the graceful close, if one has begun.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.state().closing.map(|(_, reason)| reason)
    }
}

/// The single timer for all timeouts of a connection.
///
/// It is reset only when a timeout is due earlier than the timer is set for. A deadline that moved
/// to a later time is noticed when the timer fires, so a busy connection does not reset a timer for
/// every request.
#[derive(Debug)]
pub(super) struct ConnectionTimer {
    limits: ConnectionLimits,
    sleep: Pin<Box<Sleep>>,
}

impl ConnectionTimer {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let first = Instant::now() + limits.idle.min(limits.check_interval());
        Self {
            limits,
            sleep: Box::pin(sleep_until(first)),
        }
    }

    /// Polls for the next action that is due.
    ///
    /// Must be called after every poll of the connection, by the same task.
    pub(super) fn poll_action(
        &mut self,
        cx: &mut Context<'_>,
        activity: &Activity,
    ) -> Poll<TimeoutAction> {
        loop {
            let now = Instant::now();
            let (at, action) = activity.state().next_action(self.limits, now);
            if let (Some(action), true) = (action, at <= now) {
                return Poll::Ready(action);
            }
            if at < self.sleep.deadline() {
                self.sleep.as_mut().reset(at);
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.sleep.as_mut().reset(at);
        }
    }
}

//! The state of a connection as its parts share it, and the one timer that follows from it.
//!
//! The IO wrapper reports bytes, the service and the bodies report requests, and the task that drives the connection
//! polls the [`Alarm`]. What is due when is decided in `clock.rs`.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::{Due, Limits, Protocol, State};
use super::metrics::CloseReason;

/// What one connection is doing, shared by its IO, its service and its driver.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::new(Instant::now())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything could panic, so a poisoned state is still a good one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn receive(&self) {
        self.state().receive(Instant::now());
    }

    pub(super) fn write(&self) {
        self.state().write(Instant::now());
    }

    pub(super) fn block_write(&self) {
        self.state().block_write(Instant::now());
    }

    pub(super) fn is_write_blocked(&self) -> bool {
        self.state().write_blocked_since.is_some()
    }

    pub(super) fn recognise(&self, protocol: Protocol) {
        self.state().recognise(protocol, Instant::now());
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
        state.untaken.retain(|(other, _)| *other != number);
        state.end_one(Instant::now());
    }

    pub(super) fn begin_upload(&self) {
        self.state().n_uploads += 1;
    }

    pub(super) fn end_upload(&self) {
        let mut state = self.state();
        state.n_uploads -= 1;
        state.end_one(Instant::now());
    }

    /// A chunk of the answer to request `number` was handed out and waits for the client.
    pub(super) fn offer(&self, number: u64) {
        self.state().untaken.push((number, Instant::now()));
    }

    /// The last chunk of the answer to request `number` is on its way.
    pub(super) fn take(&self, number: u64) {
        self.state().untaken.retain(|(other, _)| *other != number);
    }

    pub(super) fn n_requests(&self) -> usize {
        self.state().n_requests
    }

    pub(super) fn drain(&self) {
        self.state().draining_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn finish(&self, reason: CloseReason) {
        self.state()
            .finishing
            .get_or_insert_with(|| (Instant::now(), reason));
    }

    /// Why the connection was asked to end, if it was.
    pub(super) fn finish_reason(&self) -> Option<CloseReason> {
        self.state().finishing.map(|(_, reason)| reason)
    }
}

/// One timer for all clocks of a connection.
///
/// It is moved only when something is due earlier than it is set for. A deadline that moved away is noticed when the
/// timer fires, so a busy connection costs no timer operation per request.
#[derive(Debug)]
pub(super) struct Alarm {
    limits: Limits,
    sleep: Pin<Box<Sleep>>,
}

impl Alarm {
    pub(super) fn new(limits: Limits) -> Self {
        let first = Instant::now() + limits.idle.min(limits.lookout());
        Self {
            limits,
            sleep: Box::pin(sleep_until(first)),
        }
    }

    /// Must be polled after every poll of the connection, by the same task.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>, activity: &Activity) -> Poll<Due> {
        loop {
            let now = Instant::now();
            let (at, due) = activity.state().next(self.limits, now);
            if let (Some(due), true) = (due, at <= now) {
                return Poll::Ready(due);
            }
            if at < self.sleep.deadline() {
                self.sleep.as_mut().reset(at);
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.sleep.as_mut().reset(at);
        }
    }
}

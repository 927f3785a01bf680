//! What waits for a worker: bounded, in order of arrival, rid of what nobody waits for any more.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::engine::metrics::ModelMetrics;
use crate::engine::{Answer, EngineConfig, SubmitError, batcher};
use crate::forecast::ForecastRequest;

/// One series that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: ForecastRequest,
    /// Its place in the submission.
    pub(super) position: usize,
    pub(super) deadline: Instant,
    pub(super) sender: mpsc::UnboundedSender<Answer>,
}

/// The queue of one engine. The lock is held to move entries, never while a model runs.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    config: EngineConfig,
    metrics: ModelMetrics,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    steps: usize,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    waiting: Waiting,
    context_length: usize,
}

impl Entry {
    fn horizon(&self) -> usize {
        self.waiting.request.horizon().steps()
    }

    fn steps(&self) -> usize {
        self.context_length + self.horizon()
    }

    /// Nobody waits for it, or nobody may any longer.
    fn is_stale(&self, now: Instant) -> bool {
        self.waiting.sender.is_closed() || self.waiting.deadline <= now
    }
}

impl Queue {
    pub(super) fn new(config: EngineConfig, metrics: ModelMetrics) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            config,
            metrics,
        }
    }

    /// Takes all of `waiting`, or none.
    pub(super) fn admit(
        &self,
        waiting: Vec<Waiting>,
        max_context: usize,
    ) -> Result<(), SubmitError> {
        let entries: Vec<_> = waiting
            .into_iter()
            .map(|waiting| Entry {
                context_length: waiting.request.series().tail(max_context).len(),
                waiting,
            })
            .collect();
        let asked: usize = entries.iter().map(Entry::steps).sum();
        let mut state = self.lock();
        if state.closed {
            return Err(SubmitError::Closed);
        }
        let limit = self.config.queue_steps;
        let is_full =
            |state: &State| !state.entries.is_empty() && state.steps.saturating_add(asked) > limit;
        if is_full(&state) {
            // What nobody waits for any longer makes room, however long the workers are busy.
            self.drop_stale(&mut state);
        }
        if is_full(&state) {
            return Err(SubmitError::QueueFull {
                waiting: state.steps,
                asked,
                limit,
            });
        }
        let many = entries.len() > 1;
        state.steps += asked;
        state.entries.extend(entries);
        self.metrics.queue_steps.set(gauge(state.steps));
        drop(state);
        if many {
            self.filled.notify_all();
        } else {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for rows and takes the next batch. `None` once closed and empty.
    pub(super) fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        loop {
            self.drop_stale(&mut state);
            let rows = state
                .entries
                .iter()
                .map(|entry| (entry.context_length, entry.horizon()));
            let count = batcher::choose(rows, self.config.batch_steps);
            if count > 0 {
                let taken: Vec<_> = state.entries.drain(..count).collect();
                state.steps -= taken.iter().map(Entry::steps).sum::<usize>();
                self.metrics.queue_steps.set(gauge(state.steps));
                return Some(taken.into_iter().map(|entry| entry.waiting).collect());
            }
            if state.closed {
                return None;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Refuses new rows; the workers finish what waits and end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    fn drop_stale(&self, state: &mut State) {
        let now = Instant::now();
        let before = state.entries.len();
        state.entries.retain(|entry| !entry.is_stale(now));
        if state.entries.len() < before {
            state.steps = state.entries.iter().map(Entry::steps).sum();
            self.metrics.queue_steps.set(gauge(state.steps));
            self.metrics
                .dropped
                .inc_by((before - state.entries.len()) as u64);
        }
    }

    /// The state is consistent between statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gauge(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

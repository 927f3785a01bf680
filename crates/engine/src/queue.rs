//! Admission, and what waits for a worker: bounded in steps and in time, rid of what nobody waits
//! for any more.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batcher::{Batcher, Fate, Priority, Shape};
use crate::metrics::ModelMetrics;
use crate::pace::Pace;
use crate::saturation::Saturated;
use crate::submission::{Terms, Ticket, Timing};
use crate::{EngineConfig, SubmitError};
use almanac_forecast::ForecastRequest;
use almanac_model::Stop;

/// One series that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: ForecastRequest,
    /// Its place in the submission.
    pub(super) position: usize,
    pub(super) shape: Shape,
    pub(super) ticket: Arc<Ticket>,
}

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    /// Steps of its rows.
    pub(super) steps: usize,
    pub(super) took: Duration,
}

/// The queue of one engine. The lock is held to move entries, never while a model runs.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    config: EngineConfig,
    metrics: ModelMetrics,
}

#[derive(Debug)]
struct State {
    batcher: Batcher<Waiting>,
    pace: Pace,
    /// What each worker runs.
    running: Vec<Running>,
    /// Workers that wait for rows.
    idle: usize,
    saturated: Saturated,
    closed: bool,
}

/// What one worker runs, and how to stop it.
#[derive(Debug)]
struct Running {
    tickets: Vec<Arc<Ticket>>,
    stop: Option<Arc<dyn Stop>>,
    is_stopped: bool,
}

/// Work below this many steps is not shared between workers: two runs cost more than one.
const LEAST_SHARE: usize = 1_024;

impl Queue {
    /// One without workers.
    pub(super) fn new(config: EngineConfig, metrics: ModelMetrics) -> Self {
        Self {
            state: Mutex::new(State {
                batcher: Batcher::new(),
                pace: Pace::new(),
                running: Vec::new(),
                idle: 0,
                saturated: Saturated::new(metrics.saturation.clone()),
                closed: false,
            }),
            filled: Condvar::new(),
            config,
            metrics,
        }
    }

    /// Takes note of one more worker, whose runs `stop` ends. Gives its place among them.
    pub(super) fn join(&self, stop: Option<Arc<dyn Stop>>) -> usize {
        let running = &mut self.lock().running;
        running.push(Running {
            tickets: Vec::new(),
            stop,
            is_stopped: false,
        });
        running.len() - 1
    }

    /// Takes all of `rows`, which are of `ticket`, or none.
    pub(super) fn admit(&self, ticket: &Ticket, rows: Vec<Waiting>) -> Result<(), SubmitError> {
        let asked: usize = rows.iter().map(|row| row.shape.steps()).sum();
        let mut state = self.lock();
        let limit = self.longest_wait(ticket.deadline, ticket.is_patient);
        self.check(&mut state, ticket.priority, limit, asked)?;
        for row in rows {
            ticket.row_waits(row.shape.steps());
            state.batcher.push(ticket.priority, row.shape, row);
        }
        self.observe(&mut state);
        let (idle, is_shared) = (state.idle, asked >= 2 * LEAST_SHARE);
        drop(state);
        match idle {
            0 => {}
            1 => self.filled.notify_one(),
            _ if is_shared => self.filled.notify_all(),
            _ => self.filled.notify_one(),
        }
        Ok(())
    }

    /// Whether rows of `asked` steps may wait; takes note of the answer.
    fn check(
        &self,
        state: &mut State,
        priority: Priority,
        longest_wait: Duration,
        asked: usize,
    ) -> Result<(), SubmitError> {
        let checked = self.has_room(state, priority, longest_wait, asked);
        state.saturated.set_refusing(checked.is_err());
        checked
    }

    /// Where nothing waits there always is: whatever was learned before, the next run learns anew.
    fn has_room(
        &self,
        state: &State,
        priority: Priority,
        longest_wait: Duration,
        asked: usize,
    ) -> Result<(), SubmitError> {
        if state.closed {
            return Err(SubmitError::Closed);
        }
        if state.batcher.is_empty() {
            return Ok(());
        }
        let time_for = |steps| {
            let workers = state.running.len();
            state.pace.time_for(steps, self.config.batch_steps, workers)
        };
        let waiting = state.batcher.steps();
        let limit = self.config.queue_steps;
        if waiting.saturating_add(asked) > limit {
            return Err(SubmitError::QueueFull {
                waiting,
                asked,
                limit,
                retry_after: time_for(waiting),
            });
        }
        let wait = time_for(state.batcher.steps_before(priority));
        if wait > longest_wait {
            return Err(SubmitError::WaitTooLong {
                wait,
                limit: longest_wait,
            });
        }
        Ok(())
    }

    /// Whether rows of one step could be admitted now to the lane of `priority`.
    pub(super) fn admits(&self, terms: Terms, priority: Priority) -> Result<(), SubmitError> {
        let limit = self.longest_wait(terms.deadline, terms.is_patient());
        self.check(&mut self.lock(), priority, limit, 1)
    }

    /// How long a request may be expected to wait.
    fn longest_wait(&self, deadline: Instant, is_patient: bool) -> Duration {
        let left = deadline.saturating_duration_since(Instant::now());
        if is_patient {
            left
        } else {
            left.min(self.config.max_wait)
        }
    }

    /// Waits for rows and takes the next batch for worker `worker_idx`, whose last run was `ran`.
    /// `None` once closed and empty.
    pub(super) fn next_batch(&self, worker_idx: usize, ran: Option<Ran>) -> Option<Vec<Waiting>> {
        let mut state = self.lock();
        state.running[worker_idx].end();
        if let Some(Ran { steps, took }) = ran {
            state.pace.record(steps, took);
        }
        loop {
            let now = Instant::now();
            let budget = self.budget(&state);
            let taken = state.batcher.take(budget, |row| row.fate(now));
            for row in taken.batch.iter().chain(&taken.expired) {
                row.ticket.row_waits_no_more(row.shape.steps());
            }
            self.metrics.dropped(taken.expired.len());
            if !taken.batch.is_empty() {
                self.observe(&mut state);
                state.running[worker_idx].begin(&taken.batch);
                return Some(taken.batch);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            self.observe(&mut state);
            self.metrics.idle_workers.inc();
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            self.metrics.idle_workers.dec();
            state.idle -= 1;
        }
    }

    /// Steps of the next batch: all that fits one, or a share of it where others are idle too.
    fn budget(&self, state: &State) -> usize {
        let most = self.config.batch_steps;
        if state.idle == 0 {
            return most;
        }
        let share = state.batcher.steps().div_ceil(state.idle + 1);
        share.max(LEAST_SHARE).min(most)
    }

    /// The caller of `ticket` gave up: what waits is dropped, and a run that nobody else waits for
    /// is stopped.
    pub(super) fn leave(&self, ticket: &Arc<Ticket>) {
        let now = Instant::now();
        let mut state = self.lock();
        let (rows, steps) = ticket.leave();
        let priority = ticket.priority;
        state
            .batcher
            .release(priority, (rows, steps), |row| row.fate(now));
        self.metrics.dropped(rows);
        self.observe(&mut state);
        for running in &mut state.running {
            if running.stop_if_abandoned(ticket) {
                self.metrics.stopped();
            }
        }
    }

    /// Tells others how much waits, after that has changed.
    fn observe(&self, state: &mut State) {
        let steps = state.batcher.steps();
        self.metrics.waiting(steps);
        state.saturated.set(steps > 0 && state.idle == 0);
    }

    /// Tells the threads that write answers of those of a batch.
    pub(super) fn batch_answered(&self) {
        self.metrics.saturation.batch_answered();
    }

    /// Counts a submission that was answered.
    pub(super) fn answered(&self, timing: Timing) {
        self.metrics.answered(timing);
    }

    /// Refuses new rows; the workers finish what waits and end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// The state is consistent between statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn fate(&self, now: Instant) -> Fate {
        if self.ticket.has_left() {
            Fate::Released
        } else if self.ticket.deadline <= now {
            Fate::Expired
        } else {
            Fate::Run
        }
    }
}

impl Running {
    fn begin(&mut self, batch: &[Waiting]) {
        for row in batch {
            let last = self.tickets.last();
            if !last.is_some_and(|last| Arc::ptr_eq(last, &row.ticket)) {
                self.tickets.push(Arc::clone(&row.ticket));
            }
        }
    }

    fn end(&mut self) {
        self.tickets.clear();
        if std::mem::take(&mut self.is_stopped)
            && let Some(stop) = &self.stop
        {
            stop.reset();
        }
    }

    /// Whether this run was for `ticket` and others that have left, and was stopped for that.
    fn stop_if_abandoned(&mut self, ticket: &Arc<Ticket>) -> bool {
        let Some(stop) = &self.stop else {
            return false;
        };
        let is_abandoned = !self.is_stopped
            && self.tickets.iter().any(|own| Arc::ptr_eq(own, ticket))
            && self.tickets.iter().all(|own| own.has_left());
        if is_abandoned {
            stop.stop();
            self.is_stopped = true;
        }
        is_abandoned
    }
}

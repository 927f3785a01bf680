//! The queue of one engine: admission, and the rows that wait for a worker.
//!
//! The queue is limited in steps and in expected wait. Rows of abandoned submissions are removed.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use almanac_forecast::ForecastRequest;
use almanac_model::Stop;

use crate::batcher::{Batcher, Priority, RowShape, RowStatus};
use crate::config::EngineConfig;
use crate::error::SubmitError;
use crate::metrics::ModelMetrics;
use crate::outcome::Timing;
use crate::pace::Pace;
use crate::saturation::EngineSaturation;
use crate::terms::Terms;
use crate::ticket::Ticket;

/// A series that waits for a worker.
#[derive(Debug)]
pub(super) struct QueuedRow {
    pub(super) request: ForecastRequest,
    /// The position in the submission.
    pub(super) position: usize,
    pub(super) shape: RowShape,
    pub(super) ticket: Arc<Ticket>,
}

/// A run that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompletedRun {
    /// The total number of steps of its rows.
    pub(super) steps: usize,
    pub(super) duration: Duration,
}

/// The queue of one engine. The lock is held to move entries, never while a model runs.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    filled: Condvar,
    config: EngineConfig,
    metrics: ModelMetrics,
}

#[derive(Debug)]
struct QueueState {
    batcher: Batcher<QueuedRow>,
    pace: Pace,
    /// The current run of each worker.
    runs: Vec<ActiveRun>,
    /// The number of workers that wait for rows.
    idle: usize,
    saturation: EngineSaturation,
    is_closed: bool,
}

/// The current run of one worker, and the handle that stops it.
#[derive(Debug)]
struct ActiveRun {
    /// The submissions of the rows. Empty while the worker is idle.
    tickets: Vec<Arc<Ticket>>,
    stop: Option<Arc<dyn Stop>>,
    is_stopped: bool,
}

/// The minimum number of steps per worker when work is shared: two smaller runs cost more than one.
const MIN_SHARE_STEPS: usize = 1_024;

impl Queue {
    /// Creates a queue without workers.
    pub(super) fn new(config: EngineConfig, metrics: ModelMetrics) -> Self {
        Self {
            state: Mutex::new(QueueState {
                batcher: Batcher::new(),
                pace: Pace::new(),
                runs: Vec::new(),
                idle: 0,
                saturation: EngineSaturation::new(metrics.saturation.clone()),
                is_closed: false,
            }),
            filled: Condvar::new(),
            config,
            metrics,
        }
    }

    /// Adds a worker whose runs are stopped by `stop`, and returns its index.
    pub(super) fn add_worker(&self, stop: Option<Arc<dyn Stop>>) -> usize {
        let runs = &mut self.lock().runs;
        runs.push(ActiveRun {
            tickets: Vec::new(),
            stop,
            is_stopped: false,
        });
        runs.len() - 1
    }

    /// Queues all of `rows`, which belong to `ticket`, or none of them.
    pub(super) fn admit(&self, ticket: &Ticket, rows: Vec<QueuedRow>) -> Result<(), SubmitError> {
        let steps: usize = rows.iter().map(|row| row.shape.steps()).sum();
        let mut state = self.lock();
        let max_wait = self.max_wait(ticket.deadline, ticket.is_patient);
        self.check(&mut state, ticket.priority, max_wait, steps)?;
        for row in rows {
            ticket.add_queued_row(row.shape.steps());
            state.batcher.push(ticket.priority, row.shape, row);
        }
        self.export(&mut state);
        let (idle, is_shared) = (state.idle, steps >= 2 * MIN_SHARE_STEPS);
        drop(state);
        match idle {
            0 => {}
            1 => self.filled.notify_one(),
            _ if is_shared => self.filled.notify_all(),
            _ => self.filled.notify_one(),
        }
        Ok(())
    }

    /// Checks whether rows of `steps` would be admitted, and records a refusal in the saturation.
    fn check(
        &self,
        state: &mut QueueState,
        priority: Priority,
        max_wait: Duration,
        steps: usize,
    ) -> Result<(), SubmitError> {
        let checked = self.check_room(state, priority, max_wait, steps);
        state.saturation.set_refusing(checked.is_err());
        checked
    }

    /// Checks the limits. An empty queue always has room: however wrong the estimated pace is, the next
    /// run corrects it.
    fn check_room(
        &self,
        state: &QueueState,
        priority: Priority,
        max_wait: Duration,
        steps: usize,
    ) -> Result<(), SubmitError> {
        if state.is_closed {
            return Err(SubmitError::Closed);
        }
        if state.batcher.is_empty() {
            return Ok(());
        }
        let time_for = |steps| {
            let workers = state.runs.len();
            state.pace.time_for(steps, self.config.batch_steps, workers)
        };
        let waiting = state.batcher.steps();
        let limit = self.config.queue_steps;
        if waiting.saturating_add(steps) > limit {
            return Err(SubmitError::QueueFull {
                waiting,
                asked: steps,
                limit,
                retry_after: time_for(waiting),
            });
        }
        let wait = time_for(state.batcher.steps_before(priority));
        if wait > max_wait {
            return Err(SubmitError::WaitTooLong {
                wait,
                limit: max_wait,
            });
        }
        Ok(())
    }

    /// Checks whether a row of one step would be admitted now to the lane of `priority`.
    pub(super) fn admits(&self, terms: Terms, priority: Priority) -> Result<(), SubmitError> {
        let max_wait = self.max_wait(terms.deadline, terms.is_patient());
        self.check(&mut self.lock(), priority, max_wait, 1)
    }

    /// Returns the maximum expected wait of a request.
    fn max_wait(&self, deadline: Instant, is_patient: bool) -> Duration {
        let remaining = deadline.saturating_duration_since(Instant::now());
        if is_patient {
            remaining
        } else {
            remaining.min(self.config.max_wait)
        }
    }

    /// Waits for rows, and returns the next batch of the worker at `worker_index`, whose last run was
    /// `completed`. Returns `None` once the queue is closed and empty.
    pub(super) fn next_batch(
        &self,
        worker_index: usize,
        completed: Option<CompletedRun>,
    ) -> Option<Vec<QueuedRow>> {
        let mut state = self.lock();
        state.runs[worker_index].end();
        if let Some(CompletedRun { steps, duration }) = completed {
            state.pace.record(steps, duration);
        }
        loop {
            let now = Instant::now();
            let budget = self.batch_budget(&state);
            let taken = state.batcher.take(budget, |row| row.fate(now));
            for row in taken.batch.iter().chain(&taken.expired) {
                row.ticket.remove_queued_row(row.shape.steps());
            }
            self.metrics.count_dropped(taken.expired.len());
            if !taken.batch.is_empty() {
                self.export(&mut state);
                state.runs[worker_index].begin(&taken.batch);
                return Some(taken.batch);
            }
            if state.is_closed {
                return None;
            }
            state.idle += 1;
            self.export(&mut state);
            self.metrics.idle_workers.inc();
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            self.metrics.idle_workers.dec();
            state.idle -= 1;
        }
    }

    /// Returns the maximum number of steps of the next batch: a full batch, or a share of the queued
    /// steps if other workers are idle too.
    fn batch_budget(&self, state: &QueueState) -> usize {
        let max_steps = self.config.batch_steps;
        if state.idle == 0 {
            return max_steps;
        }
        let share = state.batcher.steps().div_ceil(state.idle + 1);
        share.max(MIN_SHARE_STEPS).min(max_steps)
    }

    /// Abandons `ticket`, whose caller stopped waiting: its queued rows are removed, and a run that no
    /// other submission waits for is stopped.
    pub(super) fn abandon(&self, ticket: &Arc<Ticket>) {
        let now = Instant::now();
        let mut state = self.lock();
        let queued = ticket.abandon();
        state
            .batcher
            .release(ticket.priority, queued.rows, queued.steps, |row| {
                row.fate(now)
            });
        self.metrics.count_dropped(queued.rows);
        self.export(&mut state);
        for run in &mut state.runs {
            if run.stop_if_abandoned(ticket) {
                self.metrics.count_stopped();
            }
        }
    }

    /// Exports the number of queued steps after it has changed.
    fn export(&self, state: &mut QueueState) {
        let steps = state.batcher.steps();
        self.metrics.set_queue_steps(steps);
        state.saturation.set_saturated(steps > 0 && state.idle == 0);
    }

    /// Wakes the threads that write answers, after the answers of a batch were sent.
    pub(super) fn notify_batch_answered(&self) {
        self.metrics.saturation.notify_batch_answered();
    }

    /// Records the timing of a submission that was answered.
    pub(super) fn record_timing(&self, timing: Timing) {
        self.metrics.record_timing(timing);
    }

    /// Refuses new rows. The workers finish the queued rows and end.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.filled.notify_all();
    }

    /// A panic in another thread leaves the state consistent, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueuedRow {
    fn fate(&self, now: Instant) -> RowStatus {
        if self.ticket.is_abandoned() {
            RowStatus::Released
        } else if self.ticket.deadline <= now {
            RowStatus::Expired
        } else {
            RowStatus::Run
        }
    }
}

impl ActiveRun {
    fn begin(&mut self, batch: &[QueuedRow]) {
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

    /// Stops the run if it contains rows of `ticket` and all its submissions are abandoned. Returns true
    /// if the run was stopped.
    fn stop_if_abandoned(&mut self, ticket: &Arc<Ticket>) -> bool {
        let Some(stop) = &self.stop else {
            return false;
        };
        let is_abandoned = !self.is_stopped
            && self.tickets.iter().any(|own| Arc::ptr_eq(own, ticket))
            && self.tickets.iter().all(|own| own.is_abandoned());
        if is_abandoned {
            stop.stop();
            self.is_stopped = true;
        }
        is_abandoned
    }
}

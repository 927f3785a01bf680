//! What a caller holds while its rows wait and run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::batcher::Priority;
use crate::queue::Queue;
use crate::{EngineError, Outcome, Outcomes};

/// Until when a submission is worth an answer, and how urgent it is.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// When its caller gives up.
    pub deadline: Instant,
    /// Which lane it waits in; by its size when `None`, for what fills more than one batch is bulk.
    pub priority: Option<Priority>,
}

/// Where the time of a submission went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From admission to the start of its first batch.
    pub queue: Duration,
    /// From the start of its first batch to the end of its last.
    pub inference: Duration,
}

/// Requests that were admitted. Dropping it abandons those without an answer: what waits is dropped
/// from the queue, and a run that nobody else waits for is stopped.
#[derive(Debug)]
pub struct Submission {
    ticket: Arc<Ticket>,
    done: Option<oneshot::Receiver<Done>>,
    queue: Arc<Queue>,
}

/// What the rows of one submission share.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) deadline: Instant,
    pub(super) priority: Priority,
    /// Whether it may wait until its deadline, because its caller said that it is bulk.
    pub(super) is_patient: bool,
    submitted: Instant,
    /// Changed under the queue's lock, as are the two below.
    has_left: AtomicBool,
    waiting_rows: AtomicUsize,
    waiting_steps: AtomicUsize,
    /// Locked once for each batch that rows of this submission are in.
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    outcomes: Vec<Option<Outcome>>,
    unanswered: usize,
    span: Option<(Instant, Instant)>,
    done: Option<oneshot::Sender<Done>>,
}

type Done = (Outcomes, Timing);

impl Terms {
    /// Whether it may wait until its deadline, however long.
    pub(super) fn is_patient(self) -> bool {
        self.priority == Some(Priority::Bulk)
    }
}

impl Ticket {
    /// One for requests with these outcomes, `None` for those that are to run.
    pub(super) fn new(
        terms: Terms,
        by_size: Priority,
        outcomes: Vec<Option<Outcome>>,
    ) -> (Arc<Self>, oneshot::Receiver<Done>) {
        let (done, receiver) = oneshot::channel();
        let unanswered = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        let ticket = Self {
            deadline: terms.deadline,
            priority: terms.priority.unwrap_or(by_size),
            is_patient: terms.is_patient(),
            submitted: Instant::now(),
            has_left: AtomicBool::new(false),
            waiting_rows: AtomicUsize::new(0),
            waiting_steps: AtomicUsize::new(0),
            progress: Mutex::new(Progress {
                outcomes,
                unanswered,
                span: None,
                done: Some(done),
            }),
        };
        (Arc::new(ticket), receiver)
    }

    /// Whether its caller gave up.
    pub(super) fn has_left(&self) -> bool {
        self.has_left.load(Relaxed)
    }

    /// Says that its caller gave up, and gives the rows and steps that still wait.
    pub(super) fn leave(&self) -> (usize, usize) {
        self.has_left.store(true, Relaxed);
        (
            self.waiting_rows.swap(0, Relaxed),
            self.waiting_steps.swap(0, Relaxed),
        )
    }

    pub(super) fn row_waits(&self, steps: usize) {
        self.waiting_rows.fetch_add(1, Relaxed);
        self.waiting_steps.fetch_add(steps, Relaxed);
    }

    pub(super) fn row_waits_no_more(&self, steps: usize) {
        self.waiting_rows.fetch_sub(1, Relaxed);
        self.waiting_steps.fetch_sub(steps, Relaxed);
    }

    /// Takes the outcomes of some rows, by their places in the submission; the last ones wake the
    /// caller.
    pub(super) fn answer(
        &self,
        outcomes: impl IntoIterator<Item = (usize, Outcome)>,
        (started, finished): (Instant, Instant),
    ) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        for (position, outcome) in outcomes {
            progress.outcomes[position] = Some(outcome);
            progress.unanswered -= 1;
        }
        let (first, last) = progress.span.unwrap_or((started, finished));
        progress.span = Some((first.min(started), last.max(finished)));
        if progress.unanswered == 0 {
            progress.finish(self.submitted);
        }
    }

    /// Wakes the caller when no row is to run at all.
    pub(super) fn answer_if_empty(&self) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.unanswered == 0 {
            progress.finish(self.submitted);
        }
    }
}

impl Progress {
    fn finish(&mut self, submitted: Instant) {
        let timing = self
            .span
            .map_or_else(Timing::default, |(started, finished)| Timing {
                queue: started.saturating_duration_since(submitted),
                inference: finished.saturating_duration_since(started),
            });
        let outcomes = std::mem::take(&mut self.outcomes);
        if let Some(done) = self.done.take() {
            // A caller that left meanwhile needs no answer.
            let _gone = done.send((outcomes.into_iter().flatten().collect(), timing));
        }
    }
}

impl Submission {
    pub(super) const fn new(
        ticket: Arc<Ticket>,
        done: oneshot::Receiver<Done>,
        queue: Arc<Queue>,
    ) -> Self {
        Self {
            ticket,
            done: Some(done),
            queue,
        }
    }

    /// Waits for every answer.
    ///
    /// # Errors
    /// [`EngineError::DeadlineExceeded`] when the deadline comes first.
    pub async fn outcomes(mut self) -> Result<(Outcomes, Timing), EngineError> {
        let deadline = tokio::time::Instant::from_std(self.ticket.deadline);
        let Some(done) = self.done.as_mut() else {
            return Err(EngineError::DeadlineExceeded);
        };
        // The sender lives in the ticket, which is held here: the channel does not close.
        let Ok(Ok((outcomes, timing))) = tokio::time::timeout_at(deadline, done).await else {
            return Err(EngineError::DeadlineExceeded);
        };
        self.done = None;
        self.queue.answered(timing);
        Ok((outcomes, timing))
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.done.is_some() {
            self.queue.leave(&self.ticket);
        }
    }
}

//! The state that the rows of one submission share.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::batcher::Priority;
use crate::outcome::{Outcomes, SeriesOutcome, Timing};
use crate::terms::Terms;

/// The state that the rows of one submission share.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) deadline: Instant,
    pub(super) priority: Priority,
    /// If true, the submission may wait until its deadline, because the caller declared it as bulk.
    pub(super) is_patient: bool,
    submitted: Instant,
    /// Changed under the lock of the queue, like the two counters below.
    is_abandoned: AtomicBool,
    queued_rows: AtomicUsize,
    queued_steps: AtomicUsize,
    /// Locked once for each batch that contains rows of this submission.
    collector: Mutex<OutcomeCollector>,
}

/// Collects the outcomes of a submission, and sends them once they are complete.
#[derive(Debug)]
struct OutcomeCollector {
    outcomes: Vec<Option<SeriesOutcome>>,
    unanswered: usize,
    /// The span from the start of the first run to the end of the last one.
    span: Option<RunSpan>,
    sender: Option<oneshot::Sender<Completion>>,
}

/// The message that completes a submission.
pub(super) type Completion = (Outcomes, Timing);

/// The start and the end of one or more runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunSpan {
    pub(super) started: Instant,
    pub(super) finished: Instant,
}

/// The rows of an abandoned submission that were still queued.
#[derive(Clone, Copy, Debug)]
pub(super) struct AbandonedRows {
    pub(super) rows: usize,
    pub(super) steps: usize,
}

impl RunSpan {
    /// Returns the smallest span that covers both.
    fn joined(self, other: Self) -> Self {
        Self {
            started: self.started.min(other.started),
            finished: self.finished.max(other.finished),
        }
    }
}

impl Ticket {
    /// Creates the ticket of a submission with these outcomes, of which those that are `None` have to
    /// be run.
    pub(super) fn new(
        terms: Terms,
        default_priority: Priority,
        outcomes: Vec<Option<SeriesOutcome>>,
    ) -> (Arc<Self>, oneshot::Receiver<Completion>) {
        let (sender, receiver) = oneshot::channel();
        let unanswered = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        let ticket = Self {
            deadline: terms.deadline,
            priority: terms.priority.unwrap_or(default_priority),
            is_patient: terms.is_patient(),
            submitted: Instant::now(),
            is_abandoned: AtomicBool::new(false),
            queued_rows: AtomicUsize::new(0),
            queued_steps: AtomicUsize::new(0),
            collector: Mutex::new(OutcomeCollector {
                outcomes,
                unanswered,
                span: None,
                sender: Some(sender),
            }),
        };
        (Arc::new(ticket), receiver)
    }

    /// Returns true if the caller stopped waiting.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Relaxed)
    }

    /// Marks the submission as abandoned, and returns the rows that were still queued.
    pub(super) fn abandon(&self) -> AbandonedRows {
        self.is_abandoned.store(true, Relaxed);
        AbandonedRows {
            rows: self.queued_rows.swap(0, Relaxed),
            steps: self.queued_steps.swap(0, Relaxed),
        }
    }

    /// Counts a row of `steps` that was queued.
    pub(super) fn add_queued_row(&self, steps: usize) {
        self.queued_rows.fetch_add(1, Relaxed);
        self.queued_steps.fetch_add(steps, Relaxed);
    }

    /// Counts a row of `steps` that left the queue.
    pub(super) fn remove_queued_row(&self, steps: usize) {
        self.queued_rows.fetch_sub(1, Relaxed);
        self.queued_steps.fetch_sub(steps, Relaxed);
    }

    /// Stores the outcomes of rows by their positions in the submission. The last outcome wakes the
    /// caller.
    pub(super) fn answer(
        &self,
        outcomes: impl IntoIterator<Item = (usize, SeriesOutcome)>,
        span: RunSpan,
    ) {
        let mut collector = self.lock();
        for (position, outcome) in outcomes {
            collector.outcomes[position] = Some(outcome);
            collector.unanswered -= 1;
        }
        collector.span = Some(collector.span.map_or(span, |before| before.joined(span)));
        collector.send_if_complete(self.submitted);
    }

    /// Wakes the caller if there is no row to run.
    pub(super) fn answer_if_empty(&self) {
        self.lock().send_if_complete(self.submitted);
    }

    /// A panic in another thread leaves the collector consistent, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, OutcomeCollector> {
        self.collector
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutcomeCollector {
    fn send_if_complete(&mut self, submitted: Instant) {
        if self.unanswered > 0 {
            return;
        }
        let timing = self.span.map_or_else(Timing::default, |span| Timing {
            queue: span.started.saturating_duration_since(submitted),
            inference: span.finished.saturating_duration_since(span.started),
        });
        let outcomes = std::mem::take(&mut self.outcomes);
        if let Some(sender) = self.sender.take() {
            // The receiver is gone if the caller stopped waiting in the meantime.
            let _gone = sender.send((outcomes.into_iter().flatten().collect(), timing));
        }
    }
}

//! The caller's handle to admitted requests.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::EngineError;
use crate::outcome::{Outcomes, Timing};
use crate::queue::Queue;
use crate::ticket::{Completion, Ticket};

/// Requests that were admitted.
///
/// Dropping a submission abandons the requests that have no answer yet: queued rows are removed from the
/// queue, and a run that no other submission waits for is stopped.
#[derive(Debug)]
pub struct Submission {
    ticket: Arc<Ticket>,
    /// `None` once the outcomes were received.
    receiver: Option<oneshot::Receiver<Completion>>,
    queue: Arc<Queue>,
}

impl Submission {
    pub(super) const fn new(
        ticket: Arc<Ticket>,
        receiver: oneshot::Receiver<Completion>,
        queue: Arc<Queue>,
    ) -> Self {
        Self {
            ticket,
            receiver: Some(receiver),
            queue,
        }
    }

    /// Waits for the outcome of every request.
    ///
    /// # Errors
    /// [`EngineError::DeadlineExceeded`] if the deadline passes first.
    pub async fn outcomes(mut self) -> Result<(Outcomes, Timing), EngineError> {
        let deadline = tokio::time::Instant::from_std(self.ticket.deadline);
        let Some(receiver) = self.receiver.as_mut() else {
            return Err(EngineError::DeadlineExceeded);
        };
        // The ticket owns the sender and is alive here, so the channel is not closed.
        let Ok(Ok((outcomes, timing))) = tokio::time::timeout_at(deadline, receiver).await else {
            return Err(EngineError::DeadlineExceeded);
        };
        self.receiver = None;
        self.queue.record_timing(timing);
        Ok((outcomes, timing))
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.receiver.is_some() {
            self.queue.abandon(&self.ticket);
        }
    }
}

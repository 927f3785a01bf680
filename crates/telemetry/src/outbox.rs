//! A bounded buffer that many threads fill and one thread empties, a batch at a time.
//!
//! Adding to it costs a lock and a copy, and a system call only if the emptying thread sleeps.
//! Items that do not fit are rejected, so that a request never waits for its log line or its spans.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A buffer shared by the threads that fill it and the thread that empties it.
#[derive(Debug, Default)]
pub(super) struct Outbox<B> {
    state: Mutex<OutboxState<B>>,
    /// Notified when an item was added, or a thread waits for the buffer to empty.
    wake: Condvar,
    /// Notified when the buffer is empty.
    empty: Condvar,
}

#[derive(Debug, Default)]
struct OutboxState<B> {
    queued: B,
    is_filled: bool,
    /// True while the emptying thread sleeps until it is woken.
    is_idle: bool,
    /// True while a batch is being sent.
    is_busy: bool,
    /// True if the next batch must not wait for more items.
    is_urgent: bool,
}

/// The outcome of adding to an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutOutcome {
    /// The item leaves with the next batch.
    Queued,
    /// The item is queued, and the batch should leave now.
    Urgent,
    /// There was no room for the item.
    Rejected,
}

impl<B: Default + Send + 'static> Outbox<B> {
    /// Starts a thread that passes batches to `send`: at once when they are urgent, otherwise
    /// `delay` after their first item.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub(super) fn start(
        name: &str,
        delay: Duration,
        mut send: impl FnMut(&mut B) + Send + 'static,
    ) -> std::io::Result<Arc<Self>> {
        let outbox = Arc::new(Self::default());
        let source = Arc::clone(&outbox);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut batch = B::default();
                loop {
                    source.take(&mut batch, delay);
                    send(&mut batch);
                }
            })?;
        Ok(outbox)
    }

    /// Calls `fill` with the buffer, to add an item to it.
    pub(super) fn put(&self, fill: impl FnOnce(&mut B) -> PutOutcome) -> PutOutcome {
        let mut state = self.lock();
        let outcome = fill(&mut state.queued);
        state.is_filled |= outcome != PutOutcome::Rejected;
        state.is_urgent |= outcome == PutOutcome::Urgent;
        let wakes = state.is_filled && (state.is_idle || outcome == PutOutcome::Urgent);
        // The first thread wakes the emptying thread; the others see that it is awake.
        state.is_idle &= !wakes;
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        outcome
    }

    /// Waits for up to `timeout` until everything was sent, and returns true if it was.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        state.is_urgent = true;
        self.wake.notify_one();
        let is_unsent = |state: &mut OutboxState<B>| state.is_filled || state.is_busy;
        let (state, wait) = self
            .empty
            .wait_timeout_while(state, timeout, is_unsent)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !wait.timed_out()
    }

    /// Records that the last batch was sent, and waits for the next one.
    fn take(&self, batch: &mut B, delay: Duration) {
        let mut state = self.lock();
        state.is_busy = false;
        if !state.is_filled {
            state.is_urgent = false;
            self.empty.notify_all();
        }
        while !state.is_filled {
            state.is_idle = true;
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_idle = false;
        let send_at = Instant::now() + delay;
        while !state.is_urgent {
            let remaining = send_at.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                break;
            }
            state = self
                .wake
                .wait_timeout(state, remaining)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        std::mem::swap(&mut state.queued, batch);
        state.is_filled = false;
        state.is_urgent = false;
        state.is_busy = true;
    }

    fn lock(&self) -> MutexGuard<'_, OutboxState<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    /// Starts an outbox of at most three numbers, and returns it with the receiver of its batches.
    fn outbox(delay: Duration) -> (Arc<Outbox<Vec<u32>>>, mpsc::Receiver<Vec<u32>>) {
        let (sender, receiver) = mpsc::sync_channel(0);
        let send = move |batch: &mut Vec<u32>| drop(sender.send(std::mem::take(batch)));
        (Outbox::start("test", delay, send).unwrap(), receiver)
    }

    fn put(outbox: &Outbox<Vec<u32>>, number: u32) -> PutOutcome {
        outbox.put(|queued| {
            if queued.len() == 3 {
                return PutOutcome::Rejected;
            }
            queued.push(number);
            PutOutcome::Queued
        })
    }

    #[test]
    fn items_leave_together_and_items_that_do_not_fit_are_rejected() {
        let (outbox, batches) = outbox(LONG);
        for number in 1..=3 {
            assert_eq!(put(&outbox, number), PutOutcome::Queued);
        }
        assert_eq!(put(&outbox, 4), PutOutcome::Rejected);
        assert!(!outbox.flush(Duration::ZERO));
        assert_eq!(batches.recv().unwrap(), [1, 2, 3]);
        assert!(outbox.flush(LONG));
        assert_eq!(put(&outbox, 5), PutOutcome::Queued);
    }

    #[test]
    fn an_urgent_item_sends_the_batch_at_once() {
        let (outbox, batches) = outbox(LONG);
        put(&outbox, 1);
        outbox.put(|queued| {
            queued.push(2);
            PutOutcome::Urgent
        });
        // The thread may have run between the two.
        let mut sent = batches.recv().unwrap();
        if sent.len() == 1 {
            sent.extend(batches.recv().unwrap());
        }
        assert_eq!(sent, [1, 2]);
    }

    #[test]
    fn no_item_of_many_threads_is_lost() {
        let (outbox, batches) = outbox(Duration::ZERO);
        let threads: Vec<_> = (0..4_u32)
            .map(|thread| {
                let outbox = Arc::clone(&outbox);
                std::thread::spawn(move || {
                    for number in 0..100 {
                        while put(&outbox, thread * 100 + number) == PutOutcome::Rejected {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut sent = Vec::new();
        while sent.len() < 400 {
            sent.extend(batches.recv().unwrap());
        }
        for thread in threads {
            thread.join().unwrap();
        }
        sent.sort_unstable();
        assert_eq!(sent, (0..400).collect::<Vec<_>>());
        assert!(outbox.flush(LONG));
    }
}

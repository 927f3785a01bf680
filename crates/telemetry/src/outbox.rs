//! A bounded buffer that many threads fill and one thread empties, a batch at a time.
//!
//! Filling it costs a lock and a copy: no system call unless the emptying thread sleeps. What does
//! not fit is refused, for a request never waits for its log line or its spans.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The buffer; shared by those who fill it and the thread that empties it.
#[derive(Debug, Default)]
pub(super) struct Outbox<B> {
    state: Mutex<State<B>>,
    /// Something is there, or somebody waits for it to leave.
    wake: Condvar,
    /// Nothing is left.
    empty: Condvar,
}

#[derive(Debug, Default)]
struct State<B> {
    waiting: B,
    is_filled: bool,
    /// The thread sleeps until it is woken.
    is_idle: bool,
    /// A batch is on its way.
    is_busy: bool,
    /// Do not collect more before the next batch leaves.
    is_urgent: bool,
}

/// What became of an attempt to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It will leave with the next batch.
    Kept,
    /// It is there, and the batch should leave now.
    Urgent,
    /// There was no room.
    Refused,
}

impl<B: Default + Send + 'static> Outbox<B> {
    /// Starts a thread that hands batches to `send`: at once when they are urgent, otherwise
    /// `pause` after their first piece.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        name: &str,
        pause: Duration,
        mut send: impl FnMut(&mut B) + Send + 'static,
    ) -> std::io::Result<Arc<Self>> {
        let outbox = Arc::new(Self::default());
        let emptied = Arc::clone(&outbox);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut batch = B::default();
                loop {
                    emptied.take(&mut batch, pause);
                    send(&mut batch);
                }
            })?;
        Ok(outbox)
    }

    /// Lets `fill` add to the buffer.
    pub(super) fn put(&self, fill: impl FnOnce(&mut B) -> Put) -> Put {
        let mut state = self.lock();
        let put = fill(&mut state.waiting);
        state.is_filled |= put != Put::Refused;
        state.is_urgent |= put == Put::Urgent;
        let wakes = state.is_filled && (state.is_idle || put == Put::Urgent);
        // One wakes the thread; the others find that it is awake.
        state.is_idle &= !wakes;
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        put
    }

    /// Waits until everything has left, for at most `patience`. Whether it has.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let mut state = self.lock();
        state.is_urgent = true;
        self.wake.notify_one();
        let unsent = |state: &mut State<B>| state.is_filled || state.is_busy;
        let (state, waited) = self
            .empty
            .wait_timeout_while(state, patience, unsent)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !waited.timed_out()
    }

    /// Says that the last batch has left, and waits for the next.
    fn take(&self, batch: &mut B, pause: Duration) {
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
        let leaves = Instant::now() + pause;
        while !state.is_urgent {
            let left = leaves.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .wake
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        std::mem::swap(&mut state.waiting, batch);
        state.is_filled = false;
        state.is_urgent = false;
        state.is_busy = true;
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    /// An outbox of at most three numbers that leave together, and where they arrive.
    fn outbox(pause: Duration) -> (Arc<Outbox<Vec<u32>>>, mpsc::Receiver<Vec<u32>>) {
        let (sender, receiver) = mpsc::sync_channel(0);
        let send = move |batch: &mut Vec<u32>| drop(sender.send(std::mem::take(batch)));
        (Outbox::start("test", pause, send).unwrap(), receiver)
    }

    fn put(outbox: &Outbox<Vec<u32>>, number: u32) -> Put {
        outbox.put(|waiting| {
            if waiting.len() == 3 {
                return Put::Refused;
            }
            waiting.push(number);
            Put::Kept
        })
    }

    #[test]
    fn pieces_leave_together_and_what_does_not_fit_is_refused() {
        let (outbox, arrived) = outbox(LONG);
        for number in 1..=3 {
            assert_eq!(put(&outbox, number), Put::Kept);
        }
        assert_eq!(put(&outbox, 4), Put::Refused);
        assert!(!outbox.flush(Duration::ZERO));
        assert_eq!(arrived.recv().unwrap(), [1, 2, 3]);
        assert!(outbox.flush(LONG));
        assert_eq!(put(&outbox, 5), Put::Kept);
    }

    #[test]
    fn an_urgent_piece_takes_the_others_with_it() {
        let (outbox, arrived) = outbox(LONG);
        put(&outbox, 1);
        outbox.put(|waiting| {
            waiting.push(2);
            Put::Urgent
        });
        // The thread may have been between the two.
        let mut all = arrived.recv().unwrap();
        if all.len() == 1 {
            all.extend(arrived.recv().unwrap());
        }
        assert_eq!(all, [1, 2]);
    }

    #[test]
    fn nothing_is_lost_between_many_threads() {
        let (outbox, arrived) = outbox(Duration::ZERO);
        let fillers = 0..4_u32;
        let fillers: Vec<_> = fillers
            .map(|filler| {
                let outbox = Arc::clone(&outbox);
                std::thread::spawn(move || {
                    for number in 0..100 {
                        while put(&outbox, filler * 100 + number) == Put::Refused {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        while all.len() < 400 {
            all.extend(arrived.recv().unwrap());
        }
        for filler in fillers {
            filler.join().unwrap();
        }
        all.sort_unstable();
        assert_eq!(all, (0..400).collect::<Vec<_>>());
        assert!(outbox.flush(LONG));
    }
}

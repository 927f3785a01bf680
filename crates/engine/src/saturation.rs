//! Whether there is more to do than workers to do it, and how the threads that read requests rest then.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many engines have rows that wait while every worker is busy. Shared by all of a process.
///
/// While there is one, reading more requests at once gains nothing: they would only wait, and each
/// time the thread that reads them wakes on a worker's core it takes the model's data out of the
/// caches. `almanac serve` lets those threads [rest](Saturation::rest) a moment then.
#[derive(Clone, Debug, Default)]
pub struct Saturation(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    saturated: AtomicUsize,
    /// Those of them that refused the last that was asked of them.
    refusing: AtomicUsize,
    /// Batches that were answered.
    answered: Mutex<u64>,
    more_answered: Condvar,
}

/// What one engine says of itself; takes it back when it ends.
#[derive(Debug, Default)]
pub(super) struct Saturated {
    all: Saturation,
    is_set: bool,
    is_refusing: bool,
}

/// Short beside any run of a model, so that what is read meanwhile comes in time for the next.
const REST: Duration = Duration::from_micros(300);

/// What is refused can wait a little longer for that, and costs less in tens: a refusal should take
/// less than 10 ms.
const REST_WHILE_REFUSING: Duration = Duration::from_millis(1);

thread_local! {
    /// The batches that were answered when this thread last rested.
    static SEEN: Cell<u64> = const { Cell::new(0) };
}

impl Saturation {
    /// Rests a moment if any engine is saturated: until a batch is answered, for its answers are to be
    /// written, and not at all if one was since this thread last rested.
    pub fn rest(&self) {
        let Self(shared) = self;
        let at_most = match (
            shared.saturated.load(Relaxed),
            shared.refusing.load(Relaxed),
        ) {
            (0, _) => return,
            (_, 0) => REST,
            (_, _) => REST_WHILE_REFUSING,
        };
        self.rest_at_most(at_most);
    }

    fn rest_at_most(&self, at_most: Duration) {
        let Self(shared) = self;
        let answered = shared.lock();
        if SEEN.replace(*answered) != *answered {
            return;
        }
        let seen = *answered;
        let waited = shared
            .more_answered
            .wait_timeout_while(answered, at_most, |answered| *answered == seen);
        let (answered, _) = waited.unwrap_or_else(PoisonError::into_inner);
        SEEN.set(*answered);
    }

    /// Ends every rest, after the answers of a batch were handed over.
    pub(super) fn batch_answered(&self) {
        let Self(shared) = self;
        *shared.lock() += 1;
        shared.more_answered.notify_all();
    }

    /// Whether any engine is saturated.
    #[cfg(test)]
    fn is_any(&self) -> bool {
        self.0.saturated.load(Relaxed) > 0
    }
}

impl Shared {
    /// A number is consistent whatever panicked elsewhere.
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Saturated {
    pub(super) fn new(all: Saturation) -> Self {
        Self {
            all,
            ..Self::default()
        }
    }

    /// Whether rows wait while every worker is busy.
    pub(super) fn set(&mut self, is_set: bool) {
        count(&self.all.0.saturated, &mut self.is_set, is_set);
    }

    /// Whether the last that was asked of the engine was refused.
    pub(super) fn set_refusing(&mut self, is_refusing: bool) {
        count(&self.all.0.refusing, &mut self.is_refusing, is_refusing);
    }
}

fn count(counter: &AtomicUsize, was: &mut bool, is: bool) {
    match (std::mem::replace(was, is), is) {
        (false, true) => {
            counter.fetch_add(1, Relaxed);
        }
        (true, false) => {
            counter.fetch_sub(1, Relaxed);
        }
        (false, false) | (true, true) => {}
    }
}

impl Drop for Saturated {
    fn drop(&mut self) {
        self.set(false);
        self.set_refusing(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_engine_once_and_forgets_it() {
        let all = Saturation::default();
        let mut one = Saturated::new(all.clone());
        let mut other = Saturated::new(all.clone());
        one.set(true);
        one.set(true);
        other.set(true);
        one.set(false);
        assert!(all.is_any());
        drop(other);
        assert!(!all.is_any());
    }

    #[test]
    fn an_answer_ends_a_rest_and_one_since_the_last_prevents_it() {
        const FOR_EVER: Duration = Duration::from_secs(3_600);
        let all = Saturation::default();
        all.batch_answered();
        all.rest_at_most(FOR_EVER);
        std::thread::scope(|scope| {
            let resting = scope.spawn(|| {
                all.rest_at_most(FOR_EVER);
                all.rest_at_most(FOR_EVER);
            });
            while !resting.is_finished() {
                all.batch_answered();
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn nobody_rests_while_nothing_waits() {
        let all = Saturation::default();
        let mut one = Saturated::new(all.clone());
        one.set_refusing(true);
        // Were it to rest, it would see the batch of before.
        SEEN.set(7);
        all.rest();
        assert_eq!(SEEN.get(), 7);
        one.set(true);
        all.rest();
        assert_eq!(SEEN.get(), 0);
    }
}

//! Detects that the engines have more work than workers, and pauses the threads that read requests.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The number of engines with queued rows and no idle worker. Shared by all engines of a process.
///
/// While an engine is saturated, reading more requests gains nothing: they would only wait, and each time
/// the thread that reads them wakes up on the core of a worker, it evicts the model's data from the caches.
/// `almanac serve` therefore [pauses](Saturation::pause) those threads.
#[derive(Clone, Debug, Default)]
pub struct Saturation(Arc<SaturationState>);

#[derive(Debug, Default)]
struct SaturationState {
    /// The number of saturated engines.
    saturated: AtomicUsize,
    /// The number of engines that refused their last request.
    refusing: AtomicUsize,
    /// The number of batches that were answered.
    answered: Mutex<u64>,
    more_answered: Condvar,
}

/// The contribution of one engine. Withdrawn when it is dropped.
#[derive(Debug, Default)]
pub(super) struct EngineSaturation {
    all: Saturation,
    is_saturated: bool,
    is_refusing: bool,
}

/// The maximum pause: short compared with a run of a model, so that requests that arrive in the meantime
/// are read in time for the next run.
const MAX_PAUSE: Duration = Duration::from_micros(300);

/// The maximum pause while requests are refused. Refusals can wait longer, and cost less in groups; a
/// refusal should take less than 10 ms.
const MAX_PAUSE_WHILE_REFUSING: Duration = Duration::from_millis(1);

thread_local! {
    /// The number of answered batches when this thread last paused.
    static LAST_ANSWERED: Cell<u64> = const { Cell::new(0) };
}

impl Saturation {
    /// Pauses the thread briefly if an engine is saturated.
    ///
    /// The pause ends when a batch is answered, because its answers have to be written. There is no pause
    /// if a batch was answered since this thread last paused.
    pub fn pause(&self) {
        let Self(state) = self;
        let max_pause = match (state.saturated.load(Relaxed), state.refusing.load(Relaxed)) {
            (0, _) => return,
            (_, 0) => MAX_PAUSE,
            (_, _) => MAX_PAUSE_WHILE_REFUSING,
        };
        self.pause_up_to(max_pause);
    }

    fn pause_up_to(&self, max_pause: Duration) {
        let Self(state) = self;
        let answered = state.lock();
        if LAST_ANSWERED.replace(*answered) != *answered {
            return;
        }
        let before = *answered;
        let (answered, _) = state
            .more_answered
            .wait_timeout_while(answered, max_pause, |answered| *answered == before)
            .unwrap_or_else(PoisonError::into_inner);
        LAST_ANSWERED.set(*answered);
    }

    /// Ends every pause, after the answers of a batch were sent.
    pub(super) fn notify_batch_answered(&self) {
        let Self(state) = self;
        *state.lock() += 1;
        state.more_answered.notify_all();
    }

    /// Returns true if an engine is saturated.
    #[cfg(test)]
    fn is_any(&self) -> bool {
        self.0.saturated.load(Relaxed) > 0
    }
}

impl SaturationState {
    /// A counter is consistent even if another thread panicked, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineSaturation {
    /// Creates the contribution of an engine that is not saturated.
    pub(super) fn new(all: Saturation) -> Self {
        Self {
            all,
            ..Self::default()
        }
    }

    /// Sets whether rows wait while every worker is busy.
    pub(super) fn set_saturated(&mut self, is_saturated: bool) {
        update(&self.all.0.saturated, &mut self.is_saturated, is_saturated);
    }

    /// Sets whether the engine refused its last request.
    pub(super) fn set_refusing(&mut self, is_refusing: bool) {
        update(&self.all.0.refusing, &mut self.is_refusing, is_refusing);
    }
}

/// Sets `flag` to `value`, and adjusts the number of flags that are true.
fn update(counter: &AtomicUsize, flag: &mut bool, value: bool) {
    match (std::mem::replace(flag, value), value) {
        (false, true) => {
            counter.fetch_add(1, Relaxed);
        }
        (true, false) => {
            counter.fetch_sub(1, Relaxed);
        }
        (false, false) | (true, true) => {}
    }
}

impl Drop for EngineSaturation {
    fn drop(&mut self) {
        self.set_saturated(false);
        self.set_refusing(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_counts_once_until_it_is_dropped() {
        let all = Saturation::default();
        let mut one = EngineSaturation::new(all.clone());
        let mut other = EngineSaturation::new(all.clone());
        one.set_saturated(true);
        one.set_saturated(true);
        other.set_saturated(true);
        one.set_saturated(false);
        assert!(all.is_any());
        drop(other);
        assert!(!all.is_any());
    }

    #[test]
    fn an_answered_batch_ends_a_pause_or_prevents_the_next_one() {
        const FOREVER: Duration = Duration::from_secs(3_600);
        let all = Saturation::default();
        all.notify_batch_answered();
        all.pause_up_to(FOREVER);
        std::thread::scope(|scope| {
            let paused = scope.spawn(|| {
                all.pause_up_to(FOREVER);
                all.pause_up_to(FOREVER);
            });
            while !paused.is_finished() {
                all.notify_batch_answered();
                std::thread::yield_now();
            }
        });
    }

    #[test]
    fn there_is_no_pause_unless_an_engine_is_saturated() {
        let all = Saturation::default();
        let mut one = EngineSaturation::new(all.clone());
        one.set_refusing(true);
        // A pause would replace this number.
        LAST_ANSWERED.set(7);
        all.pause();
        assert_eq!(LAST_ANSWERED.get(), 7);
        one.set_saturated(true);
        all.pause();
        assert_eq!(LAST_ANSWERED.get(), 0);
    }
}

//! Whether there is more to do than workers to do it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many engines have rows that wait while every worker is busy. Shared by all of a process.
///
/// While there is one, reading more requests at once gains nothing: they would only wait, and each
/// time the thread that reads them wakes on a worker's core it takes the model's data out of the
/// caches. `almanac serve` lets those threads rest a moment then.
#[derive(Clone, Debug, Default)]
pub struct Saturation(Arc<AtomicUsize>);

/// What one engine says of itself; takes it back when it ends.
#[derive(Debug, Default)]
pub(super) struct Saturated {
    all: Saturation,
    is_set: bool,
}

impl Saturation {
    /// Whether any engine is saturated.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

impl Saturated {
    pub(super) const fn new(all: Saturation) -> Self {
        Self { all, is_set: false }
    }

    pub(super) fn set(&mut self, is_set: bool) {
        if is_set == self.is_set {
            return;
        }
        self.is_set = is_set;
        let Saturation(count) = &self.all;
        if is_set {
            count.fetch_add(1, Relaxed);
        } else {
            count.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Saturated {
    fn drop(&mut self) {
        self.set(false);
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
}

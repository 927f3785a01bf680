//! What waits, and which of it forms the next batch. Pure: no clock, no lock, no thread.
//!
//! Rows wait in one lane for each [`Priority`], in buckets of like shape, each bucket in order of
//! arrival. A batch is made around the row that has waited longest in its lane, so none is starved;
//! the rest of it comes from the same bucket, so that a short series does not pay for a long one.

mod lane;
#[cfg(test)]
mod tests;

use self::lane::{Lane, Row};

/// How urgent a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// Part of a larger job: after what is interactive, but never starved by it.
    Bulk,
}

/// What one row asks of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Values of the series that the model sees, each as often as it does.
    pub context_length: usize,
    /// Steps to forecast.
    pub horizon: usize,
}

/// What is to become of a row that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is run.
    Run,
    /// Its time has passed.
    Expired,
    /// Its caller has left, and [`Batcher::release`] was told.
    Released,
}

/// What [`Batcher::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// The rows of the next batch.
    pub batch: Vec<T>,
    /// Rows whose time had passed.
    pub expired: Vec<T>,
}

/// Rows that wait for a model. `T` is what the caller keeps with each.
#[derive(Debug)]
pub struct Batcher<T> {
    interactive: Lane<T>,
    bulk: Lane<T>,
    arrivals: u64,
    interactive_in_a_row: usize,
}

/// While both wait, one batch in so many is bulk.
const BULK_SHARE: usize = 4;

/// What one run costs apart from its rows, in steps: rows of other buckets are taken along while the
/// padding that they make costs less than a run of their own. Measured on the bundled
/// model, one row of 156 steps of which takes two and a half times its share of a batch of 64.
const RUN_STEPS: usize = 256;

impl Shape {
    /// Steps, the unit of cost and of every bound.
    #[must_use]
    pub const fn steps(self) -> usize {
        self.context_length.saturating_add(self.horizon)
    }

    /// The shape of a batch that holds both.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            context_length: self.context_length.max(other.context_length),
            horizon: self.horizon.max(other.horizon),
        }
    }
}

impl<T> Batcher<T> {
    /// One with nothing in it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            interactive: Lane::new(),
            bulk: Lane::new(),
            arrivals: 0,
            interactive_in_a_row: 0,
        }
    }

    /// Puts a row behind those that wait.
    pub fn push(&mut self, priority: Priority, shape: Shape, item: T) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.lane_mut(priority).push(Row {
            arrival,
            shape,
            item,
        });
    }

    /// Takes the next batch: rows of one lane that cost at most `budget` steps together, each padded
    /// to the longest context and run to the longest horizon among them. One row is always taken,
    /// however long. Rows whose `fate` is not to run are dropped on the way.
    pub fn take(&mut self, budget: usize, fate: impl Fn(&T) -> Fate) -> Taken<T> {
        let mut taken = Taken {
            batch: Vec::new(),
            expired: Vec::new(),
        };
        let first = self.next_priority();
        for priority in [first, first.other()] {
            self.lane_mut(priority)
                .take(&mut taken, budget, RUN_STEPS, &fate);
            if !taken.batch.is_empty() {
                self.interactive_in_a_row = match priority {
                    Priority::Interactive => self.interactive_in_a_row + 1,
                    Priority::Bulk => 0,
                };
                break;
            }
        }
        taken
    }

    /// Stops counting `rows` of `steps` together, whose caller has left.
    ///
    /// From now on their fate must be [`Fate::Released`]. They are dropped when their turn comes, or
    /// once they are the greater part of what lies here.
    pub fn release(
        &mut self,
        priority: Priority,
        (rows, steps): (usize, usize),
        fate: impl Fn(&T) -> Fate,
    ) {
        self.lane_mut(priority).release(rows, steps, &fate);
    }

    /// Rows that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.interactive.len() + self.bulk.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Steps that wait.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.interactive.steps() + self.bulk.steps()
    }

    /// Steps that are run before a new row of `priority`, the share of the other lane aside.
    #[must_use]
    pub fn steps_before(&self, priority: Priority) -> usize {
        match priority {
            Priority::Interactive => self.interactive.steps(),
            Priority::Bulk => self.steps(),
        }
    }

    fn next_priority(&self) -> Priority {
        let bulk_is_due = self.interactive_in_a_row + 1 >= BULK_SHARE && self.bulk.len() > 0;
        if bulk_is_due {
            Priority::Bulk
        } else {
            Priority::Interactive
        }
    }

    const fn lane_mut(&mut self, priority: Priority) -> &mut Lane<T> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }
}

impl<T> Default for Batcher<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl Priority {
    const fn other(self) -> Self {
        match self {
            Self::Interactive => Self::Bulk,
            Self::Bulk => Self::Interactive,
        }
    }
}

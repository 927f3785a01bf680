//! The queued rows of an engine, and the choice of the next batch. Pure: no clock, no lock, no thread.
//!
//! Rows wait in one lane for each [`Priority`], in buckets of similar shape, each bucket in order of
//! arrival. A batch is built around the row that has waited longest in its lane, so no row starves. The
//! other rows come from the same bucket, so a short series is not padded to the length of a long one.

mod lane;
#[cfg(test)]
mod tests;

use self::lane::{Lane, LaneRow};

/// The urgency of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// A caller waits for the answer.
    #[default]
    Interactive,
    /// A part of a larger job. Run after interactive rows, but not starved by them.
    Bulk,
}

/// The size of a row, as the model processes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// The number of context values, each counted as often as the model processes it.
    pub context_length: usize,
    /// The number of steps to forecast.
    pub horizon: usize,
}

/// The status of a queued row, which decides whether it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// The row has to be run.
    Run,
    /// The deadline of the row has passed.
    Expired,
    /// The caller of the row stopped waiting, and [`Batcher::release`] was called.
    Released,
}

/// The rows that [`Batcher::take`] removed.
#[derive(Debug, PartialEq, Eq)]
pub struct TakenRows<T> {
    /// The rows of the next batch.
    pub batch: Vec<T>,
    /// The rows whose deadline had passed.
    pub expired: Vec<T>,
}

/// The rows that wait for a model. `T` is the caller's data of a row.
#[derive(Debug)]
pub struct Batcher<T> {
    interactive: Lane<T>,
    bulk: Lane<T>,
    arrivals: u64,
    /// The number of interactive batches since the last bulk batch.
    interactive_in_a_row: usize,
}

/// While both lanes have rows, one batch in this number is bulk.
const BULK_SHARE: usize = 4;

/// The fixed cost of one run, in steps. Rows of other buckets are added to a batch while the padding that
/// they cause costs less than a run of their own. Measured on the bundled model: one row of 156 steps
/// takes two and a half times its share of a batch of 64.
const RUN_STEPS: usize = 256;

impl RowShape {
    /// Returns the number of steps, the unit of costs and limits.
    #[must_use]
    pub const fn steps(self) -> usize {
        self.context_length.saturating_add(self.horizon)
    }

    /// Returns the shape of a batch that contains rows of both shapes.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            context_length: self.context_length.max(other.context_length),
            horizon: self.horizon.max(other.horizon),
        }
    }
}

impl<T> Batcher<T> {
    /// Creates a batcher without rows.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            interactive: Lane::new(),
            bulk: Lane::new(),
            arrivals: 0,
            interactive_in_a_row: 0,
        }
    }

    /// Appends a row to the lane of `priority`.
    pub fn push(&mut self, priority: Priority, shape: RowShape, item: T) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.lane_mut(priority).push(LaneRow {
            arrival,
            shape,
            item,
        });
    }

    /// Takes the next batch: rows of one lane that cost at most `budget` steps in total, each padded to the
    /// longest context and run to the longest horizon among them.
    ///
    /// At least one row is taken, however long. Rows whose `fate` is not [`RowStatus::Run`] are removed when
    /// they are encountered.
    pub fn take(&mut self, budget: usize, fate: impl Fn(&T) -> RowStatus) -> TakenRows<T> {
        let mut taken = TakenRows {
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

    /// Stops counting `rows` rows of `steps` steps in total, whose caller stopped waiting.
    ///
    /// From now on their fate must be [`RowStatus::Released`]. They are removed when they are encountered, or
    /// once they outnumber the other rows of the lane.
    pub fn release(
        &mut self,
        priority: Priority,
        rows: usize,
        steps: usize,
        fate: impl Fn(&T) -> RowStatus,
    ) {
        self.lane_mut(priority).release(rows, steps, &fate);
    }

    /// Returns the number of queued rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.interactive.len() + self.bulk.len()
    }

    /// Returns true if no row is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of queued steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.interactive.steps() + self.bulk.steps()
    }

    /// Returns the number of steps that are run before a new row of `priority`, ignoring the share of the
    /// other lane.
    #[must_use]
    pub fn steps_before(&self, priority: Priority) -> usize {
        match priority {
            Priority::Interactive => self.interactive.steps(),
            Priority::Bulk => self.steps(),
        }
    }

    fn next_priority(&self) -> Priority {
        let is_bulk_due = self.interactive_in_a_row + 1 >= BULK_SHARE && self.bulk.len() > 0;
        if is_bulk_due {
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

//! The rows of one priority, in buckets of similar shape.

use std::collections::{BTreeMap, VecDeque};

use crate::batcher::{RowShape, RowStatus, TakenRows};

/// A queued row.
#[derive(Debug)]
pub(super) struct LaneRow<T> {
    /// The position in the order of arrival, over all lanes.
    pub(super) arrival: u64,
    pub(super) shape: RowShape,
    pub(super) item: T,
}

/// The bucket of a shape: the binary logarithms of context length and horizon, rounded up. Padding within
/// a bucket at most doubles each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ShapeBucket {
    context: u32,
    horizon: u32,
}

/// The rows of one priority.
#[derive(Debug)]
pub(super) struct Lane<T> {
    /// The rows by bucket, in order of arrival. Empty buckets are removed.
    buckets: BTreeMap<ShapeBucket, VecDeque<LaneRow<T>>>,
    /// The number of rows that were not released.
    rows: usize,
    /// The number of steps of the rows that were not released.
    steps: usize,
    /// The number of released rows that are still in a bucket.
    released: usize,
}

/// A batch that is being filled.
struct BatchBuilder<'a, T> {
    taken: &'a mut TakenRows<T>,
    shape: RowShape,
    /// The number of steps, padding included.
    cost: usize,
    budget: usize,
}

impl ShapeBucket {
    const fn of(shape: RowShape) -> Self {
        const fn log2_ceil(length: usize) -> u32 {
            usize::BITS - length.saturating_sub(1).leading_zeros()
        }
        Self {
            context: log2_ceil(shape.context_length),
            horizon: log2_ceil(shape.horizon),
        }
    }
}

impl<T> Lane<T> {
    pub(super) const fn new() -> Self {
        Self {
            buckets: BTreeMap::new(),
            rows: 0,
            steps: 0,
            released: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.rows
    }

    pub(super) const fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn push(&mut self, row: LaneRow<T>) {
        self.rows += 1;
        self.steps += row.shape.steps();
        self.buckets
            .entry(ShapeBucket::of(row.shape))
            .or_default()
            .push_back(row);
    }

    /// Takes a batch as [`Batcher::take`](super::Batcher::take) does. `max_padding` is the number of steps
    /// that the rows of other buckets may cost in padding.
    pub(super) fn take(
        &mut self,
        taken: &mut TakenRows<T>,
        budget: usize,
        max_padding: usize,
        fate: &impl Fn(&T) -> RowStatus,
    ) {
        self.remove_fronts(taken, fate);
        let Some(home) = self.oldest_bucket() else {
            return;
        };
        let mut batch = BatchBuilder {
            taken,
            shape: RowShape {
                context_length: 0,
                horizon: 0,
            },
            cost: 0,
            budget,
        };
        self.fill_from(home, &mut batch, None, fate);
        let mut padding = max_padding;
        // Of the shorter buckets the longest first, of the longer ones the shortest first: they need the
        // least padding.
        let shorter = self.buckets.range(..home).rev();
        let longer = self.buckets.range(home..).skip(1);
        let others: Vec<_> = shorter.chain(longer).map(|(bucket, _)| *bucket).collect();
        for bucket in others {
            self.fill_from(bucket, &mut batch, Some(&mut padding), fate);
        }
        self.buckets.retain(|_, rows| !rows.is_empty());
    }

    /// Returns the bucket of the row that arrived first.
    fn oldest_bucket(&self) -> Option<ShapeBucket> {
        self.buckets
            .iter()
            .filter_map(|(bucket, rows)| Some((rows.front()?.arrival, *bucket)))
            .min()
            .map(|(_, bucket)| bucket)
    }

    /// Takes rows of `bucket` while they fit into the budget and, for a bucket other than the home bucket,
    /// into `padding`. Padding within the home bucket is not limited.
    fn fill_from(
        &mut self,
        bucket: ShapeBucket,
        batch: &mut BatchBuilder<'_, T>,
        mut padding: Option<&mut usize>,
        fate: &impl Fn(&T) -> RowStatus,
    ) {
        while let Some(row) = self.buckets.get(&bucket).and_then(VecDeque::front) {
            let (shape, is_run) = (row.shape, fate(&row.item) == RowStatus::Run);
            if is_run {
                let joined = batch.shape.joined(shape);
                let cost = batch.cost_of(joined);
                if cost > batch.budget && !batch.taken.batch.is_empty() {
                    break;
                }
                if let Some(padding) = padding.as_deref_mut() {
                    let needed = cost - batch.cost - shape.steps();
                    let Some(remaining) = padding.checked_sub(needed) else {
                        break;
                    };
                    *padding = remaining;
                }
                (batch.shape, batch.cost) = (joined, cost);
            }
            self.pop(bucket, batch.taken, fate);
        }
    }

    /// Removes the front row of `bucket`, and adds it to the batch or to the expired rows.
    fn pop(
        &mut self,
        bucket: ShapeBucket,
        taken: &mut TakenRows<T>,
        fate: &impl Fn(&T) -> RowStatus,
    ) {
        let Some(row) = self.buckets.get_mut(&bucket).and_then(VecDeque::pop_front) else {
            return;
        };
        let fate = fate(&row.item);
        if fate == RowStatus::Released {
            self.released -= 1;
            return;
        }
        self.rows -= 1;
        self.steps -= row.shape.steps();
        match fate {
            RowStatus::Run => taken.batch.push(row.item),
            RowStatus::Expired | RowStatus::Released => taken.expired.push(row.item),
        }
    }

    /// Removes the rows at the front of each bucket that are not to be run.
    fn remove_fronts(&mut self, taken: &mut TakenRows<T>, fate: &impl Fn(&T) -> RowStatus) {
        let buckets: Vec<_> = self.buckets.keys().copied().collect();
        for bucket in buckets {
            while let Some(row) = self.buckets.get(&bucket).and_then(VecDeque::front)
                && fate(&row.item) != RowStatus::Run
            {
                self.pop(bucket, taken, fate);
            }
        }
        self.buckets.retain(|_, rows| !rows.is_empty());
    }

    /// Stops counting released rows, as [`Batcher::release`](super::Batcher::release) does.
    pub(super) fn release(&mut self, rows: usize, steps: usize, fate: &impl Fn(&T) -> RowStatus) {
        self.rows -= rows;
        self.steps -= steps;
        self.released += rows;
        // Removing half of the rows at once costs as much as removing each one when it is encountered.
        if self.released > self.rows {
            for rows in self.buckets.values_mut() {
                rows.retain(|row| fate(&row.item) != RowStatus::Released);
            }
            self.buckets.retain(|_, rows| !rows.is_empty());
            self.released = 0;
        }
    }
}

impl<T> BatchBuilder<'_, T> {
    /// Returns the cost of the batch with one more row, if all rows are padded to `shape`.
    const fn cost_of(&self, shape: RowShape) -> usize {
        (self.taken.batch.len() + 1).saturating_mul(shape.steps())
    }
}

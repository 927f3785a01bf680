//! The rows of one priority, in buckets of like shape.

use std::collections::{BTreeMap, VecDeque};

use crate::batcher::{Fate, Shape, Taken};

/// One row that waits.
#[derive(Debug)]
pub(super) struct Row<T> {
    /// Its place in the order of arrival, over all lanes.
    pub(super) arrival: u64,
    pub(super) shape: Shape,
    pub(super) item: T,
}

/// Binary logarithms of context length and horizon, rounded up: in a bucket, padding at most
/// doubles each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bucket {
    context: u32,
    horizon: u32,
}

#[derive(Debug)]
pub(super) struct Lane<T> {
    /// None is empty.
    buckets: BTreeMap<Bucket, VecDeque<Row<T>>>,
    /// Rows and steps that count: not those released.
    rows: usize,
    steps: usize,
    /// Rows that were released and still lie in a bucket.
    released: usize,
}

/// A batch while it is filled.
struct Filling<'a, T> {
    taken: &'a mut Taken<T>,
    shape: Shape,
    /// Steps, padding included.
    cost: usize,
    budget: usize,
}

impl Bucket {
    const fn of(shape: Shape) -> Self {
        const fn log2_up(length: usize) -> u32 {
            usize::BITS - length.saturating_sub(1).leading_zeros()
        }
        Self {
            context: log2_up(shape.context_length),
            horizon: log2_up(shape.horizon),
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

    pub(super) fn push(&mut self, row: Row<T>) {
        self.rows += 1;
        self.steps += row.shape.steps();
        let bucket = self.buckets.entry(Bucket::of(row.shape)).or_default();
        bucket.push_back(row);
    }

    /// See [`Batcher::take`](super::Batcher::take). `run_steps` is how much padding rows of other
    /// buckets may need together.
    pub(super) fn take(
        &mut self,
        taken: &mut Taken<T>,
        budget: usize,
        run_steps: usize,
        fate: &impl Fn(&T) -> Fate,
    ) {
        self.drop_fronts(taken, fate);
        let oldest = |(bucket, rows): (&Bucket, &VecDeque<Row<T>>)| {
            rows.front().map(|row| (row.arrival, *bucket))
        };
        let Some((_, home)) = self.buckets.iter().filter_map(oldest).min() else {
            return;
        };
        let shape = Shape {
            context_length: 0,
            horizon: 0,
        };
        let mut filling = Filling {
            taken,
            shape,
            cost: 0,
            budget,
        };
        self.fill_from(home, &mut filling, None, fate);
        let mut padding = run_steps;
        // Of the shorter the longest first, and of the longer the shortest: they need least padding.
        let shorter = self.buckets.range(..home).rev();
        let longer = self.buckets.range(home..).skip(1);
        let others: Vec<Bucket> = shorter.chain(longer).map(|(bucket, _)| *bucket).collect();
        for bucket in others {
            self.fill_from(bucket, &mut filling, Some(&mut padding), fate);
        }
        self.buckets.retain(|_, rows| !rows.is_empty());
    }

    /// Takes rows of `bucket` while the budget holds, and `padding` where it counts. Inside the home
    /// bucket it does not: that is what a bucket allows.
    fn fill_from(
        &mut self,
        bucket: Bucket,
        filling: &mut Filling<'_, T>,
        mut padding: Option<&mut usize>,
        fate: &impl Fn(&T) -> Fate,
    ) {
        while let Some(row) = self.buckets.get(&bucket).and_then(VecDeque::front) {
            let (shape, is_run) = (row.shape, fate(&row.item) == Fate::Run);
            if is_run {
                let joined = filling.shape.joined(shape);
                let cost = filling.cost_of(joined);
                if cost > filling.budget && !filling.taken.batch.is_empty() {
                    break;
                }
                if let Some(padding) = padding.as_deref_mut() {
                    let needed = cost - filling.cost - shape.steps();
                    let Some(left) = padding.checked_sub(needed) else {
                        break;
                    };
                    *padding = left;
                }
                (filling.shape, filling.cost) = (joined, cost);
            }
            self.pop(bucket, filling.taken, fate);
        }
    }

    /// Moves the front row of `bucket` to where its fate wants it.
    fn pop(&mut self, bucket: Bucket, taken: &mut Taken<T>, fate: &impl Fn(&T) -> Fate) {
        let Some(row) = self.buckets.get_mut(&bucket).and_then(VecDeque::pop_front) else {
            return;
        };
        let fate = fate(&row.item);
        if fate == Fate::Released {
            self.released -= 1;
            return;
        }
        self.rows -= 1;
        self.steps -= row.shape.steps();
        match fate {
            Fate::Run => taken.batch.push(row.item),
            Fate::Expired | Fate::Released => taken.expired.push(row.item),
        }
    }

    fn drop_fronts(&mut self, taken: &mut Taken<T>, fate: &impl Fn(&T) -> Fate) {
        let buckets: Vec<Bucket> = self.buckets.keys().copied().collect();
        for bucket in buckets {
            while let Some(row) = self.buckets.get(&bucket).and_then(VecDeque::front)
                && fate(&row.item) != Fate::Run
            {
                self.pop(bucket, taken, fate);
            }
        }
        self.buckets.retain(|_, rows| !rows.is_empty());
    }

    /// See [`Batcher::release`](super::Batcher::release).
    pub(super) fn release(&mut self, rows: usize, steps: usize, fate: &impl Fn(&T) -> Fate) {
        self.rows -= rows;
        self.steps -= steps;
        self.released += rows;
        // Dropping half at once costs as much as dropping each when its turn comes.
        if self.released > self.rows {
            for rows in self.buckets.values_mut() {
                rows.retain(|row| fate(&row.item) != Fate::Released);
            }
            self.buckets.retain(|_, rows| !rows.is_empty());
            self.released = 0;
        }
    }
}

impl<T> Filling<'_, T> {
    /// The cost with one row more, when all are of `shape`.
    const fn cost_of(&self, shape: Shape) -> usize {
        (self.taken.batch.len() + 1).saturating_mul(shape.steps())
    }
}

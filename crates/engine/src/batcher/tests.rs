use std::collections::HashSet;

use proptest::prelude::*;

use super::{Batcher, Priority, RowShape, RowStatus};

const fn shape(context_length: usize, horizon: usize) -> RowShape {
    RowShape {
        context_length,
        horizon,
    }
}

/// Takes the next batch, with no row expired or released.
fn next_batch<T>(batcher: &mut Batcher<T>, budget: usize) -> Vec<T> {
    batcher.take(budget, |_| RowStatus::Run).batch
}

fn filled(rows: &[(Priority, RowShape)]) -> Batcher<usize> {
    let mut batcher = Batcher::new();
    for (number, (priority, shape)) in rows.iter().enumerate() {
        batcher.push(*priority, *shape, number);
    }
    batcher
}

const INTERACTIVE: Priority = Priority::Interactive;

#[test]
fn an_empty_batcher_gives_an_empty_batch() {
    assert!(next_batch(&mut Batcher::<()>::new(), 100).is_empty());
}

#[test]
fn a_row_over_the_budget_is_run_alone() {
    let mut batcher = filled(&[(INTERACTIVE, shape(500, 12)), (INTERACTIVE, shape(1, 1))]);
    assert_eq!(next_batch(&mut batcher, 100), [0]);
    assert_eq!(next_batch(&mut batcher, 100), [1]);
}

#[test]
fn padding_counts_against_the_budget() {
    // 3 x (16 + 2) = 54 fits 60; a fourth does not.
    let mut batcher = filled(&[(INTERACTIVE, shape(9, 2)); 3]);
    batcher.push(INTERACTIVE, shape(16, 2), 3);
    assert_eq!(next_batch(&mut batcher, 60), [0, 1, 2]);
    assert_eq!(next_batch(&mut batcher, 60), [3]);
}

#[test]
fn short_rows_are_not_padded_to_long_ones() {
    let (short, long) = (shape(100, 12), shape(2_000, 12));
    let mut batcher = filled(&[
        (INTERACTIVE, short),
        (INTERACTIVE, long),
        (INTERACTIVE, short),
        (INTERACTIVE, long),
    ]);
    assert_eq!(next_batch(&mut batcher, 100_000), [0, 2]);
    assert_eq!(next_batch(&mut batcher, 100_000), [1, 3]);
}

#[test]
fn rows_of_other_buckets_are_added_if_their_padding_costs_less_than_a_run() {
    let mut batcher = filled(&[
        (INTERACTIVE, shape(100, 12)),
        (INTERACTIVE, shape(20, 12)),
        (INTERACTIVE, shape(150, 12)),
    ]);
    assert_eq!(next_batch(&mut batcher, 100_000), [0, 1, 2]);
}

#[test]
fn interactive_rows_go_first_and_bulk_rows_get_their_share() {
    let mut rows = vec![(Priority::Bulk, shape(10, 1)); 2];
    rows.extend([(INTERACTIVE, shape(10, 1)); 8]);
    let mut batcher = filled(&rows);
    let order: Vec<_> = std::iter::from_fn(|| next_batch(&mut batcher, 1).pop()).collect();
    assert_eq!(order, [2, 3, 4, 0, 5, 6, 7, 1, 8, 9]);
}

#[test]
fn released_rows_are_neither_counted_nor_taken() {
    let mut batcher = filled(&[(INTERACTIVE, shape(10, 2)); 10]);
    let fate = |number: &usize| {
        if *number < 9 {
            RowStatus::Released
        } else {
            RowStatus::Run
        }
    };
    batcher.release(INTERACTIVE, 9, 9 * 12, fate);
    assert_eq!((batcher.len(), batcher.steps()), (1, 12));
    assert_eq!(batcher.take(1_000, fate).batch, [9]);
    assert_eq!((batcher.len(), batcher.steps()), (0, 0));
}

/// An operation on a batcher.
#[derive(Clone, Debug)]
enum Operation {
    Push(Priority, RowShape),
    Take(usize),
    /// Releases every row whose number has this remainder modulo 5.
    Release(usize),
    /// Expires every row whose number has this remainder modulo 5.
    Expire(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let priority = prop_oneof![Just(INTERACTIVE), Just(Priority::Bulk)];
    let push =
        (priority, 1_usize..3_000, 1_usize..1_000).prop_map(|(priority, context, horizon)| {
            Operation::Push(priority, shape(context, horizon))
        });
    let operation = prop_oneof![
        6 => push,
        2 => (1_usize..60_000).prop_map(Operation::Take),
        1 => (0_usize..5).prop_map(Operation::Release),
        1 => (0_usize..5).prop_map(Operation::Expire),
    ];
    prop::collection::vec(operation, 0..120)
}

/// A batcher, and the rows that it should contain.
#[derive(Default)]
struct ReferenceModel {
    batcher: Batcher<usize>,
    rows: Vec<(Priority, RowShape)>,
    waiting: Vec<usize>,
    released: HashSet<usize>,
    expired: HashSet<usize>,
}

impl ReferenceModel {
    fn fate(&self) -> impl Fn(&usize) -> RowStatus {
        |number| {
            if self.released.contains(number) {
                RowStatus::Released
            } else if self.expired.contains(number) {
                RowStatus::Expired
            } else {
                RowStatus::Run
            }
        }
    }

    fn apply(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        match *operation {
            Operation::Push(priority, shape) => {
                self.batcher.push(priority, shape, self.rows.len());
                self.waiting.push(self.rows.len());
                self.rows.push((priority, shape));
            }
            Operation::Expire(remainder) => {
                let expired = self
                    .waiting
                    .iter()
                    .filter(|number| *number % 5 == remainder);
                self.expired.extend(expired);
            }
            Operation::Release(remainder) => self.release(remainder),
            Operation::Take(budget) => self.take(budget)?,
        }
        let steps: usize = self
            .waiting
            .iter()
            .map(|number| self.rows[*number].1.steps())
            .sum();
        prop_assert_eq!(self.batcher.len(), self.waiting.len());
        prop_assert_eq!(self.batcher.steps(), steps);
        Ok(())
    }

    fn release(&mut self, remainder: usize) {
        for priority in [INTERACTIVE, Priority::Bulk] {
            let leaves =
                |number: &usize| number % 5 == remainder && self.rows[*number].0 == priority;
            let (leaving, staying): (Vec<_>, Vec<_>) =
                self.waiting.iter().copied().partition(leaves);
            let steps = leaving
                .iter()
                .map(|number| self.rows[*number].1.steps())
                .sum();
            let count = leaving.len();
            self.waiting = staying;
            self.released.extend(leaving);
            let mut batcher = std::mem::take(&mut self.batcher);
            batcher.release(priority, count, steps, self.fate());
            self.batcher = batcher;
        }
    }

    fn take(&mut self, budget: usize) -> Result<(), TestCaseError> {
        let mut batcher = std::mem::take(&mut self.batcher);
        let taken = batcher.take(budget, self.fate());
        self.batcher = batcher;
        let live = |number: &&usize| !self.expired.contains(*number);
        let any_live = self.waiting.iter().any(|number| live(&number));
        prop_assert_eq!(taken.batch.is_empty(), !any_live, "{:?}", taken);
        if let Some((priority, _)) = taken.batch.first().map(|number| self.rows[*number]) {
            // The rows are of one lane, include its oldest row, and cost at most the budget.
            let of_lane = |number: &&usize| self.rows[**number].0 == priority;
            prop_assert!(taken.batch.iter().all(|number| of_lane(&number)));
            let oldest = self.waiting.iter().filter(live).find(of_lane);
            prop_assert_eq!(Some(&taken.batch[0]), oldest);
            let shapes = || taken.batch.iter().map(|number| self.rows[*number].1);
            let joined = shapes().reduce(RowShape::joined).map_or(0, RowShape::steps);
            let cost = joined * taken.batch.len();
            prop_assert!(taken.batch.len() == 1 || cost <= budget);
            // Padding at most doubles the cost, apart from the rows of other buckets.
            let own: usize = shapes().map(RowShape::steps).sum();
            prop_assert!(cost <= 2 * own + super::RUN_STEPS, "{cost} for {own}");
        }
        for number in taken.batch.iter().chain(&taken.expired) {
            let position = self.waiting.iter().position(|waiting| waiting == number);
            prop_assert!(
                position.is_some(),
                "{} was taken twice or never queued",
                number
            );
            self.waiting.remove(position.unwrap());
        }
        prop_assert!(
            taken
                .expired
                .iter()
                .all(|number| self.expired.contains(number))
        );
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_row_is_taken_once_within_the_limits(operations in operations()) {
        let mut model = ReferenceModel::default();
        for operation in &operations {
            model.apply(operation)?;
        }
        // All queued rows, bulk rows included, are taken in a finite number of batches.
        for _ in 0..=model.waiting.len() {
            model.apply(&Operation::Take(1))?;
        }
        prop_assert!(model.waiting.is_empty());
    }
}

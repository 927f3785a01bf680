use std::collections::HashSet;

use proptest::prelude::*;

use super::{Batcher, Fate, Priority, Shape};

const fn shape(context_length: usize, horizon: usize) -> Shape {
    Shape {
        context_length,
        horizon,
    }
}

/// The rows of the next batch, when all live.
fn next<T>(batcher: &mut Batcher<T>, budget: usize) -> Vec<T> {
    batcher.take(budget, |_| Fate::Run).batch
}

fn filled(rows: &[(Priority, Shape)]) -> Batcher<usize> {
    let mut batcher = Batcher::new();
    for (number, (priority, shape)) in rows.iter().enumerate() {
        batcher.push(*priority, *shape, number);
    }
    batcher
}

const INTERACTIVE: Priority = Priority::Interactive;

#[test]
fn nothing_waits_nothing_is_taken() {
    assert!(next(&mut Batcher::<()>::new(), 100).is_empty());
}

#[test]
fn a_row_over_the_budget_is_run_alone() {
    let mut batcher = filled(&[(INTERACTIVE, shape(500, 12)), (INTERACTIVE, shape(1, 1))]);
    assert_eq!(next(&mut batcher, 100), [0]);
    assert_eq!(next(&mut batcher, 100), [1]);
}

#[test]
fn padding_counts_against_the_budget() {
    // 3 x (16 + 2) = 54 fits 60; a fourth does not.
    let mut batcher = filled(&[(INTERACTIVE, shape(9, 2)); 3]);
    batcher.push(INTERACTIVE, shape(16, 2), 3);
    assert_eq!(next(&mut batcher, 60), [0, 1, 2]);
    assert_eq!(next(&mut batcher, 60), [3]);
}

#[test]
fn short_rows_do_not_pay_for_long_ones() {
    let (short, long) = (shape(100, 12), shape(2_000, 12));
    let mut batcher = filled(&[
        (INTERACTIVE, short),
        (INTERACTIVE, long),
        (INTERACTIVE, short),
        (INTERACTIVE, long),
    ]);
    assert_eq!(next(&mut batcher, 100_000), [0, 2]);
    assert_eq!(next(&mut batcher, 100_000), [1, 3]);
}

#[test]
fn what_needs_less_padding_than_a_run_costs_is_taken_along() {
    let mut batcher = filled(&[
        (INTERACTIVE, shape(100, 12)),
        (INTERACTIVE, shape(20, 12)),
        (INTERACTIVE, shape(150, 12)),
    ]);
    assert_eq!(next(&mut batcher, 100_000), [0, 1, 2]);
}

#[test]
fn interactive_goes_first_and_bulk_has_its_share() {
    let mut rows = vec![(Priority::Bulk, shape(10, 1)); 2];
    rows.extend([(INTERACTIVE, shape(10, 1)); 8]);
    let mut batcher = filled(&rows);
    let order: Vec<_> = std::iter::from_fn(|| next(&mut batcher, 1).pop()).collect();
    assert_eq!(order, [2, 3, 4, 0, 5, 6, 7, 1, 8, 9]);
}

#[test]
fn released_rows_do_not_count_and_are_not_taken() {
    let mut batcher = filled(&[(INTERACTIVE, shape(10, 2)); 10]);
    let fate = |number: &usize| {
        if *number < 9 {
            Fate::Released
        } else {
            Fate::Run
        }
    };
    batcher.release(INTERACTIVE, (9, 9 * 12), fate);
    assert_eq!((batcher.len(), batcher.steps()), (1, 12));
    assert_eq!(batcher.take(1_000, fate).batch, [9]);
    assert_eq!((batcher.len(), batcher.steps()), (0, 0));
}

/// What may happen to a batcher.
#[derive(Clone, Debug)]
enum Step {
    Push(Priority, Shape),
    Take(usize),
    /// The caller of every row whose number leaves this remainder of 5 leaves.
    Release(usize),
    /// The time of such rows passes.
    Expire(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let priority = prop_oneof![Just(INTERACTIVE), Just(Priority::Bulk)];
    let push = (priority, 1_usize..3_000, 1_usize..1_000)
        .prop_map(|(priority, context, horizon)| Step::Push(priority, shape(context, horizon)));
    let step = prop_oneof![
        6 => push,
        2 => (1_usize..60_000).prop_map(Step::Take),
        1 => (0_usize..5).prop_map(Step::Release),
        1 => (0_usize..5).prop_map(Step::Expire),
    ];
    prop::collection::vec(step, 0..120)
}

/// A batcher, and what ought to be in it.
#[derive(Default)]
struct Model {
    batcher: Batcher<usize>,
    rows: Vec<(Priority, Shape)>,
    waiting: Vec<usize>,
    released: HashSet<usize>,
    expired: HashSet<usize>,
}

impl Model {
    fn fate(&self) -> impl Fn(&usize) -> Fate {
        |number| {
            if self.released.contains(number) {
                Fate::Released
            } else if self.expired.contains(number) {
                Fate::Expired
            } else {
                Fate::Run
            }
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Push(priority, shape) => {
                self.batcher.push(priority, shape, self.rows.len());
                self.waiting.push(self.rows.len());
                self.rows.push((priority, shape));
            }
            Step::Expire(remainder) => {
                let waiting = self.waiting.iter().copied();
                self.expired
                    .extend(waiting.filter(|number| number % 5 == remainder));
            }
            Step::Release(remainder) => self.release(remainder),
            Step::Take(budget) => self.take(budget)?,
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
            batcher.release(priority, (count, steps), self.fate());
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
            // All of one lane, its oldest among them, and no dearer than the budget.
            let of_lane = |number: &&usize| self.rows[**number].0 == priority;
            prop_assert!(taken.batch.iter().all(|number| of_lane(&number)));
            let oldest = self.waiting.iter().filter(live).find(of_lane);
            prop_assert_eq!(Some(&taken.batch[0]), oldest);
            let shapes = || taken.batch.iter().map(|number| self.rows[*number].1);
            let joined = shapes().reduce(Shape::joined).map_or(0, Shape::steps);
            let cost = joined * taken.batch.len();
            prop_assert!(taken.batch.len() == 1 || cost <= budget);
            // No row pays much more for its neighbours than twice its own steps.
            let own: usize = shapes().map(Shape::steps).sum();
            prop_assert!(cost <= 2 * own + super::RUN_STEPS, "{cost} for {own}");
        }
        for number in taken.batch.iter().chain(&taken.expired) {
            let place = self.waiting.iter().position(|waiting| waiting == number);
            prop_assert!(
                place.is_some(),
                "{} is given twice or was never there",
                number
            );
            self.waiting.remove(place.unwrap());
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
    fn every_row_leaves_once_within_the_bounds(steps in steps()) {
        let mut model = Model::default();
        for step in &steps {
            model.apply(step)?;
        }
        // What waits is all worked off, bulk too, in finitely many batches.
        for _ in 0..=model.waiting.len() {
            model.apply(&Step::Take(1))?;
        }
        prop_assert!(model.waiting.is_empty());
    }
}

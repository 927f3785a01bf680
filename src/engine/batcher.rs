//! Which of the waiting rows form the next batch. Pure.

/// How many rows from the front of the queue to run together.
///
/// Rows keep their order, so none is starved. All rows of a batch are padded to its longest context
/// and run to its longest horizon; together they cost at most `budget` steps. The first row is
/// always taken, however long. `rows` gives the context length and the horizon of each.
pub fn choose(rows: impl IntoIterator<Item = (usize, usize)>, budget: usize) -> usize {
    let (mut count, mut longest, mut furthest) = (0, 0, 0);
    for (context_length, horizon) in rows {
        longest = longest.max(context_length);
        furthest = furthest.max(horizon);
        let cost = (count + 1_usize).saturating_mul(longest.saturating_add(furthest));
        if count > 0 && cost > budget {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::choose;

    #[test]
    fn nothing_waits_nothing_is_chosen() {
        assert_eq!(choose([], 100), 0);
    }

    #[test]
    fn a_row_over_the_budget_is_run_alone() {
        assert_eq!(choose([(500, 12), (1, 1)], 100), 1);
    }

    #[test]
    fn padding_counts() {
        // 3 x (10 + 2) = 36 fits; with the long row it would be 4 x (100 + 2).
        assert_eq!(choose([(10, 2), (10, 2), (10, 2), (100, 2)], 100), 3);
    }

    proptest! {
        #[test]
        fn fills_the_budget_and_never_exceeds_it(
            rows in prop::collection::vec((1_usize..3_000, 1_usize..1_000), 1..60),
            budget in 1_usize..100_000,
        ) {
            let count = choose(rows.iter().copied(), budget);
            let cost = |count: usize| {
                let taken = &rows[..count];
                let longest = taken.iter().map(|row| row.0).max().unwrap_or(0);
                let furthest = taken.iter().map(|row| row.1).max().unwrap_or(0);
                count * (longest + furthest)
            };
            prop_assert!(count >= 1 && count <= rows.len());
            prop_assert!(count == 1 || cost(count) <= budget);
            prop_assert!(count == rows.len() || cost(count + 1) > budget);
        }
    }
}

//! Which lengths can be a season at all, found in `f32`.
//!
//! Nearly all lengths are nowhere near one. What they leave unexplained is bounded from below here,
//! so that only the few whose bound is promising are looked at in `f64`.

use std::array;

use super::level::{Errors, LEVELS};

const WIDTH: usize = LEVELS.len();

/// Steps that are squared at once. Six levels do not fill vectors of four; four times six do.
const AT_ONCE: usize = 4;

/// The most by which rounding to the nearest `f32` changes a number, as a share of it.
const ROUNDING: f32 = f32::EPSILON / 2.0;

/// Calls `with` for each length from 2 to the longest, in no order, with a bound from below on what
/// the means of its phases leave unexplained at the level where they leave least, as a share of the
/// squares of the best level.
///
/// The sums by phase of a length are those of its double with one half added to the other. So only
/// the lengths above half of the longest are summed from the errors.
pub(super) fn least_left(
    errors: &Errors,
    observed: Option<&[f64]>,
    longest: usize,
    mut with: impl FnMut(usize, f64),
) {
    let steps = errors.rows.len();
    let least = errors.least_squares();
    let squares = errors.squares.map(|squares| rounded(squares / least));
    let errors = of_unit_squares(errors);
    let observed: Option<Vec<f32>> =
        observed.map(|observed| observed.iter().copied().map(rounded).collect());
    let mut sums = vec![0.0; longest * WIDTH];
    let mut counts = vec![0.0; longest];
    for undivided in longest / 2 + 1..=longest {
        let mut sums = &mut sums[..undivided * WIDTH];
        let mut counts = &mut counts[..undivided];
        sum_cycles(&errors, sums);
        if let Some(observed) = &observed {
            sum_cycles(observed, counts);
        }
        loop {
            let length = counts.len();
            let explained = if observed.is_some() {
                explained(sums, counts)
            } else {
                explained_of_complete(sums, length, steps)
            };
            // Each sum has a term for each cycle and is squared, and each total has a term for each
            // phase. Every addition rounds once, and the dozen other operations are rounded up. By
            // the Cauchy-Schwarz inequality, all that is so summed is at most the squares, 1.
            let slack = (length + 2 * (steps / length) + 16) as f32 * ROUNDING;
            let mut left = f32::INFINITY;
            for (squares, explained) in squares.iter().zip(explained) {
                let of_level = squares * (1.0 - explained - slack);
                left = if of_level < left { of_level } else { left };
            }
            with(length, f64::from(left.max(0.0)));
            if length % 2 == 1 || length == 2 {
                break;
            }
            sums = halved(sums);
            counts = halved(counts);
        }
    }
}

/// The errors one step after the other, on scales on which the squares of each level sum to one.
fn of_unit_squares(errors: &Errors) -> Vec<f32> {
    let scales = errors.squares.map(|squares| 1.0 / squares.sqrt());
    let mut scaled = vec![0.0; errors.rows.len() * WIDTH];
    let (steps, _) = scaled.as_chunks_mut::<WIDTH>();
    for (step, row) in steps.iter_mut().zip(&errors.rows) {
        for ((scaled, error), scale) in step.iter_mut().zip(row).zip(scales) {
            *scaled = rounded(error * scale);
        }
    }
    scaled
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the bound allows for rounding"
)]
fn rounded(value: f64) -> f32 {
    value as f32
}

/// Sums of values as far apart as there are sums, of which there are at least two cycles.
///
/// Two or three cycles are added at once, as reading and writing the sums costs more than adding.
fn sum_cycles(values: &[f32], sums: &mut [f32]) {
    let length = sums.len();
    let (first, rest) = values.split_at(length);
    let (second, mut rest) = rest.split_at(length);
    if (values.len() / length).is_multiple_of(2) {
        for ((sum, first), second) in sums.iter_mut().zip(first).zip(second) {
            *sum = first + second;
        }
    } else {
        let (third, more) = rest.split_at(length);
        rest = more;
        for (((sum, first), second), third) in sums.iter_mut().zip(first).zip(second).zip(third) {
            *sum = first + second + third;
        }
    }
    let mut pairs = rest.chunks_exact(2 * length);
    for pair in &mut pairs {
        let (first, second) = pair.split_at(length);
        for ((sum, first), second) in sums.iter_mut().zip(first).zip(second) {
            *sum += first + second;
        }
    }
    for (sum, value) in sums.iter_mut().zip(pairs.remainder()) {
        *sum += value;
    }
}

/// The sums of half the length.
fn halved(sums: &mut [f32]) -> &mut [f32] {
    let (first, second) = sums.split_at_mut(sums.len() / 2);
    for (sum, other) in first.iter_mut().zip(second) {
        *sum += *other;
    }
    first
}

/// How much of the squares the means of the phases explain, by level.
fn explained(sums: &[f32], counts: &[f32]) -> [f32; WIDTH] {
    let mut totals = [0.0; AT_ONCE * WIDTH];
    let (blocks, rest) = sums.as_chunks::<{ AT_ONCE * WIDTH }>();
    let (counts_of_blocks, counts_of_rest) = counts.as_chunks::<AT_ONCE>();
    for (block, counts) in blocks.iter().zip(counts_of_blocks) {
        let weights = counts.map(|count| 1.0 / count.max(1.0));
        let weights: [f32; AT_ONCE * WIDTH] = array::from_fn(|place| weights[place / WIDTH]);
        for ((total, sum), weight) in totals.iter_mut().zip(block).zip(weights) {
            *total += sum * sum * weight;
        }
    }
    let mut explained = by_level(&totals);
    let (rest, _) = rest.as_chunks::<WIDTH>();
    for (sums, count) in rest.iter().zip(counts_of_rest) {
        let weight = 1.0 / count.max(1.0);
        for (explained, sum) in explained.iter_mut().zip(sums) {
            *explained += sum * sum * weight;
        }
    }
    explained
}

/// The same where no value is missing: the first phases have one cycle more than the others.
fn explained_of_complete(sums: &[f32], length: usize, steps: usize) -> [f32; WIDTH] {
    let cycles = (steps / length) as f32;
    let (of_more, of_fewer) = (1.0 / (cycles + 1.0), 1.0 / cycles);
    let (more, fewer) = sums.split_at(steps % length * WIDTH);
    let mut explained = sums_of_squares(more);
    for (explained, fewer) in explained.iter_mut().zip(sums_of_squares(fewer)) {
        *explained = *explained * of_more + fewer * of_fewer;
    }
    explained
}

fn sums_of_squares(sums: &[f32]) -> [f32; WIDTH] {
    let mut totals = [0.0; AT_ONCE * WIDTH];
    let (blocks, rest) = sums.as_chunks::<{ AT_ONCE * WIDTH }>();
    for block in blocks {
        for (total, sum) in totals.iter_mut().zip(block) {
            *total += sum * sum;
        }
    }
    let mut squares = by_level(&totals);
    let (rest, _) = rest.as_chunks::<WIDTH>();
    for sums in rest {
        for (square, sum) in squares.iter_mut().zip(sums) {
            *square += sum * sum;
        }
    }
    squares
}

fn by_level(totals: &[f32; AT_ONCE * WIDTH]) -> [f32; WIDTH] {
    let mut by_level = [0.0; WIDTH];
    let (steps, _) = totals.as_chunks::<WIDTH>();
    for step in steps {
        for (sum, total) in by_level.iter_mut().zip(step) {
            *sum += total;
        }
    }
    by_level
}

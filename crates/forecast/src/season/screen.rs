//! A fast screening of season lengths in `f32`.
//!
//! Nearly all lengths are far from a season. The screening computes a lower bound of the residual of each
//! length, so that only the few lengths with a promising bound are scored in `f64`.

use std::array;

use super::level::{LEVELS, LevelErrors};

const WIDTH: usize = LEVELS.len();

/// The number of steps that are squared at once. Six levels do not fill vectors of four; four times six do.
const BLOCK_STEPS: usize = 4;

/// The maximum relative error of rounding to the nearest `f32`.
const ROUNDING: f32 = f32::EPSILON / 2.0;

/// Calls `visit` for each length from 2 to the longest, in no particular order, with a lower bound of its
/// residual: the squares that the means of its phases do not explain, at the level where this is smallest,
/// as a share of the squares of the best level.
///
/// The sums by phase of a length are those of its double with one half added to the other, so only the
/// lengths above half of the longest are summed from the errors.
pub(super) fn residual_bounds(
    errors: &LevelErrors,
    observed: Option<&[f64]>,
    longest: usize,
    mut visit: impl FnMut(usize, f64),
) {
    let steps = errors.rows.len();
    let min_squares = errors.min_squares();
    let squares = errors.squares.map(|squares| rounded(squares / min_squares));
    let errors = normalised(errors);
    let observed: Option<Vec<f32>> =
        observed.map(|observed| observed.iter().copied().map(rounded).collect());
    let mut sums = vec![0.0; longest * WIDTH];
    let mut counts = vec![0.0; longest];
    for first_length in longest / 2 + 1..=longest {
        let mut sums = &mut sums[..first_length * WIDTH];
        let mut counts = &mut counts[..first_length];
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
            // phase. Every addition rounds once, and 16 covers the dozen other operations. By the
            // Cauchy-Schwarz inequality, all of these sums are at most the squares, 1.
            let slack = (length + 2 * (steps / length) + 16) as f32 * ROUNDING;
            let mut bound = f32::INFINITY;
            for (squares, explained) in squares.iter().zip(explained) {
                let level_bound = squares * (1.0 - explained - slack);
                bound = if level_bound < bound {
                    level_bound
                } else {
                    bound
                };
            }
            visit(length, f64::from(bound.max(0.0)));
            if length % 2 == 1 || length == 2 {
                break;
            }
            sums = halved(sums);
            counts = halved(counts);
        }
    }
}

/// Returns the errors step by step, scaled so that the squares of each level sum to one.
fn normalised(errors: &LevelErrors) -> Vec<f32> {
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

/// Computes `sums`, one for each phase of a cycle as long as the list, of at least two cycles of `values`.
///
/// Two or three cycles are added at once, because reading and writing the sums costs more than adding.
fn sum_cycles(values: &[f32], sums: &mut [f32]) {
    let length = sums.len();
    let (first, rest) = values.split_at(length);
    let (second, mut rest) = rest.split_at(length);
    if (values.len() / length).is_multiple_of(2) {
        for ((sum, first), second) in sums.iter_mut().zip(first).zip(second) {
            *sum = first + second;
        }
    } else {
        let (third, remaining) = rest.split_at(length);
        rest = remaining;
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

/// Returns the sums of half the length, computed in place.
fn halved(sums: &mut [f32]) -> &mut [f32] {
    let (first, second) = sums.split_at_mut(sums.len() / 2);
    for (sum, other) in first.iter_mut().zip(second) {
        *sum += *other;
    }
    first
}

/// Returns the share of the squares that the means of the phases explain, by level.
fn explained(sums: &[f32], counts: &[f32]) -> [f32; WIDTH] {
    let mut totals = [0.0; BLOCK_STEPS * WIDTH];
    let (blocks, rest) = sums.as_chunks::<{ BLOCK_STEPS * WIDTH }>();
    let (block_counts, rest_counts) = counts.as_chunks::<BLOCK_STEPS>();
    for (block, counts) in blocks.iter().zip(block_counts) {
        let weights = counts.map(|count| 1.0 / count.max(1.0));
        let weights: [f32; BLOCK_STEPS * WIDTH] = array::from_fn(|index| weights[index / WIDTH]);
        for ((total, sum), weight) in totals.iter_mut().zip(block).zip(weights) {
            *total += sum * sum * weight;
        }
    }
    let mut explained = by_level(&totals);
    let (rest, _) = rest.as_chunks::<WIDTH>();
    for (sums, count) in rest.iter().zip(rest_counts) {
        let weight = 1.0 / count.max(1.0);
        for (explained, sum) in explained.iter_mut().zip(sums) {
            *explained += sum * sum * weight;
        }
    }
    explained
}

/// Returns the same as [`explained`] for a series without missing values, in which the first phases have
/// one cycle more than the others.
fn explained_of_complete(sums: &[f32], length: usize, steps: usize) -> [f32; WIDTH] {
    let cycles = (steps / length) as f32;
    let (long_weight, short_weight) = (1.0 / (cycles + 1.0), 1.0 / cycles);
    let (long_phases, short_phases) = sums.split_at(steps % length * WIDTH);
    let mut explained = sums_of_squares(long_phases);
    for (explained, squares) in explained.iter_mut().zip(sums_of_squares(short_phases)) {
        *explained = *explained * long_weight + squares * short_weight;
    }
    explained
}

fn sums_of_squares(sums: &[f32]) -> [f32; WIDTH] {
    let mut totals = [0.0; BLOCK_STEPS * WIDTH];
    let (blocks, rest) = sums.as_chunks::<{ BLOCK_STEPS * WIDTH }>();
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

/// Adds the totals of a block up by level.
fn by_level(totals: &[f32; BLOCK_STEPS * WIDTH]) -> [f32; WIDTH] {
    let mut by_level = [0.0; WIDTH];
    let (steps, _) = totals.as_chunks::<WIDTH>();
    for step in steps {
        for (sum, total) in by_level.iter_mut().zip(step) {
            *sum += total;
        }
    }
    by_level
}

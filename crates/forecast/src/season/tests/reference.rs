//! The method of the module without what makes it quick, to compare with.

use super::super::level::LEVELS;
use super::super::{
    CALENDAR_LENGTHS, HEAD_START, MARGIN, MARGIN_OF_EVENTS, MOST_FINALISTS, MOST_STEPS,
    MOST_VALUES, NEARLY, score,
};

/// Fewer values than this show no season.
const FEWEST_VALUES: usize = 6;

/// Errors are cut off at so many standard deviations, so that two outliers do not look like a
/// season.
const CUT_OFF: f64 = 4.0;

/// The ratio of the standard deviation of a normal variable to its median absolute deviation.
const DEVIATIONS_PER_MEDIAN: f64 = 1.4826;

/// Orders of autocorrelation in the errors that are told apart from a season.
const ORDERS: usize = 3;

/// The season length by the plain method: every length is scored in `f64`, on the errors of one
/// level after the other.
pub(super) fn detect_season_length(values: &[f64], longest: usize) -> usize {
    let values = &values[values.len().saturating_sub(MOST_VALUES)..];
    let longest = longest.min(values.len() / 2).min(MOST_STEPS);
    if longest < 2 {
        return 1;
    }
    let Some(series) = Detrended::of(values) else {
        return 1;
    };
    let candidates = candidates(&series, longest);
    let margin = if series.is_eventful() {
        MARGIN_OF_EVENTS
    } else {
        MARGIN
    };
    let threshold = (2.0 * (longest as f64).ln()).sqrt() + margin;
    let mut finalists: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.score > threshold)
        .collect();
    finalists.sort_by(|left, right| right.score.total_cmp(&left.score));
    finalists
        .into_iter()
        .take(MOST_FINALISTS)
        .find(|finalist| whitened_score(&series, finalist) > threshold)
        .map_or(1, |winner| calendar_neighbour(winner, &candidates))
}

/// A season length and how well it does.
struct Candidate {
    length: usize,
    score: f64,
    /// Which of [`LEVELS`] leaves least unexplained.
    level: usize,
}

/// All lengths from 2 to the longest, scored.
fn candidates(series: &Detrended, longest: usize) -> Vec<Candidate> {
    // The errors of all levels lie side by side, so that one pass folds them all.
    let errors = LEVELS.map(|(rate, start)| series.errors(rate, start));
    let squares = errors.each_ref().map(|errors| sum_of_squares(errors));
    let unexplained = squares.iter().copied().fold(f64::INFINITY, f64::min);
    let rows: Vec<[f64; LEVELS.len()]> = (0..series.len())
        .map(|step| errors.each_ref().map(|errors| errors[step]))
        .collect();
    let observed = series.observed();
    let count: f64 = observed.iter().flatten().sum();
    let scored = |length| {
        let explained = explained(&rows, observed, length);
        let left = squares
            .iter()
            .zip(explained)
            .map(|(squares, explained)| squares - explained);
        let best = left
            .enumerate()
            .min_by(|one, other| one.1.total_cmp(&other.1));
        // There are levels to choose from, so the fallback is never taken.
        let (level, left) = best.unwrap_or((0, unexplained));
        let is_calendar = CALENDAR_LENGTHS.contains(&length);
        let head_start = if is_calendar { HEAD_START } else { 0.0 };
        let score = score(unexplained, left, count, length) + head_start;
        Candidate {
            length,
            score,
            level,
        }
    };
    (2..=longest).map(scored).collect()
}

/// The score after an autoregression of what the season leaves is filtered out of the errors.
///
/// A filter turns a season into another one of the same length, and a cycle of wandering length
/// into noise.
fn whitened_score(series: &Detrended, candidate: &Candidate) -> f64 {
    let length = candidate.length;
    let (rate, start) = LEVELS[candidate.level];
    let errors = series.errors(rate, start);
    let observed = series.observed();
    let rows: Vec<[f64; 1]> = errors.iter().map(|error| [*error]).collect();
    let counts = sums_by_phase(observed, length);
    let sums = sums_by_phase(&rows, length);
    let means = sums
        .iter()
        .zip(&counts)
        .map(|([sum], [count])| sum / count.max(1.0));
    let season: Vec<f64> = means.collect();
    let steps = errors.iter().zip(observed).zip(season.iter().cycle());
    let rest: Vec<f64> = steps
        .map(|((error, [seen]), mean)| error - mean * seen)
        .collect();
    let Some((errors, observed)) = whitened(&errors, &rest, observed) else {
        // Nothing is left, so the season is exact.
        return candidate.score;
    };
    let squares = sum_of_squares(&errors);
    let rows: Vec<[f64; 1]> = errors.iter().map(|error| [*error]).collect();
    let [explained] = explained(&rows, observed, length);
    score(
        squares,
        squares - explained,
        observed.iter().flatten().sum(),
        length,
    )
}

/// The winner, or a season of the calendar next to it that does nearly as well, where the winner is
/// none.
fn calendar_neighbour(winner: &Candidate, candidates: &[Candidate]) -> usize {
    if CALENDAR_LENGTHS.contains(&winner.length) {
        return winner.length;
    }
    let near = (winner.length / 25).max(1);
    candidates
        .iter()
        .filter(|other| CALENDAR_LENGTHS.contains(&other.length))
        .filter(|other| other.length.abs_diff(winner.length) <= near)
        .find(|other| other.score >= NEARLY * winner.score)
        .map_or(winner.length, |other| other.length)
}

/// How much of the squares of centred errors the means of the phases explain, by column.
fn explained<const N: usize>(rows: &[[f64; N]], observed: &[[f64; 1]], length: usize) -> [f64; N] {
    let counts = sums_by_phase(observed, length);
    let mut explained = [0.0; N];
    for (sums, [count]) in sums_by_phase(rows, length).iter().zip(&counts) {
        let weight = 1.0 / count.max(1.0);
        for (explained, sum) in explained.iter_mut().zip(sums) {
            *explained += sum * sum * weight;
        }
    }
    explained
}

/// Sums of every `length`-th row, by phase.
fn sums_by_phase<const N: usize>(rows: &[[f64; N]], length: usize) -> Vec<[f64; N]> {
    let mut sums = vec![[0.0; N]; length];
    for cycle in rows.chunks(length) {
        for (sums, row) in sums.iter_mut().zip(cycle) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
    sums
}

fn sum_of_squares(errors: &[f64]) -> f64 {
    errors.iter().map(|error| error * error).sum()
}

/// A series without its straight line, on a scale whose squares do not overflow.
struct Detrended {
    /// Zero where missing.
    values: Vec<f64>,
    /// One where observed, else zero.
    observed: Vec<[f64; 1]>,
    is_eventful: bool,
}

impl Detrended {
    /// `None` where there are too few values, or all lie on a line.
    fn of(values: &[f64]) -> Option<Self> {
        let scale = values.iter().filter(|value| value.is_finite());
        let scale = scale.fold(0.0, |scale: f64, value| scale.max(value.abs()));
        let steps = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite());
        let points: Vec<(f64, f64)> = steps
            .map(|(step, value)| (step as f64, value / scale))
            .collect();
        if points.len() < FEWEST_VALUES || scale < f64::MIN_POSITIVE {
            return None;
        }
        let line = line_through(&points);
        let mut detrended = vec![0.0; values.len()];
        let mut observed = vec![[0.0]; values.len()];
        let steps = values
            .iter()
            .enumerate()
            .zip(detrended.iter_mut().zip(&mut observed));
        for ((step, value), (detrended, observed)) in steps {
            if value.is_finite() {
                *detrended = value / scale - line(step as f64);
                *observed = [1.0];
            }
        }
        // On a scale of 1, what is left of a line is rounding.
        let is_line = detrended.iter().all(|value| value.abs() < 1e-12);
        let is_eventful = middle_half_is_equal(&points);
        (!is_line).then_some(Self {
            values: detrended,
            observed,
            is_eventful,
        })
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    /// One where a value is observed, else zero.
    fn observed(&self) -> &[[f64; 1]] {
        &self.observed
    }

    /// Whether at least half of the values are the same, so that the rest are events.
    fn is_eventful(&self) -> bool {
        self.is_eventful
    }

    /// The errors, centred and zero where missing, of a level that starts at the mean of the first
    /// values and moves by a share of each error.
    fn errors(&self, rate: f64, start: usize) -> Vec<f64> {
        let pairs = self.values.iter().zip(&self.observed);
        let first = pairs.clone().filter(|(_, [seen])| *seen > 0.0).take(start);
        let (sum, count) = first.fold((0.0, 0.0), |(sum, count), (value, _)| {
            (sum + value, count + 1.0)
        });
        let mut level = sum / f64::max(count, 1.0);
        let follow = |(value, [seen]): (&f64, &[f64; 1])| {
            let error = (value - level) * seen;
            level += rate * error;
            error
        };
        let mut errors: Vec<f64> = pairs.map(follow).collect();
        // Where most errors are equal their median says nothing about the events.
        if !self.is_eventful {
            cut_off(&mut errors, &self.observed);
        }
        centre(&mut errors, &self.observed);
        errors
    }
}

/// The errors that an autoregression of the `rest` does not foresee, and which of them are
/// observed; `None` where the rest is zero.
fn whitened<'a>(
    errors: &[f64],
    rest: &[f64],
    observed: &'a [[f64; 1]],
) -> Option<(Vec<f64>, &'a [[f64; 1]])> {
    let weights = autoregression(rest)?;
    let observed = observed.get(ORDERS..)?;
    let filter = |(window, [seen]): (&[f64], &[f64; 1])| {
        let before = window[..ORDERS].iter().rev().zip(weights);
        let expected: f64 = before.map(|(error, weight)| error * weight).sum();
        (window[ORDERS] - expected) * seen
    };
    let mut filtered: Vec<f64> = errors
        .windows(ORDERS + 1)
        .zip(observed)
        .map(filter)
        .collect();
    centre(&mut filtered, observed);
    Some((filtered, observed))
}

/// The straight line through points by least squares.
fn line_through(points: &[(f64, f64)]) -> impl Fn(f64) -> f64 + use<> {
    let count = points.len() as f64;
    let mean_step = points.iter().map(|(step, _)| step).sum::<f64>() / count;
    let mean = points.iter().map(|(_, value)| value).sum::<f64>() / count;
    let spread: f64 = points
        .iter()
        .map(|(step, _)| (step - mean_step).powi(2))
        .sum();
    let rise = |(step, value): &(f64, f64)| (step - mean_step) * (value - mean);
    let slope = points.iter().map(rise).sum::<f64>() / spread;
    move |step| mean + slope * (step - mean_step)
}

fn middle_half_is_equal(points: &[(f64, f64)]) -> bool {
    let mut sorted: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    // They are in order, so that not being less is being equal.
    sorted[sorted.len() / 4] >= sorted[sorted.len() * 3 / 4]
}

/// Cuts errors off at [`CUT_OFF`] standard deviations, as their median tells them.
fn cut_off(errors: &mut [f64], observed: &[[f64; 1]]) {
    let seen = errors
        .iter()
        .zip(observed)
        .filter(|(_, [seen])| *seen > 0.0);
    let mut sizes: Vec<f64> = seen.map(|(error, _)| error.abs()).collect();
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f64::total_cmp);
    let limit = CUT_OFF * DEVIATIONS_PER_MEDIAN * *median;
    if limit > 0.0 {
        for error in errors {
            *error = error.clamp(-limit, limit);
        }
    }
}

/// Subtracts the mean of the observed errors from each of them.
fn centre(errors: &mut [f64], observed: &[[f64; 1]]) {
    let count: f64 = observed.iter().flatten().sum();
    let mean = errors.iter().sum::<f64>() / count.max(1.0);
    for (error, [seen]) in errors.iter_mut().zip(observed) {
        *error -= mean * seen;
    }
}

/// The weights of an autoregression, latest first, by the Levinson-Durbin recursion; `None` for
/// zeros.
fn autoregression(values: &[f64]) -> Option<[f64; ORDERS]> {
    let covariance = |lag: usize| -> f64 {
        let later = values.iter().skip(lag);
        values
            .iter()
            .zip(later)
            .map(|(early, late)| early * late)
            .sum()
    };
    let mut weights = [0.0; ORDERS];
    let mut left = covariance(0);
    if left < 1e-24 {
        return None;
    }
    for order in 0..ORDERS {
        let known: f64 = (0..order)
            .map(|lag| weights[lag] * covariance(order - lag))
            .sum();
        let reflection = (covariance(order + 1) - known) / left;
        let previous = weights;
        for lag in 0..order {
            weights[lag] -= reflection * previous[order - 1 - lag];
        }
        weights[order] = reflection;
        left *= 1.0 - reflection * reflection;
        if left <= 0.0 {
            break;
        }
    }
    Some(weights)
}

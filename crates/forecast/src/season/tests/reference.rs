//! A straightforward implementation of the same method, without the optimisations, to compare with.

use super::super::level::LEVELS;
use super::super::{
    CALENDAR_BONUS, CALENDAR_LENGTHS, EVENTFUL_MARGIN, MARGIN, MAX_FINALISTS, MAX_LENGTH,
    MAX_VALUES, NEIGHBOUR_RATIO, score,
};

/// The minimum number of observed values for detection.
const MIN_VALUES: usize = 6;

/// The number of standard deviations at which errors are clipped, so that two outliers do not look like
/// a season.
const CLIP_DEVIATIONS: f64 = 4.0;

/// The ratio of the standard deviation of a normal variable to its median absolute deviation.
const DEVIATIONS_PER_MEDIAN: f64 = 1.4826;

/// The order of the autoregression that distinguishes autocorrelation from a season.
const ORDERS: usize = 3;

/// Detects the season length. Every length is scored in `f64`, on the errors of one level after the other.
pub(super) fn detect_season_length(values: &[f64], longest: usize) -> usize {
    let values = &values[values.len().saturating_sub(MAX_VALUES)..];
    let longest = longest.min(values.len() / 2).min(MAX_LENGTH);
    if longest < 2 {
        return 1;
    }
    let Some(series) = ReferenceSeries::new(values) else {
        return 1;
    };
    let candidates = candidates(&series, longest);
    let margin = if series.is_eventful() {
        EVENTFUL_MARGIN
    } else {
        MARGIN
    };
    let threshold = (2.0 * (longest as f64).ln()).sqrt() + margin;
    let mut finalists: Vec<&ReferenceCandidate> = candidates
        .iter()
        .filter(|candidate| candidate.score > threshold)
        .collect();
    finalists.sort_by(|left, right| right.score.total_cmp(&left.score));
    finalists
        .into_iter()
        .take(MAX_FINALISTS)
        .find(|finalist| whitened_score(&series, finalist) > threshold)
        .map_or(1, |winner| calendar_neighbour(winner, &candidates))
}

/// A season length and its score.
struct ReferenceCandidate {
    length: usize,
    score: f64,
    /// The index in [`LEVELS`] of the level with the smallest residual.
    level: usize,
}

/// Scores all lengths from 2 to the longest.
fn candidates(series: &ReferenceSeries, longest: usize) -> Vec<ReferenceCandidate> {
    // The errors of all levels are next to each other, so that one pass processes all levels.
    let errors = LEVELS.map(|(rate, start)| series.errors(rate, start));
    let squares = errors.each_ref().map(|errors| sum_of_squares(errors));
    let total = squares.iter().copied().fold(f64::INFINITY, f64::min);
    let rows: Vec<[f64; LEVELS.len()]> = (0..series.len())
        .map(|step| errors.each_ref().map(|errors| errors[step]))
        .collect();
    let observed = series.observed();
    let count: f64 = observed.iter().flatten().sum();
    let scored = |length| {
        let explained = explained(&rows, observed, length);
        let best = squares
            .iter()
            .zip(explained)
            .map(|(squares, explained)| squares - explained)
            .enumerate()
            .min_by(|left, right| left.1.total_cmp(&right.1));
        // LEVELS is not empty, so the default is never used.
        let (level, residual) = best.unwrap_or((0, total));
        let is_calendar = CALENDAR_LENGTHS.contains(&length);
        let bonus = if is_calendar { CALENDAR_BONUS } else { 0.0 };
        let score = score(total, residual, count, length) + bonus;
        ReferenceCandidate {
            length,
            score,
            level,
        }
    };
    (2..=longest).map(scored).collect()
}

/// Returns the score after the autoregression of the deseasonalised errors is filtered out of the errors.
///
/// The filter turns a season into another one of the same length, and a cycle of varying length into
/// noise.
fn whitened_score(series: &ReferenceSeries, candidate: &ReferenceCandidate) -> f64 {
    let length = candidate.length;
    let (rate, start) = LEVELS[candidate.level];
    let errors = series.errors(rate, start);
    let observed = series.observed();
    let rows: Vec<[f64; 1]> = errors.iter().map(|error| [*error]).collect();
    let counts = sums_by_phase(observed, length);
    let season: Vec<f64> = sums_by_phase(&rows, length)
        .iter()
        .zip(&counts)
        .map(|([sum], [count])| sum / count.max(1.0))
        .collect();
    let deseasonalised: Vec<f64> = errors
        .iter()
        .zip(observed)
        .zip(season.iter().cycle())
        .map(|((error, [weight]), mean)| error - mean * weight)
        .collect();
    let Some((errors, observed)) = whitened(&errors, &deseasonalised, observed) else {
        // The season explains the errors exactly.
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

/// Returns the length of the winner, or a neighbouring calendar length with nearly the same score if the
/// winner is not a calendar length.
fn calendar_neighbour(winner: &ReferenceCandidate, candidates: &[ReferenceCandidate]) -> usize {
    if CALENDAR_LENGTHS.contains(&winner.length) {
        return winner.length;
    }
    let max_distance = (winner.length / 25).max(1);
    candidates
        .iter()
        .filter(|other| CALENDAR_LENGTHS.contains(&other.length))
        .filter(|other| other.length.abs_diff(winner.length) <= max_distance)
        .find(|other| other.score >= NEIGHBOUR_RATIO * winner.score)
        .map_or(winner.length, |other| other.length)
}

/// Returns the sum of squares of centred errors that the means of the phases explain, by column.
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

/// Returns the sum of the rows of each phase.
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

/// A series without its linear trend, on a scale whose squares do not overflow.
struct ReferenceSeries {
    /// The values; zero if missing.
    values: Vec<f64>,
    /// The weight of each value: one if observed, zero if missing.
    observed: Vec<[f64; 1]>,
    is_eventful: bool,
}

impl ReferenceSeries {
    /// Removes the linear trend of `values`. Returns `None` if there are too few values, or all of them lie
    /// on a line.
    fn new(values: &[f64]) -> Option<Self> {
        let scale = values
            .iter()
            .filter(|value| value.is_finite())
            .fold(0.0, |scale: f64, value| scale.max(value.abs()));
        let points: Vec<(f64, f64)> = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite())
            .map(|(step, value)| (step as f64, value / scale))
            .collect();
        if points.len() < MIN_VALUES || scale < f64::MIN_POSITIVE {
            return None;
        }
        let line = line_through(&points);
        let mut detrended = vec![0.0; values.len()];
        let mut observed = vec![[0.0]; values.len()];
        for (step, value) in values.iter().enumerate() {
            if value.is_finite() {
                detrended[step] = value / scale - line(step as f64);
                observed[step] = [1.0];
            }
        }
        // On a scale of 1, the residual of a line is rounding.
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

    /// Returns the weight of each value: one if observed, zero if missing.
    fn observed(&self) -> &[[f64; 1]] {
        &self.observed
    }

    /// Returns true if at least half of the values are equal, so that the others are rare events.
    fn is_eventful(&self) -> bool {
        self.is_eventful
    }

    /// Returns the errors, centred and zero if missing, of a level that starts at the mean of the first
    /// values and moves by a share of each error.
    fn errors(&self, rate: f64, start: usize) -> Vec<f64> {
        let pairs = self.values.iter().zip(&self.observed);
        let (sum, count) = pairs
            .clone()
            .filter(|(_, [weight])| *weight > 0.0)
            .take(start)
            .fold((0.0, 0.0), |(sum, count), (value, _)| {
                (sum + value, count + 1.0)
            });
        let mut level = sum / f64::max(count, 1.0);
        let mut errors = Vec::with_capacity(self.len());
        for (value, [weight]) in pairs {
            let error = (value - level) * weight;
            level += rate * error;
            errors.push(error);
        }
        // If most errors are equal, their median is no measure of the size of the events.
        if !self.is_eventful {
            clip(&mut errors, &self.observed);
        }
        centre(&mut errors, &self.observed);
        errors
    }
}

/// Filters the autoregression of the `deseasonalised` errors out of `errors`. Returns the filtered errors
/// and their weights, or `None` if the deseasonalised errors are zero.
fn whitened<'a>(
    errors: &[f64],
    deseasonalised: &[f64],
    observed: &'a [[f64; 1]],
) -> Option<(Vec<f64>, &'a [[f64; 1]])> {
    let coefficients = autoregression(deseasonalised)?;
    let observed = observed.get(ORDERS..)?;
    let mut filtered = Vec::with_capacity(observed.len());
    for (window, [weight]) in errors.windows(ORDERS + 1).zip(observed) {
        let expected: f64 = window[..ORDERS]
            .iter()
            .rev()
            .zip(coefficients)
            .map(|(error, coefficient)| error * coefficient)
            .sum();
        filtered.push((window[ORDERS] - expected) * weight);
    }
    centre(&mut filtered, observed);
    Some((filtered, observed))
}

/// Returns the least-squares line of points.
fn line_through(points: &[(f64, f64)]) -> impl Fn(f64) -> f64 + use<> {
    let count = points.len() as f64;
    let mean_step = points.iter().map(|(step, _)| step).sum::<f64>() / count;
    let mean = points.iter().map(|(_, value)| value).sum::<f64>() / count;
    let spread: f64 = points
        .iter()
        .map(|(step, _)| (step - mean_step).powi(2))
        .sum();
    let rise: f64 = points
        .iter()
        .map(|(step, value)| (step - mean_step) * (value - mean))
        .sum();
    let slope = rise / spread;
    move |step| mean + slope * (step - mean_step)
}

fn middle_half_is_equal(points: &[(f64, f64)]) -> bool {
    let mut sorted: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    // The values are sorted, so the lower quartile equals the upper one unless it is less.
    sorted[sorted.len() / 4] >= sorted[sorted.len() * 3 / 4]
}

/// Clips errors at [`CLIP_DEVIATIONS`] standard deviations, estimated from their median size.
fn clip(errors: &mut [f64], observed: &[[f64; 1]]) {
    let mut sizes: Vec<f64> = errors
        .iter()
        .zip(observed)
        .filter(|(_, [weight])| *weight > 0.0)
        .map(|(error, _)| error.abs())
        .collect();
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable_by(middle, f64::total_cmp);
    let limit = CLIP_DEVIATIONS * DEVIATIONS_PER_MEDIAN * *median;
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
    for (error, [weight]) in errors.iter_mut().zip(observed) {
        *error -= mean * weight;
    }
}

/// Returns the coefficients of an autoregression, most recent value first, by the Levinson-Durbin
/// recursion. Returns `None` if all values are zero.
fn autoregression(values: &[f64]) -> Option<[f64; ORDERS]> {
    let covariance = |lag: usize| -> f64 {
        values
            .iter()
            .zip(values.iter().skip(lag))
            .map(|(earlier, later)| earlier * later)
            .sum()
    };
    let mut coefficients = [0.0; ORDERS];
    let mut variance = covariance(0);
    if variance < 1e-24 {
        return None;
    }
    for order in 0..ORDERS {
        let known: f64 = (0..order)
            .map(|lag| coefficients[lag] * covariance(order - lag))
            .sum();
        let reflection = (covariance(order + 1) - known) / variance;
        let previous = coefficients;
        for lag in 0..order {
            coefficients[lag] -= reflection * previous[order - 1 - lag];
        }
        coefficients[order] = reflection;
        variance *= 1.0 - reflection * reflection;
        if variance <= 0.0 {
            break;
        }
    }
    Some(coefficients)
}

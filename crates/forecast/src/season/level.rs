//! What is left of a series when its slow movements are taken away.

use std::cmp::Ordering;

/// Fewer values than this show no season.
const FEWEST_VALUES: f64 = 6.0;

/// How fast the level may follow the series, from not at all to a random walk, and from how many
/// values it starts: from as many as it would remember. The grid is coarse because the fit changes
/// slowly along it.
pub(super) const LEVELS: [(f64, usize); 6] = [
    (0.0, 0),
    (0.05, 20),
    (0.15, 7),
    (0.35, 3),
    (0.65, 2),
    (1.0, 1),
];

/// Errors are cut off at so many standard deviations, so that two outliers do not look like a
/// season.
const CUT_OFF: f64 = 4.0;

/// The ratio of the standard deviation of a normal variable to its median absolute deviation.
const DEVIATIONS_PER_MEDIAN: f64 = 1.4826;

/// Orders of autocorrelation in the errors that are told apart from a season.
const ORDERS: usize = 3;

/// A series without its straight line, on a scale whose squares do not overflow.
pub(super) struct Detrended {
    /// Zero where missing.
    values: Vec<f64>,
    /// One where observed, else zero.
    observed: Vec<f64>,
    /// How many are observed.
    count: f64,
    is_eventful: bool,
}

/// The errors of all levels, centred and zero where missing.
pub(super) struct Errors {
    /// By step, side by side, so that one pass is over all levels.
    pub(super) rows: Vec<[f64; LEVELS.len()]>,
    /// The sum of the squares of each level.
    pub(super) squares: [f64; LEVELS.len()],
}

impl Errors {
    /// The squares of the level that follows the series best.
    pub(super) fn least_squares(&self) -> f64 {
        self.squares.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl Detrended {
    /// `None` where there are too few values, or all lie on a line.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let finite = values.iter().filter(|value| value.is_finite());
        let scale = finite.fold(0.0, |scale: f64, value| scale.max(value.abs()));
        let seen = |value: &f64| if value.is_finite() { 1.0 } else { 0.0 };
        let observed: Vec<f64> = values.iter().map(seen).collect();
        let count: f64 = observed.iter().sum();
        if count < FEWEST_VALUES || scale < f64::MIN_POSITIVE {
            return None;
        }
        let scaled = |value: &f64| {
            if value.is_finite() {
                value / scale
            } else {
                0.0
            }
        };
        let mut values: Vec<f64> = values.iter().map(scaled).collect();
        let is_eventful = middle_half_is_equal(&values, &observed);
        subtract_line(&mut values, &observed, count);
        // On a scale of 1, what is left of a line is rounding.
        let is_line = values.iter().all(|value| value.abs() < 1e-12);
        (!is_line).then_some(Self {
            values,
            observed,
            count,
            is_eventful,
        })
    }

    /// One where a value is observed, else zero.
    pub(super) fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// Whether no value is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.observed.iter().all(|seen| *seen > 0.0)
    }

    /// How many values are observed.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// Whether at least half of the values are the same, so that the rest are events.
    pub(super) fn is_eventful(&self) -> bool {
        self.is_eventful
    }

    /// The errors of [`LEVELS`] that start at the mean of the first values and move by a share of
    /// each error.
    pub(super) fn errors(&self) -> Errors {
        let rates = LEVELS.map(|(rate, _)| rate);
        let mut levels = LEVELS.map(|(_, start)| self.mean_of_first(start));
        let follow = |(value, seen): (&f64, &f64)| {
            let mut errors = [0.0; LEVELS.len()];
            for ((error, level), rate) in errors.iter_mut().zip(&mut levels).zip(rates) {
                *error = (value - *level) * seen;
                *level += rate * *error;
            }
            errors
        };
        let mut rows: Vec<_> = self.values.iter().zip(&self.observed).map(follow).collect();
        // Where most errors are equal their median says nothing about the events.
        if !self.is_eventful {
            cut_off(&mut rows, &self.observed);
        }
        centre(&mut rows, &self.observed);
        let mut squares = [0.0; LEVELS.len()];
        for row in &rows {
            for (square, error) in squares.iter_mut().zip(row) {
                *square += error * error;
            }
        }
        Errors { rows, squares }
    }

    fn mean_of_first(&self, start: usize) -> f64 {
        let pairs = self.values.iter().zip(&self.observed);
        let first = pairs.filter(|(_, seen)| **seen > 0.0).take(start);
        let (sum, count) = first.fold((0.0, 0.0), |(sum, count), (value, _)| {
            (sum + value, count + 1.0)
        });
        sum / f64::max(count, 1.0)
    }
}

/// The errors that an autoregression of the `rest` does not foresee, and which of them are
/// observed; `None` where the rest is zero.
pub(super) fn whitened<'a>(
    errors: &[[f64; 1]],
    rest: &[f64],
    observed: &'a [f64],
) -> Option<(Vec<[f64; 1]>, &'a [f64])> {
    let weights = autoregression(rest)?;
    let observed = observed.get(ORDERS..)?;
    let filter = |(window, seen): (&[[f64; 1]], &f64)| {
        let before = window[..ORDERS].iter().rev().zip(weights);
        let expected: f64 = before.map(|([error], weight)| error * weight).sum();
        [(window[ORDERS][0] - expected) * seen]
    };
    let mut filtered: Vec<[f64; 1]> = errors
        .windows(ORDERS + 1)
        .zip(observed)
        .map(filter)
        .collect();
    centre(&mut filtered, observed);
    Some((filtered, observed))
}

/// Subtracts the straight line through the observed values by least squares.
fn subtract_line(values: &mut [f64], observed: &[f64], count: f64) {
    let (mut steps, mut sum) = (0.0, 0.0);
    for (step, (value, seen)) in values.iter().zip(observed).enumerate() {
        steps += step as f64 * seen;
        sum += value;
    }
    let (mean_step, mean) = (steps / count, sum / count);
    let (mut spread, mut rise) = (0.0, 0.0);
    for (step, (value, seen)) in values.iter().zip(observed).enumerate() {
        let step = (step as f64 - mean_step) * seen;
        spread += step * step;
        rise += step * (value - mean);
    }
    let slope = rise / spread;
    for (step, (value, seen)) in values.iter_mut().zip(observed).enumerate() {
        *value -= (mean + slope * (step as f64 - mean_step)) * seen;
    }
}

/// Whether the quartiles are the same value. It is then more than half of the values, and the one
/// that is left when pairs of values that differ are struck out (Boyer and Moore 1991).
fn middle_half_is_equal(values: &[f64], observed: &[f64]) -> bool {
    let points = values.iter().zip(observed);
    let points = points
        .filter(|(_, seen)| **seen > 0.0)
        .map(|(value, _)| *value);
    let (mut middle, mut lead) = (f64::NAN, 0_usize);
    for value in points.clone() {
        if lead == 0 {
            middle = value;
        }
        if value.partial_cmp(&middle) == Some(Ordering::Equal) {
            lead += 1;
        } else {
            lead -= 1;
        }
    }
    let (mut count, mut less, mut greater) = (0_usize, 0, 0);
    for value in points {
        count += 1;
        less += usize::from(value < middle);
        greater += usize::from(value > middle);
    }
    less <= count / 4 && count - greater > count * 3 / 4
}

/// Cuts the errors of each level off at [`CUT_OFF`] standard deviations, as their median tells
/// them.
///
/// The median is sought only where it cuts: where so many errors have a limit below the largest of
/// them that the median is one of those.
fn cut_off<const N: usize>(rows: &mut [[f64; N]], observed: &[f64]) {
    const LIMIT: f64 = CUT_OFF * DEVIATIONS_PER_MEDIAN;
    let mut largest = [0.0; N];
    for row in &*rows {
        for (largest, error) in largest.iter_mut().zip(row) {
            let size = error.abs();
            *largest = if size > *largest { size } else { *largest };
        }
    }
    // Missing ones are among them, as they are zero.
    let mut too_small = [0.0; N];
    for row in &*rows {
        for ((too_small, error), largest) in too_small.iter_mut().zip(row).zip(largest) {
            let is_too_small = LIMIT * error.abs() < largest;
            *too_small += if is_too_small { 1.0 } else { 0.0 };
        }
    }
    let count: f64 = observed.iter().sum();
    let missing = observed.len() as f64 - count;
    for (level, too_small) in too_small.into_iter().enumerate() {
        // The median has half of the errors before it, rounded down.
        if too_small - missing <= (count / 2.0).floor() {
            continue;
        }
        let seen = rows.iter().zip(observed).filter(|(_, seen)| **seen > 0.0);
        let mut sizes: Vec<f64> = seen.map(|(row, _)| row[level].abs()).collect();
        let middle = sizes.len() / 2;
        let (_, median, _) = sizes.select_nth_unstable_by(middle, f64::total_cmp);
        let limit = LIMIT * *median;
        if limit > 0.0 {
            for row in &mut *rows {
                row[level] = row[level].clamp(-limit, limit);
            }
        }
    }
}

/// Subtracts the mean of the observed errors from each of them.
fn centre<const N: usize>(rows: &mut [[f64; N]], observed: &[f64]) {
    let count: f64 = observed.iter().sum();
    let mut sums = [0.0; N];
    for row in &*rows {
        for (sum, error) in sums.iter_mut().zip(row) {
            *sum += error;
        }
    }
    let means = sums.map(|sum| sum / count.max(1.0));
    for (row, seen) in rows.iter_mut().zip(observed) {
        for (error, mean) in row.iter_mut().zip(means) {
            *error -= mean * seen;
        }
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

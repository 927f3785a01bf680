//! The one-step errors of a series around a slowly moving level.

use std::cmp::Ordering;

/// The minimum number of observed values for detection.
const MIN_VALUES: f64 = 6.0;

/// The smoothing rates of the levels, from a constant to a random walk, and the number of first values
/// whose mean each level starts from: as many as the level remembers. The grid is coarse because the fit
/// changes slowly along it.
pub(super) const LEVELS: [(f64, usize); 6] = [
    (0.0, 0),
    (0.05, 20),
    (0.15, 7),
    (0.35, 3),
    (0.65, 2),
    (1.0, 1),
];

/// The number of standard deviations at which errors are clipped, so that two outliers do not look like
/// a season.
const CLIP_DEVIATIONS: f64 = 4.0;

/// The ratio of the standard deviation of a normal variable to its median absolute deviation.
const DEVIATIONS_PER_MEDIAN: f64 = 1.4826;

/// The order of the autoregression that distinguishes autocorrelation from a season.
const ORDERS: usize = 3;

/// A series without its linear trend, on a scale whose squares do not overflow.
pub(super) struct DetrendedSeries {
    /// The values; zero if missing.
    values: Vec<f64>,
    /// The weight of each value: one if observed, zero if missing.
    observed: Vec<f64>,
    /// The number of observed values.
    count: f64,
    is_eventful: bool,
}

/// The errors of all levels, centred, and zero if missing.
pub(super) struct LevelErrors {
    /// The errors of all levels at each step, next to each other, so that one pass processes all levels.
    pub(super) rows: Vec<[f64; LEVELS.len()]>,
    /// The sum of squared errors of each level.
    pub(super) squares: [f64; LEVELS.len()],
}

impl LevelErrors {
    /// Returns the sum of squares of the level that fits the series best.
    pub(super) fn min_squares(&self) -> f64 {
        self.squares.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl DetrendedSeries {
    /// Removes the linear trend of `values`. Returns `None` if there are too few values, or all of them lie
    /// on a line.
    pub(super) fn new(values: &[f64]) -> Option<Self> {
        let scale = values
            .iter()
            .filter(|value| value.is_finite())
            .fold(0.0, |scale: f64, value| scale.max(value.abs()));
        let weight = |value: &f64| if value.is_finite() { 1.0 } else { 0.0 };
        let observed: Vec<f64> = values.iter().map(weight).collect();
        let count: f64 = observed.iter().sum();
        if count < MIN_VALUES || scale < f64::MIN_POSITIVE {
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
        // On a scale of 1, the residual of a line is rounding.
        let is_line = values.iter().all(|value| value.abs() < 1e-12);
        (!is_line).then_some(Self {
            values,
            observed,
            count,
            is_eventful,
        })
    }

    /// Returns the weight of each value: one if observed, zero if missing.
    pub(super) fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// Returns true if no value is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.observed.iter().all(|weight| *weight > 0.0)
    }

    /// Returns the number of observed values.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// Returns true if at least half of the values are equal, so that the others are rare events.
    pub(super) fn is_eventful(&self) -> bool {
        self.is_eventful
    }

    /// Returns the one-step errors of [`LEVELS`], each of which starts at the mean of the first values and
    /// moves by a share of each error.
    pub(super) fn errors(&self) -> LevelErrors {
        let rates = LEVELS.map(|(rate, _)| rate);
        let mut levels = LEVELS.map(|(_, start)| self.mean_of_first(start));
        let mut rows = Vec::with_capacity(self.values.len());
        for (value, weight) in self.values.iter().zip(&self.observed) {
            let mut errors = [0.0; LEVELS.len()];
            for ((error, level), rate) in errors.iter_mut().zip(&mut levels).zip(rates) {
                *error = (value - *level) * weight;
                *level += rate * *error;
            }
            rows.push(errors);
        }
        // If most errors are equal, their median is no measure of the size of the events.
        if !self.is_eventful {
            clip(&mut rows, &self.observed);
        }
        centre(&mut rows, &self.observed);
        let mut squares = [0.0; LEVELS.len()];
        for row in &rows {
            for (square, error) in squares.iter_mut().zip(row) {
                *square += error * error;
            }
        }
        LevelErrors { rows, squares }
    }

    fn mean_of_first(&self, start: usize) -> f64 {
        let (sum, count) = self
            .values
            .iter()
            .zip(&self.observed)
            .filter(|(_, weight)| **weight > 0.0)
            .take(start)
            .fold((0.0, 0.0), |(sum, count), (value, _)| {
                (sum + value, count + 1.0)
            });
        sum / f64::max(count, 1.0)
    }
}

/// Filters the autoregression of the `deseasonalised` errors out of `errors`. Returns the filtered errors
/// and their weights, or `None` if the deseasonalised errors are zero.
pub(super) fn whitened<'a>(
    errors: &[[f64; 1]],
    deseasonalised: &[f64],
    observed: &'a [f64],
) -> Option<(Vec<[f64; 1]>, &'a [f64])> {
    let coefficients = autoregression(deseasonalised)?;
    let observed = observed.get(ORDERS..)?;
    let mut filtered = Vec::with_capacity(observed.len());
    for (window, weight) in errors.windows(ORDERS + 1).zip(observed) {
        let expected: f64 = window[..ORDERS]
            .iter()
            .rev()
            .zip(coefficients)
            .map(|([error], coefficient)| error * coefficient)
            .sum();
        filtered.push([(window[ORDERS][0] - expected) * weight]);
    }
    centre(&mut filtered, observed);
    Some((filtered, observed))
}

/// Subtracts the least-squares line of the observed values.
fn subtract_line(values: &mut [f64], observed: &[f64], count: f64) {
    let (mut steps, mut sum) = (0.0, 0.0);
    for (step, (value, weight)) in values.iter().zip(observed).enumerate() {
        steps += step as f64 * weight;
        sum += value;
    }
    let (mean_step, mean) = (steps / count, sum / count);
    let (mut spread, mut rise) = (0.0, 0.0);
    for (step, (value, weight)) in values.iter().zip(observed).enumerate() {
        let step = (step as f64 - mean_step) * weight;
        spread += step * step;
        rise += step * (value - mean);
    }
    let slope = rise / spread;
    for (step, (value, weight)) in values.iter_mut().zip(observed).enumerate() {
        *value -= (mean + slope * (step as f64 - mean_step)) * weight;
    }
}

/// Returns true if both quartiles are the same value. More than half of the values are then equal to it,
/// so it is the result of the majority vote algorithm (Boyer and Moore 1991).
fn middle_half_is_equal(values: &[f64], observed: &[f64]) -> bool {
    let observed_values = values
        .iter()
        .zip(observed)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(value, _)| *value);
    let (mut majority, mut votes) = (f64::NAN, 0_usize);
    for value in observed_values.clone() {
        if votes == 0 {
            majority = value;
        }
        if value.partial_cmp(&majority) == Some(Ordering::Equal) {
            votes += 1;
        } else {
            votes -= 1;
        }
    }
    let (mut count, mut less, mut greater) = (0_usize, 0, 0);
    for value in observed_values {
        count += 1;
        less += usize::from(value < majority);
        greater += usize::from(value > majority);
    }
    less <= count / 4 && count - greater > count * 3 / 4
}

/// Clips the errors of each level at [`CLIP_DEVIATIONS`] standard deviations, estimated from their median
/// size.
///
/// The median is computed only if clipping has an effect. It has one if the median is one of the errors
/// that imply a limit below the largest error.
fn clip<const N: usize>(rows: &mut [[f64; N]], observed: &[f64]) {
    const LIMIT: f64 = CLIP_DEVIATIONS * DEVIATIONS_PER_MEDIAN;
    let mut largest = [0.0; N];
    for row in &*rows {
        for (largest, error) in largest.iter_mut().zip(row) {
            let size = error.abs();
            *largest = if size > *largest { size } else { *largest };
        }
    }
    // Missing errors are zero, so they are counted too.
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
        // Half of the errors, rounded down, precede the median.
        if too_small - missing <= (count / 2.0).floor() {
            continue;
        }
        let mut sizes: Vec<f64> = rows
            .iter()
            .zip(observed)
            .filter(|(_, weight)| **weight > 0.0)
            .map(|(row, _)| row[level].abs())
            .collect();
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
    for (row, weight) in rows.iter_mut().zip(observed) {
        for (error, mean) in row.iter_mut().zip(means) {
            *error -= mean * weight;
        }
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

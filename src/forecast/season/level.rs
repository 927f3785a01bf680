//! What is left of a series when its slow movements are taken away.

/// Fewer values than this show no season.
const FEWEST_VALUES: usize = 6;

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
    observed: Vec<[f64; 1]>,
    is_eventful: bool,
}

impl Detrended {
    /// `None` where there are too few values, or all lie on a line.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
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

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// One where a value is observed, else zero.
    pub(super) fn observed(&self) -> &[[f64; 1]] {
        &self.observed
    }

    /// Whether at least half of the values are the same, so that the rest are events.
    pub(super) fn is_eventful(&self) -> bool {
        self.is_eventful
    }

    /// The errors, centred and zero where missing, of a level that starts at the mean of the first
    /// values and moves by a share of each error.
    pub(super) fn errors(&self, rate: f64, start: usize) -> Vec<f64> {
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
pub(super) fn whitened<'a>(
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

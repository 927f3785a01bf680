//! Detection of the season length from the values of a series.
//!
//! Detection is not used if the client or the frequency gives a season length.

mod level;
mod screen;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use self::level::{DetrendedSeries, LevelErrors, whitened};
use self::screen::residual_bounds;

/// The maximum number of most recent values that are used; older values add cost and little evidence.
const MAX_VALUES: usize = 4096;

/// The maximum season length, even if the caller allows longer ones.
const MAX_LENGTH: usize = 512;

/// The margin by which a score must exceed the expected maximum of independent normal scores, one for
/// each length. Set on simulated white noise, random walks and AR(1) series so that a season is detected
/// in at most one of twenty.
const MARGIN: f64 = 0.8;

/// The margin for eventful series, in which most values are equal and the few others are far from normal.
const EVENTFUL_MARGIN: f64 = 3.3;

/// The bonus that is added to the scores of the season lengths of calendars.
const CALENDAR_BONUS: f64 = 0.3;

/// The share of the best score from which a neighbouring calendar length replaces the best length: a
/// smooth season of few cycles does not distinguish 47 from 48.
const NEIGHBOUR_RATIO: f64 = 0.85;

/// The maximum number of lengths that are checked on whitened errors.
const MAX_FINALISTS: usize = 8;

/// The season lengths of calendars, from the quarters of a year to its days.
const CALENDAR_LENGTHS: [usize; 16] = [
    4, 5, 7, 12, 13, 24, 26, 48, 52, 60, 96, 144, 168, 288, 336, 365,
];

/// Detects the season length of a series, at most `longest` steps. Returns 1 if no season is detected.
///
/// `NaN` is a missing value. At least two cycles are needed, and with fewer than three or four only a
/// season well above the noise is detected. The last 4096 values and lengths up to 512 steps are
/// considered; the cost grows with their product.
///
/// # Method
///
/// Each length is tested with the F test for stable seasonality of X-11 (Lothian and Morry 1978): do the
/// means of the phases differ by more than noise? The test assumes that the values are independent
/// around the means, so it is applied to the one-step errors of a level that follows the series by
/// simple exponential smoothing, after a straight line is removed. These errors are the innovations of
/// an ARIMA(0,1,1) (Muth 1960), a model that ranges from white noise to the random walk. The smoothing
/// rate is chosen by least squares, with and without the season, so that a slow season in noise is not
/// smoothed away. F values are converted to normal scores (Paulson 1942), which are comparable between
/// lengths: a multiple of the season explains no more with more means, so its score is lower. A score
/// must exceed `sqrt(2 ln n)`, the expected maximum of `n` normal scores, by a margin, and must do so
/// again after an autoregression of the errors is filtered out, so that a cycle without a fixed length
/// is not detected as a season.
///
/// # Examples
///
/// ```
/// use almanac_forecast::detect_season_length;
///
/// let sales = |day: u8| f64::from(day % 7 / 5) + f64::from(day) * 0.1;
/// let weekly: Vec<f64> = (0..35).map(sales).collect();
/// assert_eq!(detect_season_length(&weekly, 14), 7);
/// assert_eq!(detect_season_length(&[3.0; 35], 14), 1);
/// ```
#[must_use]
pub fn detect_season_length(values: &[f64], longest: usize) -> usize {
    let values = &values[values.len().saturating_sub(MAX_VALUES)..];
    let longest = longest.min(values.len() / 2).min(MAX_LENGTH);
    if longest < 2 {
        return 1;
    }
    let Some(series) = DetrendedSeries::new(values) else {
        return 1;
    };
    let errors = series.errors();
    let margin = if series.is_eventful() {
        EVENTFUL_MARGIN
    } else {
        MARGIN
    };
    let search = SeasonSearch {
        series: &series,
        errors: &errors,
        longest,
        threshold: (2.0 * (longest as f64).ln()).sqrt() + margin,
    };
    search
        .winner()
        .map_or(1, |winner| search.calendar_neighbour(&winner))
}

/// A season length and its score.
struct SeasonCandidate {
    length: usize,
    /// The score, or an upper bound of it as long as `level` is `None`.
    score: f64,
    /// The index in [`level::LEVELS`] of the level with the smallest residual; `None` if the score is only
    /// a bound.
    level: Option<usize>,
}

/// A search for the season length of one series.
struct SeasonSearch<'a> {
    series: &'a DetrendedSeries,
    errors: &'a LevelErrors,
    longest: usize,
    /// The score that a season must exceed.
    threshold: f64,
}

impl SeasonSearch<'_> {
    /// Returns the best finalist whose score on whitened errors exceeds the threshold.
    ///
    /// The best candidate is scored exactly until the best one has an exact score. All others are then
    /// bounded by it, so finalists come in the order of their exact scores although few are computed.
    fn winner(&self) -> Option<SeasonCandidate> {
        let mut candidates = self.candidates();
        let mut finalists = 0;
        while finalists < MAX_FINALISTS {
            let (index, best) = candidates
                .iter()
                .enumerate()
                .max_by(|(_, left), (_, right)| left.cmp_score(right))?;
            if best.score <= self.threshold {
                return None;
            }
            let Some(level) = best.level else {
                candidates[index] = self.scored(best.length);
                continue;
            };
            let finalist = candidates.swap_remove(index);
            if self.whitened_score(&finalist, level) > self.threshold {
                return Some(finalist);
            }
            finalists += 1;
        }
        None
    }

    /// Returns the lengths whose score may exceed the threshold, with an upper bound of the score.
    fn candidates(&self) -> Vec<SeasonCandidate> {
        let count = self.series.count();
        let mut candidates = Vec::new();
        let consider = |length: usize, residual: f64| {
            let bonus = calendar_bonus(length);
            if !can_score(self.threshold - bonus, residual, count, length) {
                return;
            }
            let score = score(1.0, residual, count, length) + bonus;
            if score > self.threshold {
                candidates.push(SeasonCandidate {
                    length,
                    score,
                    level: None,
                });
            }
        };
        let observed = (!self.series.is_complete()).then(|| self.series.observed());
        residual_bounds(self.errors, observed, self.longest, consider);
        candidates
    }

    /// Returns a length with its exact score.
    fn scored(&self, length: usize) -> SeasonCandidate {
        let explained = explained(&self.errors.rows, self.series.observed(), length);
        let total = self.errors.min_squares();
        let (mut best_level, mut residual) = (0, f64::INFINITY);
        for (level, (squares, explained)) in self.errors.squares.iter().zip(explained).enumerate() {
            if squares - explained < residual {
                (best_level, residual) = (level, squares - explained);
            }
        }
        let score = score(total, residual, self.series.count(), length);
        SeasonCandidate {
            length,
            score: score + calendar_bonus(length),
            level: Some(best_level),
        }
    }

    /// Returns the score after the autoregression of the deseasonalised errors is filtered out of the
    /// errors.
    ///
    /// The filter turns a season into another one of the same length, and a cycle of varying length into
    /// noise.
    fn whitened_score(&self, candidate: &SeasonCandidate, level: usize) -> f64 {
        let length = candidate.length;
        let observed = self.series.observed();
        let errors: Vec<[f64; 1]> = self.errors.rows.iter().map(|row| [row[level]]).collect();
        let season: Vec<f64> = sums_by_phase(&errors, observed, length)
            .map(|([sum], count)| sum / count.max(1.0))
            .collect();
        let deseasonalised: Vec<f64> = errors
            .iter()
            .zip(observed)
            .zip(season.iter().cycle())
            .map(|(([error], weight), mean)| error - mean * weight)
            .collect();
        let Some((errors, observed)) = whitened(&errors, &deseasonalised, observed) else {
            // The season explains the errors exactly.
            return candidate.score;
        };
        let squares: f64 = errors.iter().map(|[error]| error * error).sum();
        let [explained] = explained(&errors, observed, length);
        score(squares, squares - explained, observed.iter().sum(), length)
    }

    /// Returns the length of the winner, or a neighbouring calendar length with nearly the same score if
    /// the winner is not a calendar length.
    fn calendar_neighbour(&self, winner: &SeasonCandidate) -> usize {
        if CALENDAR_LENGTHS.contains(&winner.length) {
            return winner.length;
        }
        let max_distance = (winner.length / 25).max(1);
        CALENDAR_LENGTHS
            .into_iter()
            .filter(|other| *other <= self.longest && other.abs_diff(winner.length) <= max_distance)
            .find(|other| self.scored(*other).score >= NEIGHBOUR_RATIO * winner.score)
            .unwrap_or(winner.length)
    }
}

impl SeasonCandidate {
    /// Compares candidates by score, and by length if the scores are equal; the shorter length is greater.
    fn cmp_score(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.length.cmp(&self.length))
    }
}

fn calendar_bonus(length: usize) -> f64 {
    if CALENDAR_LENGTHS.contains(&length) {
        CALENDAR_BONUS
    } else {
        0.0
    }
}

/// Returns the sum of squares of centred errors that the means of the phases explain, by column.
fn explained<const N: usize>(rows: &[[f64; N]], observed: &[f64], length: usize) -> [f64; N] {
    let mut explained = [0.0; N];
    for (sums, count) in sums_by_phase(rows, observed, length) {
        let weight = 1.0 / count.max(1.0);
        for (explained, sum) in explained.iter_mut().zip(sums) {
            *explained += sum * sum * weight;
        }
    }
    explained
}

/// Returns the sum of the rows of each phase, and the number of observed rows among them.
fn sums_by_phase<const N: usize>(
    rows: &[[f64; N]],
    observed: &[f64],
    length: usize,
) -> impl Iterator<Item = ([f64; N], f64)> {
    (0..length).map(move |phase| {
        let mut sums = [0.0; N];
        for row in rows[phase..].iter().step_by(length) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let count = observed[phase..].iter().step_by(length).sum();
        (sums, count)
    })
}

/// Returns false if a length with this residual share of the squares cannot have a score of `min_score`.
/// The check is cheap, and may return true for a lower score.
///
/// With the names of [`score`], if the root is at least 1, a score needs a root of at least
/// `1 - means_term + score * sqrt(means_term + rest_term)`. Below a root of 1, scores are less than one
/// half and less than every threshold.
fn can_score(min_score: f64, residual: f64, count: f64, length: usize) -> bool {
    let (means, rest) = (length as f64 - 1.0, count - length as f64);
    if rest < 3.0 {
        return false;
    }
    let (means_term, rest_term) = (2.0 / (9.0 * means), 2.0 / (9.0 * rest));
    let root = 1.0 - means_term + min_score * (means_term + rest_term).sqrt();
    // The factor allows for rounding.
    (1.0 - residual) * rest >= 0.999_999 * root * root * root * means * residual
}

/// Returns the F value of a season as a normal score (Paulson 1942, An approximate normalization of the
/// analysis of variance distribution), or 0 if the season explains nothing.
///
/// `total` is the sum of squares without the season, and `residual` the sum with it.
fn score(total: f64, residual: f64, count: f64, length: usize) -> f64 {
    let (means, rest) = (length as f64 - 1.0, count - length as f64);
    let explained = total - residual;
    if rest < 3.0 || explained <= 0.0 {
        return 0.0;
    }
    // The residual of an exact season is rounding, which must not differ between its multiples.
    let noise = (residual / rest).max(1e-12 * total);
    let root = (explained / means / noise).cbrt();
    let (means_term, rest_term) = (2.0 / (9.0 * means), 2.0 / (9.0 * rest));
    ((1.0 - rest_term) * root - (1.0 - means_term)) / (rest_term * root * root + means_term).sqrt()
}

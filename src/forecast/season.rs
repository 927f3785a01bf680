//! The season length that the values of a series show by themselves.
//!
//! Where the frequency or the client names a season, nothing here is asked.

mod level;
#[cfg(test)]
mod tests;

use self::level::{Detrended, LEVELS, whitened};

/// Looking further back costs more and tells little.
const MOST_VALUES: usize = 4096;

/// The longest season that is looked for, whatever the caller allows.
const MOST_STEPS: usize = 512;

/// What a score must have above the largest of as many independent normal scores as lengths are
/// tried. Set on simulated white noise, random walks and AR(1) series so that at most one in twenty
/// shows a season.
const MARGIN: f64 = 0.8;

/// The same for series where most values are equal, whose few events are far from normal.
const MARGIN_OF_EVENTS: f64 = 3.3;

/// The score that the season lengths of the calendar have ahead of all others.
const HEAD_START: f64 = 0.3;

/// The share of the best score at which a calendar length next to it is taken in its place: a
/// smooth season of few cycles does not tell 47 from 48.
const NEARLY: f64 = 0.85;

/// How many lengths are looked at closely.
const MOST_FINALISTS: usize = 8;

/// Season lengths that calendars make, from quarters in a year to days in one.
const CALENDAR_LENGTHS: [usize; 16] = [
    4, 5, 7, 12, 13, 24, 26, 48, 52, 60, 96, 144, 168, 288, 336, 365,
];

/// The number of steps after which a series repeats itself, at most `longest`; 1 where no season
/// shows.
///
/// `NaN` is a missing value. At least two cycles are needed, and with less than three or four only
/// a season well above the noise is found. The last 4096 values and seasons up to 512 steps are
/// looked at; the cost grows with their product.
///
/// # Method
///
/// For each length, the F test for stable seasonality of X-11 (Lothian and Morry 1978): do the
/// means of the phases differ by more than noise? As that test takes the values to be independent
/// around the means, it is made on one-step errors of a level that follows the series by simple
/// exponential smoothing, after a straight line is removed. These are the innovations of an
/// ARIMA(0,1,1) (Muth 1960), a model with white noise at one end and the random walk at the other.
/// How fast the level moves is chosen by least squares, with and without the season, so that a slow
/// season in noise is not smoothed away. F values become normal scores (Paulson 1942), which can be
/// compared between lengths: a multiple of the season explains no more with more means and scores
/// less. A score must pass the largest that so many normal ones reach, `sqrt(2 ln n)`, by a margin,
/// and do so again after an autoregression of the errors is filtered out, so that a cycle without a
/// fixed length is no season.
///
/// # Examples
///
/// ```
/// use almanac::forecast::detect_season_length;
///
/// let sales = |day: u8| f64::from(day % 7 / 5) + f64::from(day) * 0.1;
/// let weekly: Vec<f64> = (0..35).map(sales).collect();
/// assert_eq!(detect_season_length(&weekly, 14), 7);
/// assert_eq!(detect_season_length(&[3.0; 35], 14), 1);
/// ```
#[must_use]
pub fn detect_season_length(values: &[f64], longest: usize) -> usize {
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

/// The F value of a season as a normal score (Paulson 1942, An approximate normalization of the
/// analysis of variance distribution), or 0 where the season explains nothing.
fn score(unexplained: f64, left: f64, count: f64, length: usize) -> f64 {
    let (means, rest) = (length as f64 - 1.0, count - length as f64);
    let gained = unexplained - left;
    if rest < 3.0 || gained <= 0.0 {
        return 0.0;
    }
    // An exact season leaves rounding, which must not differ between its multiples.
    let noise = (left / rest).max(1e-12 * unexplained);
    let root = (gained / means / noise).cbrt();
    let (of_means, of_rest) = (2.0 / (9.0 * means), 2.0 / (9.0 * rest));
    ((1.0 - of_rest) * root - (1.0 - of_means)) / (of_rest * root * root + of_means).sqrt()
}

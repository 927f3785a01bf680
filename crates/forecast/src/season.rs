//! The season length that the values of a series show by themselves.
//!
//! Where the frequency or the client names a season, nothing here is asked.

mod level;
mod screen;
#[cfg(test)]
mod tests;

use self::level::{Detrended, Errors, whitened};
use self::screen::least_left;

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
/// use almanac_forecast::detect_season_length;
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
    let errors = series.errors();
    let margin = if series.is_eventful() {
        MARGIN_OF_EVENTS
    } else {
        MARGIN
    };
    let search = Search {
        series: &series,
        errors: &errors,
        longest,
        threshold: (2.0 * (longest as f64).ln()).sqrt() + margin,
    };
    search
        .winner()
        .map_or(1, |winner| search.calendar_neighbour(&winner))
}

/// A season length and how well it does.
struct Candidate {
    length: usize,
    /// Not less than the true score.
    score: f64,
    /// Which of [`level::LEVELS`] leaves least unexplained; `None` as long as the score is only a
    /// bound.
    level: Option<usize>,
}

/// What the candidates are scored on.
struct Search<'a> {
    series: &'a Detrended,
    errors: &'a Errors,
    longest: usize,
    /// What a score must be above.
    threshold: f64,
}

impl Search<'_> {
    /// The best of the finalists that keep their score when the errors are whitened.
    ///
    /// The best candidate is scored truly until the best is one that has been. As no other can then
    /// be better, finalists come in the order of their true scores, though few are found.
    fn winner(&self) -> Option<Candidate> {
        let mut candidates = self.candidates();
        let mut finalists = 0;
        while finalists < MOST_FINALISTS {
            let by_score = |(_, one): &(usize, &Candidate), (_, other): &(usize, &Candidate)| {
                let shorter = other.length.cmp(&one.length);
                one.score.total_cmp(&other.score).then(shorter)
            };
            let (place, best) = candidates.iter().enumerate().max_by(by_score)?;
            if best.score <= self.threshold {
                return None;
            }
            let Some(level) = best.level else {
                candidates[place] = self.scored(best.length);
                continue;
            };
            let finalist = candidates.swap_remove(place);
            if self.whitened_score(&finalist, level) > self.threshold {
                return Some(finalist);
            }
            finalists += 1;
        }
        None
    }

    /// The lengths whose score can be above the threshold, with a bound on it.
    fn candidates(&self) -> Vec<Candidate> {
        let count = self.series.count();
        let mut candidates = Vec::new();
        let consider = |length: usize, left: f64| {
            let head_start = head_start(length);
            if !can_score(self.threshold - head_start, left, count, length) {
                return;
            }
            let score = score(1.0, left, count, length) + head_start;
            if score > self.threshold {
                candidates.push(Candidate {
                    length,
                    score,
                    level: None,
                });
            }
        };
        let observed = (!self.series.is_complete()).then(|| self.series.observed());
        least_left(self.errors, observed, self.longest, consider);
        candidates
    }

    /// A length with its true score.
    fn scored(&self, length: usize) -> Candidate {
        let explained = explained(&self.errors.rows, self.series.observed(), length);
        let unexplained = self.errors.least_squares();
        let (mut level, mut left) = (0, f64::INFINITY);
        for (of, (squares, explained)) in self.errors.squares.iter().zip(explained).enumerate() {
            if squares - explained < left {
                (level, left) = (of, squares - explained);
            }
        }
        let score = score(unexplained, left, self.series.count(), length);
        Candidate {
            length,
            score: score + head_start(length),
            level: Some(level),
        }
    }

    /// The score after an autoregression of what the season leaves is filtered out of the errors.
    ///
    /// A filter turns a season into another one of the same length, and a cycle of wandering length
    /// into noise.
    fn whitened_score(&self, candidate: &Candidate, level: usize) -> f64 {
        let length = candidate.length;
        let observed = self.series.observed();
        let errors: Vec<[f64; 1]> = self.errors.rows.iter().map(|row| [row[level]]).collect();
        let season: Vec<f64> = sums_by_phase(&errors, observed, length)
            .map(|([sum], count)| sum / count.max(1.0))
            .collect();
        let steps = errors.iter().zip(observed).zip(season.iter().cycle());
        let rest: Vec<f64> = steps
            .map(|(([error], seen), mean)| error - mean * seen)
            .collect();
        let Some((errors, observed)) = whitened(&errors, &rest, observed) else {
            // Nothing is left, so the season is exact.
            return candidate.score;
        };
        let squares: f64 = errors.iter().map(|[error]| error * error).sum();
        let [explained] = explained(&errors, observed, length);
        score(squares, squares - explained, observed.iter().sum(), length)
    }

    /// The winner, or a season of the calendar next to it that does nearly as well, where the
    /// winner is none.
    fn calendar_neighbour(&self, winner: &Candidate) -> usize {
        if CALENDAR_LENGTHS.contains(&winner.length) {
            return winner.length;
        }
        let near = (winner.length / 25).max(1);
        CALENDAR_LENGTHS
            .into_iter()
            .filter(|other| *other <= self.longest && other.abs_diff(winner.length) <= near)
            .find(|other| self.scored(*other).score >= NEARLY * winner.score)
            .unwrap_or(winner.length)
    }
}

fn head_start(length: usize) -> f64 {
    if CALENDAR_LENGTHS.contains(&length) {
        HEAD_START
    } else {
        0.0
    }
}

/// How much of the squares of centred errors the means of the phases explain, by column.
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

/// Sums of every `length`-th row, and how many of them are observed, by phase.
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

/// Whether a length that leaves a share of the squares can have a score; a quick answer that is
/// wrong only where it is yes.
///
/// With the names of [`score`], at a root of 1 or more a score needs a root of at least
/// `1 - of_means + score * sqrt(of_means + of_rest)`. Below 1, scores are under one half and under
/// every threshold.
fn can_score(needed: f64, left: f64, count: f64, length: usize) -> bool {
    let (means, rest) = (length as f64 - 1.0, count - length as f64);
    if rest < 3.0 {
        return false;
    }
    let (of_means, of_rest) = (2.0 / (9.0 * means), 2.0 / (9.0 * rest));
    let root = 1.0 - of_means + needed * (of_means + of_rest).sqrt();
    // The factor allows for rounding.
    (1.0 - left) * rest >= 0.999_999 * root * root * root * means * left
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

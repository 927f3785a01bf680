//! Intervals that hold what they promise, by split conformal prediction.
//!
//! Windows of the past show how far values lay outside of the intervals that a forecaster gave, or how
//! far inside. Each central interval is widened or narrowed by the quantile of these distances that would
//! have made it right: conformalised quantile regression (Romano, Patterson and Candès, 2019). If past
//! and future are exchangeable the interval then covers at least what it promises, whatever the
//! forecaster; a series that changes is not, so a promise it stays.
//!
//! Residuals of all series are pooled, and of all steps where one step has too few.

mod sample;

use crate::{Forecast, QuantileLevels, Warning};

use sample::Sample;

/// How far values lay outside of each central interval, in windows of the past.
#[derive(Clone, Debug)]
pub struct Residuals {
    pairs: Vec<Pair>,
}

/// The residuals of one central interval.
#[derive(Clone, Debug)]
struct Pair {
    /// Where its ends stand among the levels.
    ends: (usize, usize),
    /// The share of values that it promises not to hold.
    miss: f64,
    /// By step ahead, distances by the scale of their series.
    by_step: Vec<Sample>,
    /// Of all steps, distances by the width of the interval itself.
    pooled: Sample,
    /// Of all steps where the interval has no width, distances by the scale of their series.
    pooled_by_scale: Sample,
}

/// How central intervals are to be moved.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The ends of each, the narrowest first, and what is done at each step.
    pairs: Vec<((usize, usize), Vec<Adjustment>)>,
    /// Whether there was any residual.
    is_learned: bool,
    /// The narrowest interval that has too few residuals.
    warning: Option<Warning>,
}

/// What is done to one interval.
#[derive(Clone, Copy, Debug)]
enum Adjustment {
    /// Both ends move by this much of the series' scale.
    ByScale(f64),
    /// Both ends move by this much of the interval's width.
    ByWidth(f64),
    /// There is nothing to learn from.
    None,
}

/// How many residuals of one step are enough to do without those of other steps, times the share that
/// an interval may miss: 20 for the interval of 80 %. With four times the least that the quantile needs
/// (one over the share), the coverage that comes out varies by a tenth and no more.
const ENOUGH: f64 = 4.0;

impl Residuals {
    /// No residuals yet, of forecasts on `levels`, `steps` ahead. Levels without their mirror image are
    /// no ends of an interval, and stay; [`QuantileLevels::mirrored`] adds what is missing.
    #[must_use]
    pub fn new(levels: &QuantileLevels, steps: usize) -> Self {
        let own = levels.as_slice();
        let pairs = levels.central_pairs().into_iter().map(|ends| Pair {
            ends,
            miss: 1.0 - (own[ends.1].value() - own[ends.0].value()),
            by_step: vec![Sample::default(); steps],
            pooled: Sample::default(),
            pooled_by_scale: Sample::default(),
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let none = |pair: &Pair| pair.pooled.is_empty() && pair.pooled_by_scale.is_empty();
        self.pairs.iter().all(none)
    }

    /// Takes what `forecast`, on the levels of these, was off by when `actual` happened. `scale` is that
    /// of the history; a series without one says nothing.
    pub fn record(&mut self, forecast: &Forecast, actual: &[f64], scale: Option<f64>) {
        let Some(scale) = scale else { return };
        let levels = forecast.levels().as_slice();
        for pair in &mut self.pairs {
            let rows = forecast
                .quantile(levels[pair.ends.0])
                .zip(forecast.quantile(levels[pair.ends.1]));
            let Some((lower, upper)) = rows else { continue };
            let steps = lower.iter().zip(upper).zip(actual);
            for (((low, high), value), of_step) in steps.zip(&mut pair.by_step) {
                if value.is_nan() {
                    continue;
                }
                let outside = (low - value).max(value - high);
                of_step.push(outside / scale);
                if high > low {
                    pair.pooled.push(outside / (high - low));
                } else {
                    pair.pooled_by_scale.push(outside / scale);
                }
            }
        }
    }

    /// What these say of the intervals to come.
    #[must_use]
    pub fn fit(&self) -> Calibration {
        let fit = |pair: &Pair| (pair.ends, pair.adjustments());
        Calibration {
            pairs: self.pairs.iter().map(fit).collect(),
            is_learned: !self.is_empty(),
            warning: self.pairs.iter().find_map(Pair::warning),
        }
    }
}

impl Calibration {
    /// `forecast`, on the levels of the residuals, with every central interval moved as they say. `scale`
    /// is that of the history it was made from; without one it stays as it is.
    ///
    /// The median stays, and an interval never ends inside of a narrower one: that only widens it.
    /// Levels without their mirror image stay, as far as order allows.
    #[must_use]
    pub fn apply(&self, forecast: &Forecast, scale: Option<f64>) -> Forecast {
        let Some(scale) = scale.filter(|_| self.is_learned) else {
            return forecast.clone().with_warning(Some(Warning::NotCalibrated));
        };
        let levels = forecast.levels().as_slice();
        let median = levels.partition_point(|level| level.value() < 0.5);
        let mut forecast = forecast.clone();
        // It has one now.
        forecast
            .warnings
            .retain(|warning| *warning != Warning::NoBand);
        forecast
            .changed(|step, column| {
                // The narrowest interval comes first, and the median is the narrowest of all.
                let (mut inner_low, mut inner_high) = (column[median], column[median]);
                for (ends, adjustments) in &self.pairs {
                    let (low, high) = (column[ends.0], column[ends.1]);
                    let by = match adjustments.get(step).unwrap_or(&Adjustment::None) {
                        Adjustment::ByScale(share) => share * scale,
                        Adjustment::ByWidth(share) => share * (high - low),
                        Adjustment::None => 0.0,
                    };
                    let moved = (low - by, high + by);
                    // A series that spans the range of numbers has ends that cannot be moved.
                    let can_move = moved.0.is_finite() && moved.1.is_finite();
                    let (low, high) = if can_move { moved } else { (low, high) };
                    inner_low = inner_low.min(low);
                    inner_high = inner_high.max(high);
                    (column[ends.0], column[ends.1]) = (inner_low, inner_high);
                }
                column.sort_by(f64::total_cmp);
            })
            .with_warning(self.warning.clone())
    }
}

impl Pair {
    /// What is done at each step.
    fn adjustments(&self) -> Vec<Adjustment> {
        let pooled = self.pool();
        let of_step = |sample: &Sample| {
            let enough = sample.count() as f64 * self.miss >= ENOUGH;
            let share = sample.conformal_quantile(self.miss).filter(|_| enough)?;
            Some(Adjustment::ByScale(share))
        };
        let steps = self.by_step.iter();
        steps
            .map(|sample| of_step(sample).unwrap_or(pooled))
            .collect()
    }

    /// What to say when all residuals together are too few for what it promises.
    fn warning(&self) -> Option<Warning> {
        let values = self.pool_of().count();
        // The least count of which the place of the quantile is not beyond the last.
        let needed = ((1.0 - self.miss) / self.miss - 1e-9).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and saturates"
        )]
        let needed = needed.max(1.0) as usize;
        (values < needed).then_some(Warning::CalibratedOnFew {
            // Rounded, for levels are pairs of decimals: 0.9 - 0.1 is not 0.8.
            percent: ((1.0 - self.miss) * 1e8).round() / 1e6,
            values,
            needed,
        })
    }

    /// What is done where a step has too few residuals of its own.
    ///
    /// Relative to the width, so that it grows with the horizon as the interval does (CQR-r: Sesia and
    /// Candès, "A comparison of some conformal quantile regression methods", 2020). When even all steps
    /// together are too few for the promise, the interval reaches as far as the farthest of them, and is
    /// not narrowed.
    ///
    /// A model that gives points has no width: its intervals are made of the residuals by scale.
    fn pool(&self) -> Adjustment {
        let pool = self.pool_of();
        let farthest = || pool.largest().map(|largest| largest.max(0.0));
        match pool.conformal_quantile(self.miss).or_else(farthest) {
            Some(share) if self.pooled.is_empty() => Adjustment::ByScale(share),
            Some(share) => Adjustment::ByWidth(share),
            None => Adjustment::None,
        }
    }

    /// The residuals of all steps: by width, where any interval has one.
    fn pool_of(&self) -> &Sample {
        if self.pooled.is_empty() {
            &self.pooled_by_scale
        } else {
            &self.pooled
        }
    }
}

#[cfg(test)]
mod tests;

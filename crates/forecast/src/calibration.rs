//! Calibration of central intervals by split conformal prediction.
//!
//! Residuals measure how far observed values of past windows were outside of the forecast intervals, or
//! how far inside. Each central interval is widened or narrowed by the quantile of its residuals that
//! would have given it the nominal coverage: conformalised quantile regression (Romano, Patterson and
//! Candès, 2019). If past and future are exchangeable, the calibrated interval has at least its nominal
//! coverage for any forecaster. Series that change over time are not exchangeable, so the coverage is not
//! guaranteed.
//!
//! Residuals are pooled over all series, and over all steps if one step has too few.

mod sample;

use self::sample::ResidualSample;
use crate::{Forecast, QuantileLevels, Warning};

/// The distances of observed values from the ends of each central interval, in past windows.
///
/// ```
/// use almanac_forecast::{
///     CentralLevel, Forecast, QuantileGrid, QuantileLevels, Residuals,
/// };
///
/// // A forecaster that always gives 9 to 11 as its 80 % interval.
/// let interval = CentralLevel::new(80.0)?;
/// let levels = QuantileLevels::with_median([interval.lower(), interval.upper()]);
/// let grid = QuantileGrid::new(levels.clone(), vec![9.0, 10.0, 11.0]).ok_or("no grid")?;
/// let forecast = Forecast::from_grid(&grid, &levels, None);
///
/// // In the past, observed values were up to 3 away from its point.
/// let mut residuals = Residuals::new(&levels, 1);
/// for window in 0..60 {
///     let actual = 10.0 + f64::from(window % 7 - 3);
///     residuals.record(&forecast, &[actual], Some(1.0));
/// }
/// let calibrated = residuals.fit().apply(&forecast, Some(1.0));
/// assert_eq!(calibrated.quantile(interval.upper()), Some(&[13.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Residuals {
    intervals: Vec<IntervalResiduals>,
}

/// The residuals of one central interval.
#[derive(Clone, Debug)]
struct IntervalResiduals {
    ends: IntervalEnds,
    /// The nominal share of values outside of the interval.
    miss: f64,
    /// The residuals of each step ahead, divided by the scale of their series.
    by_step: Vec<ResidualSample>,
    /// The residuals of all steps, divided by the width of the interval.
    pooled_by_width: ResidualSample,
    /// The residuals of all steps at which the interval has no width, divided by the scale of their series.
    pooled_by_scale: ResidualSample,
}

/// The positions of the ends of a central interval among the levels of a forecast.
#[derive(Clone, Copy, Debug)]
struct IntervalEnds {
    lower: usize,
    upper: usize,
}

/// The adjustments of central intervals, learned from [`Residuals`].
///
/// [`Residuals`] has an example.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The adjustments of each interval, the narrowest first.
    intervals: Vec<IntervalCalibration>,
    /// True if there was any residual.
    is_learned: bool,
    /// The warning about the narrowest interval that has too few residuals.
    warning: Option<Warning>,
}

/// The adjustments of one central interval.
#[derive(Clone, Debug)]
struct IntervalCalibration {
    ends: IntervalEnds,
    by_step: Vec<Adjustment>,
}

/// The adjustment of one interval at one step.
#[derive(Clone, Copy, Debug)]
enum Adjustment {
    /// Moves both ends outward by this multiple of the series' scale.
    ByScale(f64),
    /// Moves both ends outward by this multiple of the interval's width.
    ByWidth(f64),
    /// Keeps the interval, because there are no residuals.
    None,
}

/// The number of residuals from which a step is calibrated on its own, times the share that an interval
/// may miss: 20 residuals for the 80 % interval. With four times the minimum of the conformal quantile
/// (one over the share), the resulting coverage varies by a tenth at most.
const MIN_STEP_RESIDUALS: f64 = 4.0;

impl Residuals {
    /// Creates an empty collection for forecasts of `steps` steps on `levels`.
    ///
    /// A level without its mirror image is not the end of an interval, and is not calibrated;
    /// [`QuantileLevels::mirrored`] adds the missing levels.
    #[must_use]
    pub fn new(levels: &QuantileLevels, steps: usize) -> Self {
        let values = levels.as_slice();
        let intervals = levels
            .central_pairs()
            .into_iter()
            .map(|(lower, upper)| IntervalResiduals {
                ends: IntervalEnds { lower, upper },
                miss: 1.0 - (values[upper].value() - values[lower].value()),
                by_step: vec![ResidualSample::default(); steps],
                pooled_by_width: ResidualSample::default(),
                pooled_by_scale: ResidualSample::default(),
            })
            .collect();
        Self { intervals }
    }

    /// Returns true if there are no residuals.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.intervals.iter().all(|interval| {
            interval.pooled_by_width.is_empty() && interval.pooled_by_scale.is_empty()
        })
    }

    /// Adds the residuals of `forecast`, which must have the levels of this collection, for the observed
    /// values `actual`. `scale` is the scale of the history; a series without one is skipped.
    pub fn record(&mut self, forecast: &Forecast, actual: &[f64], scale: Option<f64>) {
        let Some(scale) = scale else { return };
        let levels = forecast.levels().as_slice();
        for interval in &mut self.intervals {
            let rows = forecast
                .quantile(levels[interval.ends.lower])
                .zip(forecast.quantile(levels[interval.ends.upper]));
            let Some((lower, upper)) = rows else { continue };
            let steps = lower.iter().zip(upper).zip(actual);
            for (((low, high), value), step_sample) in steps.zip(&mut interval.by_step) {
                if value.is_nan() {
                    continue;
                }
                let residual = (low - value).max(value - high);
                step_sample.push(residual / scale);
                if high > low {
                    interval.pooled_by_width.push(residual / (high - low));
                } else {
                    interval.pooled_by_scale.push(residual / scale);
                }
            }
        }
    }

    /// Computes the calibration of future intervals.
    #[must_use]
    pub fn fit(&self) -> Calibration {
        let intervals = self
            .intervals
            .iter()
            .map(|interval| IntervalCalibration {
                ends: interval.ends,
                by_step: interval.adjustments(),
            })
            .collect();
        Calibration {
            intervals,
            is_learned: !self.is_empty(),
            warning: self.intervals.iter().find_map(IntervalResiduals::warning),
        }
    }
}

impl Calibration {
    /// Returns `forecast`, which must have the levels of the residuals, with every central interval
    /// adjusted. `scale` is the scale of the history that it was made from; without one the intervals stay
    /// as they are.
    ///
    /// The median is kept, and an interval that would end inside of a narrower one is widened to it.
    /// Levels without their mirror image are kept, as far as the order of the levels allows.
    #[must_use]
    pub fn apply(&self, forecast: &Forecast, scale: Option<f64>) -> Forecast {
        let Some(scale) = scale.filter(|_| self.is_learned) else {
            return forecast.clone().with_warning(Some(Warning::NotCalibrated));
        };
        let levels = forecast.levels().as_slice();
        let median = levels.partition_point(|level| level.value() < 0.5);
        let mut forecast = forecast.clone();
        // The calibrated intervals have a width, even those of a point forecast.
        forecast
            .warnings
            .retain(|warning| *warning != Warning::NoBand);
        forecast
            .map_steps(|step, column| {
                // The narrowest interval comes first, and the median is the narrowest of all.
                let (mut inner_low, mut inner_high) = (column[median], column[median]);
                for IntervalCalibration { ends, by_step } in &self.intervals {
                    let (low, high) = (column[ends.lower], column[ends.upper]);
                    let shift = match by_step.get(step).unwrap_or(&Adjustment::None) {
                        Adjustment::ByScale(factor) => factor * scale,
                        Adjustment::ByWidth(factor) => factor * (high - low),
                        Adjustment::None => 0.0,
                    };
                    let moved = (low - shift, high + shift);
                    // A series that spans the range of numbers has ends that cannot be moved.
                    let can_move = moved.0.is_finite() && moved.1.is_finite();
                    let (low, high) = if can_move { moved } else { (low, high) };
                    inner_low = inner_low.min(low);
                    inner_high = inner_high.max(high);
                    (column[ends.lower], column[ends.upper]) = (inner_low, inner_high);
                }
                column.sort_by(f64::total_cmp);
            })
            .with_warning(self.warning.clone())
    }
}

impl IntervalResiduals {
    /// Returns the adjustment of each step.
    fn adjustments(&self) -> Vec<Adjustment> {
        let pooled = self.pooled_adjustment();
        let step_adjustment = |sample: &ResidualSample| {
            let has_enough = sample.count() as f64 * self.miss >= MIN_STEP_RESIDUALS;
            let quantile = sample
                .conformal_quantile(self.miss)
                .filter(|_| has_enough)?;
            Some(Adjustment::ByScale(quantile))
        };
        self.by_step
            .iter()
            .map(|sample| step_adjustment(sample).unwrap_or(pooled))
            .collect()
    }

    /// Returns a warning if even all residuals together are too few for the nominal coverage.
    fn warning(&self) -> Option<Warning> {
        let values = self.pooled_sample().count();
        // The smallest count for which the rank of the quantile does not exceed the count.
        let needed = ((1.0 - self.miss) / self.miss - 1e-9).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and saturates"
        )]
        let needed = needed.max(1.0) as usize;
        (values < needed).then_some(Warning::CalibratedOnFew {
            // Rounded, because the difference of two decimals is inexact: 0.9 - 0.1 is not 0.8.
            percent: ((1.0 - self.miss) * 1e8).round() / 1e6,
            values,
            needed,
        })
    }

    /// Returns the adjustment of a step that has too few residuals of its own.
    ///
    /// It is relative to the width, so that it grows with the horizon as the interval does (CQR-r: Sesia
    /// and Candès, "A comparison of some conformal quantile regression methods", 2020). If even all steps
    /// together have too few residuals, the interval extends to the largest of them, and is not narrowed.
    ///
    /// The intervals of a point forecast have no width, so they are built from the residuals by scale.
    fn pooled_adjustment(&self) -> Adjustment {
        let sample = self.pooled_sample();
        let largest = || sample.largest().map(|largest| largest.max(0.0));
        match sample.conformal_quantile(self.miss).or_else(largest) {
            Some(factor) if self.pooled_by_width.is_empty() => Adjustment::ByScale(factor),
            Some(factor) => Adjustment::ByWidth(factor),
            None => Adjustment::None,
        }
    }

    /// Returns the residuals of all steps, by width if any interval has one.
    fn pooled_sample(&self) -> &ResidualSample {
        if self.pooled_by_width.is_empty() {
            &self.pooled_by_scale
        } else {
            &self.pooled_by_width
        }
    }
}

#[cfg(test)]
mod tests;

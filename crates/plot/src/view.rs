//! The content of a panel: a part of the history, the bands, and their units.

use almanac_forecast::{CentralLevel, Forecast, QuantileLevels, Stamp};

use crate::Panel;
use crate::axis::{Tick, exponent_of, value_ticks};
use crate::escape::printable;
use crate::time::{stamp_ticks, step_ticks};

/// The minimum number of values of the history that are shown, if it has them.
const MIN_SHOWN: usize = 30;

/// The maximum number of values of the history that are shown.
const MAX_SHOWN: usize = 1_000;

/// The central levels that are drawn if none are requested.
const DEFAULT_LEVELS: [f64; 2] = [80.0, 95.0];

/// The content of a panel.
///
/// Step 0 is the end of the history, and step 1 the first of the forecast. Values are in units of
/// ten to the `exponent`, so that arithmetic does not overflow.
#[derive(Clone, Debug)]
pub(super) struct PanelView {
    pub(super) title: String,
    /// The end of the history, with `NaN` for missing values. The last value is at step 0.
    pub(super) observed: Vec<f64>,
    /// The median of the forecast, from step 1.
    pub(super) median: Vec<f64>,
    /// The bands of the forecast, the widest first.
    pub(super) bands: Vec<Band>,
    /// The lowest and the highest value of the axis.
    pub(super) range: (f64, f64),
    exponent: i32,
    /// The stamps as text, from the first value shown to the end of the forecast.
    stamps: Option<Vec<String>>,
}

/// The area between two quantiles, from step 1.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) label: String,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
}

impl PanelView {
    pub(super) fn new(panel: &Panel<'_>, levels: &[CentralLevel]) -> Self {
        let forecast = panel.forecast;
        let series = panel.request.series();
        let tail = series.tail(shown_length(forecast.steps(), forecast.season_length));
        let bands = bands(forecast, panel.request.levels(), levels);
        let largest = bands
            .iter()
            .flat_map(|band| band.lower.iter().chain(&band.upper))
            .chain(forecast.point())
            .chain(tail)
            .filter(|value| value.is_finite())
            .fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let exponent = exponent_of(largest).clamp(-300, 300);
        let scaled = |values: &[f64]| -> Vec<f64> {
            values
                .iter()
                .map(|value| value / 10_f64.powi(exponent))
                .collect()
        };
        let mut view = Self {
            title: printable(panel.title, 80),
            observed: scaled(tail),
            median: scaled(forecast.point()),
            bands: bands
                .into_iter()
                .map(|band| Band {
                    lower: scaled(&band.lower),
                    upper: scaled(&band.upper),
                    label: band.label,
                })
                .collect(),
            range: (0.0, 1.0),
            exponent,
            stamps: None,
        };
        view.range = view.padded_range();
        let n_hidden = series.values().len() - tail.len();
        view.stamps = series.calendar().and_then(|calendar| {
            let count = tail.len() + forecast.steps();
            let stamps = calendar.stamps(i64::try_from(n_hidden).ok()?, count).ok()?;
            Some(stamps.iter().map(Stamp::to_string).collect())
        });
        view
    }

    /// Returns the first step shown, which is 0 or less.
    pub(super) fn first_step(&self) -> i64 {
        1 - count(self.observed.len())
    }

    /// Returns the last step of the forecast.
    pub(super) fn last_step(&self) -> i64 {
        count(self.median.len())
    }

    /// Returns about `count` ticks for the axis of values.
    pub(super) fn value_ticks(&self, count: usize) -> Vec<Tick> {
        let (low, high) = self.range;
        value_ticks(low, high, self.exponent, count)
    }

    /// Returns ticks for a time axis that is `max_chars` wide.
    pub(super) fn time_ticks(&self, max_chars: usize) -> Vec<Tick> {
        match &self.stamps {
            Some(stamps) => stamp_ticks(stamps, self.first_step(), max_chars),
            None => step_ticks(self.first_step(), self.last_step(), max_chars),
        }
    }

    /// Returns the value at the end of the history, if it is observed.
    pub(super) fn anchor(&self) -> Option<f64> {
        self.observed
            .last()
            .copied()
            .filter(|value| value.is_finite())
    }

    /// Returns the content of the panel as a sentence, for screen readers.
    pub(super) fn description(&self) -> String {
        let steps = self.median.len();
        let period = self.stamps.as_ref().and_then(|stamps| {
            Some(format!(
                ", from {} to {}",
                stamps.get(self.observed.len())?,
                stamps.last()?
            ))
        });
        let bands: Vec<_> = self.bands.iter().map(|band| band.label.as_str()).collect();
        let bands = match bands[..] {
            [] => String::new(),
            _ => format!(" with bands of {}", bands.join(" and ")),
        };
        format!(
            "{}: {steps} steps{}{bands}.",
            self.title,
            period.unwrap_or_default()
        )
    }

    /// Returns the range of all values, with padding; it begins at 0 if the lowest value is close
    /// to 0.
    fn padded_range(&self) -> (f64, f64) {
        let (low, high) = self
            .bands
            .iter()
            .flat_map(|band| band.lower.iter().chain(&band.upper))
            .chain(&self.median)
            .chain(&self.observed)
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(*value), high.max(*value))
            });
        if low > high {
            return (0.0, 1.0);
        }
        let middle = f64::midpoint(low, high);
        // A smaller span would show rounding errors.
        let min_span = (middle.abs() * 1e-6).max(1e-9);
        if high - low < min_span {
            let half_span = (middle.abs() * 0.1).max(0.5);
            return (middle - half_span, middle + half_span);
        }
        let padding = 0.06 * (high - low);
        let start = if (0.0..=0.3 * high).contains(&low) {
            0.0
        } else {
            low - padding
        };
        (start, high + padding)
    }
}

/// Returns the number of values of the history that are shown for a forecast of `steps`.
fn shown_length(steps: usize, season_length: usize) -> usize {
    let seasons = season_length
        .saturating_mul(4)
        .min(steps.saturating_mul(10));
    steps
        .saturating_mul(4)
        .max(seasons)
        .clamp(MIN_SHOWN, MAX_SHOWN)
}

/// Returns the bands of the `requested` levels, or of the default ones if there are none. A
/// forecast without these bands has one from its lowest quantile to its highest.
fn bands(forecast: &Forecast, quantiles: &QuantileLevels, requested: &[CentralLevel]) -> Vec<Band> {
    let mut levels: Vec<_> = if requested.is_empty() {
        DEFAULT_LEVELS
            .iter()
            .filter_map(|&percent| CentralLevel::new(percent).ok())
            .collect()
    } else {
        requested.to_vec()
    };
    levels.sort_by(|left, right| right.percent().total_cmp(&left.percent()));
    levels.dedup();
    let bands: Vec<_> = levels
        .iter()
        .filter_map(|level| {
            Some(Band {
                label: format!("{level}%"),
                lower: forecast.quantile(level.lower())?.to_vec(),
                upper: forecast.quantile(level.upper())?.to_vec(),
            })
        })
        .collect();
    if bands.is_empty() {
        outermost_band(forecast, quantiles).into_iter().collect()
    } else {
        bands
    }
}

/// Returns the band from the lowest quantile to the highest.
fn outermost_band(forecast: &Forecast, quantiles: &QuantileLevels) -> Option<Band> {
    let (lowest, highest) = (
        *quantiles.as_slice().first()?,
        *quantiles.as_slice().last()?,
    );
    if lowest == highest {
        return None;
    }
    let (lower, upper) = (
        forecast.quantile(lowest)?.to_vec(),
        forecast.quantile(highest)?.to_vec(),
    );
    let is_symmetric = (lowest.value() + highest.value() - 1.0).abs() < 1e-9;
    let label = if is_symmetric {
        // Rounded, since the difference of 0.9 and 0.1 is not quite 0.8.
        let percent = ((highest.value() - lowest.value()) * 1e8).round() / 1e6;
        format!("{percent}%")
    } else {
        format!("{lowest} to {highest}")
    };
    Some(Band {
        label,
        lower,
        upper,
    })
}

/// Converts a count, which is far below the largest integer.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

//! What one panel shows: which part of the history, which bands, in which units.

use crate::Panel;
use crate::axis::{Tick, exponent_of, value_ticks};
use crate::escape::printable;
use crate::time::{stamp_ticks, step_ticks};
use almanac_forecast::{CentralLevel, Forecast, QuantileLevels, Stamp};

/// The fewest and the most values of the history that are shown, if it has them.
const FEWEST_SHOWN: usize = 30;
const MOST_SHOWN: usize = 1_000;

/// Central levels drawn when none are asked for.
const USUAL_LEVELS: [f64; 2] = [80.0, 95.0];

/// One panel. Steps are counted so that 0 is the end of the history and 1 the first of the forecast;
/// values are in units of ten to the `exponent`, so that no arithmetic overflows.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) title: String,
    /// The end of the history, `NaN` where missing. Its last value lies at step 0.
    pub(super) observed: Vec<f64>,
    /// From step 1.
    pub(super) median: Vec<f64>,
    /// The widest first.
    pub(super) bands: Vec<Band>,
    /// The lowest and highest value that the panel has room for.
    pub(super) range: (f64, f64),
    exponent: i32,
    /// As they are written, from the first value shown to the end of the forecast.
    stamps: Option<Vec<String>>,
}

/// The area between two quantiles, from step 1.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub(super) label: String,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
}

impl View {
    pub(super) fn of(panel: &Panel<'_>, levels: &[CentralLevel]) -> Self {
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
        view.range = view.roomy_range();
        let before = series.values().len() - tail.len();
        view.stamps = series.calendar().and_then(|calendar| {
            let count = tail.len() + forecast.steps();
            let stamps = calendar.stamps(i64::try_from(before).ok()?, count).ok()?;
            Some(stamps.iter().map(Stamp::to_string).collect())
        });
        view
    }

    /// The first step shown, 0 or less.
    pub(super) fn first_step(&self) -> i64 {
        1 - count(self.observed.len())
    }

    /// The last step of the forecast.
    pub(super) fn last_step(&self) -> i64 {
        count(self.median.len())
    }

    pub(super) fn value_ticks(&self, about: usize) -> Vec<Tick> {
        value_ticks(self.range, self.exponent, about)
    }

    /// Labels for an axis of `room` characters.
    pub(super) fn time_ticks(&self, room: usize) -> Vec<Tick> {
        match &self.stamps {
            Some(stamps) => stamp_ticks(stamps, self.first_step(), room),
            None => step_ticks(self.first_step(), self.last_step(), room),
        }
    }

    /// The value at the end of the history, when it is observed.
    pub(super) fn anchor(&self) -> Option<f64> {
        self.observed
            .last()
            .copied()
            .filter(|value| value.is_finite())
    }

    /// The panel in a sentence, for those who do not see it.
    pub(super) fn described(&self) -> String {
        let steps = self.median.len();
        let until = self.stamps.as_ref().and_then(|stamps| {
            Some(format!(
                ", from {} to {}",
                stamps.get(self.observed.len())?,
                stamps.last()?
            ))
        });
        let bands: Vec<_> = self.bands.iter().map(|band| band.label.as_str()).collect();
        let within = match bands[..] {
            [] => String::new(),
            _ => format!(" with bands of {}", bands.join(" and ")),
        };
        format!(
            "{}: {steps} steps{}{within}.",
            self.title,
            until.unwrap_or_default()
        )
    }

    /// The range of all values, with air around them; from 0 where that is near anyway.
    fn roomy_range(&self) -> (f64, f64) {
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
        // Finer than this a drawing shows rounding.
        let least = (middle.abs() * 1e-6).max(1e-9);
        if high - low < least {
            let around = (middle.abs() * 0.1).max(0.5);
            return (middle - around, middle + around);
        }
        let air = 0.06 * (high - low);
        let from = if (0.0..=0.3 * high).contains(&low) {
            0.0
        } else {
            low - air
        };
        (from, high + air)
    }
}

/// How much of the history puts a forecast of `steps` into perspective.
fn shown_length(steps: usize, season_length: usize) -> usize {
    let seasons = season_length
        .saturating_mul(4)
        .min(steps.saturating_mul(10));
    steps
        .saturating_mul(4)
        .max(seasons)
        .clamp(FEWEST_SHOWN, MOST_SHOWN)
}

/// The bands of `wanted`, or the usual ones, or the widest there is.
fn bands(forecast: &Forecast, own: &QuantileLevels, wanted: &[CentralLevel]) -> Vec<Band> {
    let usual = || {
        USUAL_LEVELS
            .iter()
            .filter_map(|&percent| CentralLevel::new(percent).ok())
    };
    let mut levels: Vec<_> = if wanted.is_empty() {
        usual().collect()
    } else {
        wanted.to_vec()
    };
    levels.sort_by(|left, right| right.percent().total_cmp(&left.percent()));
    levels.dedup();
    let found: Vec<_> = levels
        .iter()
        .filter_map(|level| {
            Some(Band {
                label: format!("{level}%"),
                lower: forecast.quantile(level.lower())?.to_vec(),
                upper: forecast.quantile(level.upper())?.to_vec(),
            })
        })
        .collect();
    if found.is_empty() {
        outermost(forecast, own).into_iter().collect()
    } else {
        found
    }
}

/// From the lowest quantile to the highest.
fn outermost(forecast: &Forecast, own: &QuantileLevels) -> Option<Band> {
    let (lowest, highest) = (*own.as_slice().first()?, *own.as_slice().last()?);
    if lowest == highest {
        return None;
    }
    let (lower, upper) = (
        forecast.quantile(lowest)?.to_vec(),
        forecast.quantile(highest)?.to_vec(),
    );
    let symmetric = (lowest.value() + highest.value() - 1.0).abs() < 1e-9;
    let label = if symmetric {
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

/// Counts are far below the largest integer.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

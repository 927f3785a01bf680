//! Rolling origin: how good forecasts of a series would have been at moments of its past.
//!
//! A [`Plan`] says where the history is cut; each cut gives a window, the steps after it. What was
//! forecast for the windows is recorded in a [`Contest`], whose [`Leaderboard`] compares all who took
//! part. Nothing here runs a model.

mod leaderboard;

pub use leaderboard::{Contest, Entrant, Kind, Leaderboard, SeriesStanding, Standing};

use thiserror::Error;

use crate::Horizon;

/// Where the history of a series is cut (Tashman, "Out-of-sample tests of forecasting accuracy", 2000).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    horizon: Horizon,
    windows: usize,
    step: usize,
    calibrated: bool,
}

/// Bounds on what one backtest may ask. Each is configuration of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktestLimits {
    /// Windows of one series.
    pub windows: usize,
    /// Forecasts in all: a window of a series by a model.
    pub forecasts: usize,
}

/// What a plan is made of, as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanDraft {
    /// How many windows of each series.
    pub windows: u64,
    /// Steps between two cuts; the horizon when absent, so that windows follow each other.
    pub step: Option<u64>,
    /// Whether the earlier windows calibrate the forecasts of the last ones.
    pub calibrated: bool,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A backtest has at least one window.
    #[error("windows is 0, and a backtest has at least 1 window")]
    NoWindows,
    /// More windows than the limit.
    #[error("{windows} windows are over the limit of {limit}")]
    TooManyWindows {
        /// The windows asked for.
        windows: u64,
        /// The most of one series.
        limit: usize,
    },
    /// Calibration needs windows before those that are scored.
    #[error(
        "1 window cannot both calibrate and be scored; send windows of 2 or more, or leave calibrate out"
    )]
    CalibratedByNothing,
    /// Cuts lie at least one step apart.
    #[error("step is 0, and windows lie at least 1 step apart")]
    NoStep,
    /// Steps beyond any series.
    #[error("a step of {step} is over the limit of {limit}")]
    StepTooLong {
        /// The steps asked for.
        step: u64,
        /// The longest series that is accepted.
        limit: usize,
    },
}

/// Why a series has no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the series has {length} values, and one window needs {needed}: {least} to forecast from and {horizon} to compare with; send a longer series or a shorter horizon"
)]
pub struct TooShort {
    /// The values of the series, up to the last that was observed.
    pub length: usize,
    /// The fewest that give a window.
    pub needed: usize,
    /// The shortest history that is forecast from.
    pub least: usize,
    /// Steps ahead.
    pub horizon: usize,
}

/// One cut of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many values are known.
    pub cutoff: usize,
    /// What its forecasts are for.
    pub role: Role,
}

/// What the forecasts of a window are for. Windows that calibrate come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Their residuals calibrate those of later windows.
    Calibrates,
    /// They are scored.
    Scored,
}

/// The shortest history that is forecast from: two values have one difference to scale errors by.
pub const SHORTEST_HISTORY: usize = 2;

impl Plan {
    /// The plan of `draft`, for series of at most `longest` values and at most `limit` windows each.
    ///
    /// # Errors
    /// [`PlanError`] names the value and the limit.
    pub fn new(
        horizon: Horizon,
        draft: PlanDraft,
        limit: usize,
        longest: usize,
    ) -> Result<Self, PlanError> {
        let windows = match usize::try_from(draft.windows) {
            Ok(0) => return Err(PlanError::NoWindows),
            Ok(1) if draft.calibrated => return Err(PlanError::CalibratedByNothing),
            Ok(within) if within <= limit => within,
            _ => {
                let windows = draft.windows;
                return Err(PlanError::TooManyWindows { windows, limit });
            }
        };
        let step = match draft.step.map(|step| (step, usize::try_from(step))) {
            None => horizon.steps(),
            Some((_, Ok(0))) => return Err(PlanError::NoStep),
            Some((_, Ok(within))) if within <= longest => within,
            Some((step, _)) => {
                let limit = longest;
                return Err(PlanError::StepTooLong { step, limit });
            }
        };
        Ok(Self {
            horizon,
            windows,
            step,
            calibrated: draft.calibrated,
        })
    }

    /// How far ahead.
    #[must_use]
    pub const fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// The most windows of one series.
    #[must_use]
    pub const fn windows(&self) -> usize {
        self.windows
    }

    /// Steps between two cuts.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Whether earlier windows calibrate.
    #[must_use]
    pub const fn is_calibrated(&self) -> bool {
        self.calibrated
    }

    /// How many of the last windows are scored: all, or one in three when the others calibrate.
    #[must_use]
    pub const fn scored(&self) -> usize {
        if self.calibrated {
            self.windows.div_ceil(3)
        } else {
            self.windows
        }
    }

    /// The windows of a series of `values`, oldest first, each with at least `least` values before it.
    ///
    /// Counted from the last observed value, so that a tail of missing ones costs no window. A series
    /// that is too short for all has fewer. A window that overlaps with what is scored later, because
    /// the step is shorter than the horizon, does not calibrate: it would know what comes.
    ///
    /// # Errors
    /// [`TooShort`] when there is room for none.
    pub fn windows_of(&self, values: &[f64], least: usize) -> Result<Vec<Window>, TooShort> {
        let horizon = self.horizon.steps();
        let least = least.max(SHORTEST_HISTORY);
        let last = values.iter().rposition(|value| !value.is_nan());
        let length = last.map_or(0, |last| last + 1);
        let first = values.iter().position(|value| !value.is_nan()).unwrap_or(0);
        let short = TooShort {
            length,
            needed: least + horizon,
            least,
            horizon,
        };
        let latest = length.checked_sub(horizon).ok_or(short)?;
        // Something must be observed on both sides of a cut.
        let cutoffs = (0..self.windows)
            .map_while(|back| latest.checked_sub(back.saturating_mul(self.step)))
            .take_while(|cutoff| *cutoff >= least && *cutoff > first)
            .filter(|cutoff| {
                values[*cutoff..cutoff + horizon]
                    .iter()
                    .any(|value| !value.is_nan())
            });
        let cutoffs: Vec<_> = cutoffs.collect();
        let first_scored = cutoffs.iter().take(self.scored()).next_back().copied();
        let first_scored = first_scored.ok_or(short)?;
        let windows = cutoffs.into_iter().rev().filter_map(|cutoff| {
            let role = if cutoff >= first_scored {
                Role::Scored
            } else if cutoff + horizon <= first_scored {
                Role::Calibrates
            } else {
                return None;
            };
            Some(Window { cutoff, role })
        });
        Ok(windows.collect())
    }
}

#[cfg(test)]
mod tests;

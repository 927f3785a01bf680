//! Backtests with a rolling origin: the accuracy that forecasts of a series would have had in its past.
//!
//! A [`BacktestPlan`] defines the cutoffs of the history; the steps after a cutoff form a window. A [`BacktestEvaluation`]
//! records the forecasts of the windows, and its [`Leaderboard`] compares all entrants. Nothing here runs
//! a model.

mod leaderboard;

use thiserror::Error;

pub use self::leaderboard::{
    BacktestEvaluation, Entrant, EntrantKind, Leaderboard, LeaderboardEntry, SeriesScores,
    WindowForecast,
};
use crate::Horizon;

/// The cutoffs of a backtest (Tashman, "Out-of-sample tests of forecasting accuracy", 2000).
///
/// ```
/// use almanac_forecast::{Horizon, BacktestPlan, BacktestPlanDraft};
///
/// // Three windows of 4 steps, one after the other.
/// let draft = BacktestPlanDraft { windows: 3, step: None, calibrated: false };
/// let plan = BacktestPlan::new(Horizon::new(4, 100)?, draft, 10, 1_000)?;
/// let windows = plan.windows_of(&[1.0; 20], 2)?;
/// let cutoffs: Vec<_> = windows.iter().map(|window| window.cutoff).collect();
/// assert_eq!(cutoffs, [8, 12, 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktestPlan {
    horizon: Horizon,
    windows: usize,
    step: usize,
    calibrated: bool,
}

/// The limits of one backtest, both of them settings of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktestLimits {
    /// The maximum number of windows of one series.
    pub windows: usize,
    /// The maximum number of forecasts: one for each series, window and model.
    pub forecasts: usize,
}

/// The parameters of a plan, as they were requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacktestPlanDraft {
    /// The number of windows of each series.
    pub windows: u64,
    /// The number of steps between two cutoffs. Defaults to the horizon, so that windows do not overlap.
    pub step: Option<u64>,
    /// Whether to calibrate the forecasts of the last windows on the earlier ones.
    pub calibrated: bool,
}

/// The error returned when a plan is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BacktestPlanError {
    /// The number of windows is 0.
    #[error("windows is 0; request at least 1 window")]
    NoWindows,
    /// The number of windows exceeds the limit.
    #[error("{windows} windows exceed the limit of {limit}; request fewer windows")]
    TooManyWindows {
        /// The requested number of windows.
        windows: u64,
        /// The maximum number of windows of one series.
        limit: usize,
    },
    /// The only window is scored, so there is none to calibrate on.
    #[error("calibration needs at least 2 windows; request more windows, or omit calibrate")]
    NoCalibrationWindow,
    /// The step is 0.
    #[error("step is 0; request at least 1 step between windows")]
    NoStep,
    /// The step is longer than any series.
    #[error("step {step} exceeds the limit of {limit}; request a smaller step")]
    StepTooLong {
        /// The requested number of steps between two cutoffs.
        step: u64,
        /// The maximum length of a series.
        limit: usize,
    },
}

/// The error returned when a series is too short for a single window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the series has {length} values, and one window needs {needed}: {min_history} of history and {horizon} to compare with; send a longer series or request a shorter horizon"
)]
pub struct TooShort {
    /// The number of values of the series, up to the last observed one.
    pub length: usize,
    /// The minimum number of values for one window.
    pub needed: usize,
    /// The minimum number of values before a cutoff.
    pub min_history: usize,
    /// The number of steps of a window.
    pub horizon: usize,
}

/// A window of a series: the steps after one cutoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The number of values before the cutoff, which a forecaster may use.
    pub cutoff: usize,
    /// The purpose of the forecasts of this window.
    pub role: WindowRole,
}

/// The purpose of the forecasts of a window. Windows for calibration come before scored windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowRole {
    /// The residuals calibrate the forecasts of later windows.
    Calibration,
    /// The forecasts are scored.
    Scored,
}

/// The minimum number of values before a cutoff: two values have one difference to scale errors by.
pub const MIN_HISTORY: usize = 2;

impl BacktestPlan {
    /// Creates a plan from `draft`, for at most `max_windows` windows per series and series of at most
    /// `max_length` values.
    ///
    /// # Errors
    /// Returns a [`BacktestPlanError`] with the invalid value and its limit.
    pub fn new(
        horizon: Horizon,
        draft: BacktestPlanDraft,
        max_windows: usize,
        max_length: usize,
    ) -> Result<Self, BacktestPlanError> {
        let windows = match usize::try_from(draft.windows) {
            Ok(0) => return Err(BacktestPlanError::NoWindows),
            Ok(1) if draft.calibrated => return Err(BacktestPlanError::NoCalibrationWindow),
            Ok(windows) if windows <= max_windows => windows,
            _ => {
                return Err(BacktestPlanError::TooManyWindows {
                    windows: draft.windows,
                    limit: max_windows,
                });
            }
        };
        let step = match draft.step.map(|step| (step, usize::try_from(step))) {
            None => horizon.steps(),
            Some((_, Ok(0))) => return Err(BacktestPlanError::NoStep),
            Some((_, Ok(step))) if step <= max_length => step,
            Some((step, _)) => {
                return Err(BacktestPlanError::StepTooLong {
                    step,
                    limit: max_length,
                });
            }
        };
        Ok(Self {
            horizon,
            windows,
            step,
            calibrated: draft.calibrated,
        })
    }

    /// Returns the horizon of every window.
    #[must_use]
    pub const fn horizon(&self) -> Horizon {
        self.horizon
    }

    /// Returns the maximum number of windows of one series.
    #[must_use]
    pub const fn windows(&self) -> usize {
        self.windows
    }

    /// Returns the number of steps between two cutoffs.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Returns true if earlier windows calibrate the forecasts of later ones.
    #[must_use]
    pub const fn is_calibrated(&self) -> bool {
        self.calibrated
    }

    /// Returns the maximum number of scored windows, which are the last ones: all windows, or one in three
    /// if the others are used for calibration.
    #[must_use]
    pub const fn scored(&self) -> usize {
        if self.calibrated {
            self.windows.div_ceil(3)
        } else {
            self.windows
        }
    }

    /// Returns the windows of a series of `values`, oldest first, each after at least `min_history` values.
    ///
    /// Windows are counted back from the last observed value, so that a missing tail costs no window. A
    /// short series has fewer windows than the plan. A window that overlaps with a scored one, because the
    /// step is shorter than the horizon, is not used for calibration: it would leak scored values.
    ///
    /// # Errors
    /// Returns [`TooShort`] if the series has no scored window.
    pub fn windows_of(&self, values: &[f64], min_history: usize) -> Result<Vec<Window>, TooShort> {
        let horizon = self.horizon.steps();
        let min_history = min_history.max(MIN_HISTORY);
        let last_observed = values.iter().rposition(|value| !value.is_nan());
        let length = last_observed.map_or(0, |last| last + 1);
        let too_short = TooShort {
            length,
            needed: min_history + horizon,
            min_history,
            horizon,
        };
        let latest = length.checked_sub(horizon).ok_or(too_short)?;
        let cutoffs = self.cutoffs(values, latest, min_history);
        let first_scored = cutoffs.iter().take(self.scored()).next_back().copied();
        let first_scored = first_scored.ok_or(too_short)?;
        let mut windows = Vec::with_capacity(cutoffs.len());
        for cutoff in cutoffs.into_iter().rev() {
            if cutoff >= first_scored {
                let role = WindowRole::Scored;
                windows.push(Window { cutoff, role });
            } else if cutoff + horizon <= first_scored {
                let role = WindowRole::Calibration;
                windows.push(Window { cutoff, role });
            }
        }
        Ok(windows)
    }

    /// Returns the cutoffs with an observed value on both sides, latest first.
    fn cutoffs(&self, values: &[f64], latest: usize, min_history: usize) -> Vec<usize> {
        let first_observed = values.iter().position(|value| !value.is_nan()).unwrap_or(0);
        (0..self.windows)
            .map_while(|window| latest.checked_sub(window.saturating_mul(self.step)))
            .take_while(|cutoff| *cutoff >= min_history && *cutoff > first_observed)
            .filter(|cutoff| {
                values[*cutoff..cutoff + self.horizon.steps()]
                    .iter()
                    .any(|value| !value.is_nan())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

//! How many steps ahead a forecast reaches.

use thiserror::Error;

/// A number of steps ahead, at least 1 and at most the limit it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Horizon(usize);

/// Why a number of steps is not a horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HorizonError {
    /// A forecast has at least one step.
    #[error("the horizon is 0, and a forecast has at least 1 step")]
    Zero,
    /// More steps than the limit.
    #[error("a horizon of {steps} steps is over the limit of {limit}")]
    TooLong {
        /// The steps asked for.
        steps: u64,
        /// The largest number of steps served.
        limit: usize,
    },
}

impl Horizon {
    /// A horizon of `steps`, refused when it is 0 or over `limit`.
    ///
    /// ```
    /// use almanac_forecast::{Horizon, HorizonError};
    ///
    /// assert_eq!(Horizon::new(12, 1_024)?.steps(), 12);
    /// assert_eq!(Horizon::new(0, 1_024), Err(HorizonError::Zero));
    /// # Ok::<(), HorizonError>(())
    /// ```
    ///
    /// # Errors
    /// [`HorizonError`] names the steps and the limit.
    pub fn new(steps: u64, limit: usize) -> Result<Self, HorizonError> {
        if steps == 0 {
            return Err(HorizonError::Zero);
        }
        match usize::try_from(steps) {
            Ok(within) if within <= limit => Ok(Self(within)),
            _ => Err(HorizonError::TooLong { steps, limit }),
        }
    }

    /// The number of steps, at least 1.
    #[must_use]
    pub const fn steps(self) -> usize {
        self.0
    }
}

//! The number of steps that a forecast covers.

use thiserror::Error;

/// A number of steps ahead, at least 1 and at most the limit that it was created with.
///
/// ```
/// use almanac_forecast::{Horizon, HorizonError};
///
/// assert_eq!(Horizon::new(12, 1_024)?.steps(), 12);
/// assert_eq!(Horizon::new(0, 1_024), Err(HorizonError::Zero));
/// # Ok::<(), HorizonError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Horizon(usize);

/// The error returned when a number of steps is not a valid horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HorizonError {
    /// The horizon is 0.
    #[error("horizon is 0; request at least 1 step")]
    Zero,
    /// The horizon has more steps than the limit.
    #[error("horizon {steps} exceeds the limit of {limit}; request fewer steps")]
    TooLong {
        /// The requested number of steps.
        steps: u64,
        /// The maximum number of steps.
        limit: usize,
    },
}

impl Horizon {
    /// Creates a horizon of `steps` steps.
    ///
    /// # Errors
    /// Returns a [`HorizonError`] if `steps` is 0 or exceeds `limit`.
    pub fn new(steps: u64, limit: usize) -> Result<Self, HorizonError> {
        if steps == 0 {
            return Err(HorizonError::Zero);
        }
        match usize::try_from(steps) {
            Ok(steps) if steps <= limit => Ok(Self(steps)),
            _ => Err(HorizonError::TooLong { steps, limit }),
        }
    }

    /// Returns the number of steps, at least 1.
    #[must_use]
    pub const fn steps(self) -> usize {
        self.0
    }
}

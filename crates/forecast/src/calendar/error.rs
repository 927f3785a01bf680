//! The errors of a time axis.

use thiserror::Error;

use super::Stamp;
use crate::frequency::Frequency;

/// The error returned when stamps and a frequency do not form a time axis.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// The frequency is a bare number, which requires an integer index.
    #[error(
        "frequency `{frequency}` has no unit, but timestamp `{start}` needs one; write \
         `{frequency}D` for days"
    )]
    NeedsUnit {
        /// The frequency.
        frequency: Frequency,
        /// The start of the axis.
        start: Box<Stamp>,
    },
    /// The step is outside the range of dates, or of integers.
    #[error(
        "step {step} of `{frequency}` from `{start}` is outside the years -9999 to 9999 or the \
         64-bit integers"
    )]
    OutOfRange {
        /// The start of the axis.
        start: Box<Stamp>,
        /// The step between stamps.
        frequency: Frequency,
        /// The requested step.
        step: i64,
    },
    /// The call requests more stamps than the limit.
    #[error("{count} timestamps exceed the limit of {most}")]
    TooManyStamps {
        /// The requested number of stamps.
        count: usize,
        /// The maximum number of stamps in one call.
        most: usize,
    },
    /// A stamp is before its predecessor in the list.
    #[error(
        "timestamp {index} `{stamp}` is before its predecessor `{previous}`; sort the series by time"
    )]
    Unsorted {
        /// The position of the stamp in the list, from 0.
        index: usize,
        /// The stamp.
        stamp: Box<Stamp>,
        /// The previous stamp in the list.
        previous: Box<Stamp>,
    },
    /// A stamp has the same position as its predecessor in the list.
    #[error(
        "timestamp {index} `{stamp}` repeats its predecessor `{previous}`; send each timestamp once"
    )]
    Duplicate {
        /// The position of the stamp in the list, from 0.
        index: usize,
        /// The stamp.
        stamp: Box<Stamp>,
        /// The previous stamp in the list.
        previous: Box<Stamp>,
    },
    /// A stamp is between two steps.
    #[error(
        "timestamp {index} `{stamp}` is not on a step of `{frequency}`{}",
        neighbours(before.as_deref(), after.as_deref())
    )]
    OffGrid {
        /// The position of the stamp in the list, from 0.
        index: usize,
        /// The stamp.
        stamp: Box<Stamp>,
        /// The step between stamps.
        frequency: Frequency,
        /// The nearest step before the stamp.
        before: Option<Box<Stamp>>,
        /// The nearest step after the stamp.
        after: Option<Box<Stamp>>,
    },
    /// The stamps are not all of one kind.
    #[error(
        "timestamp {index} is {found} but the first is {expected}; write all timestamps in one form"
    )]
    MixedKinds {
        /// The position of the first stamp of another kind, from 0.
        index: usize,
        /// The kind of the first stamp.
        expected: &'static str,
        /// The kind at `index`.
        found: &'static str,
    },
    /// There are too few stamps: an axis needs one, and inferring its frequency needs three.
    #[error("{given} timestamps are too few{}", required_stamps(*needed))]
    NotEnoughStamps {
        /// The number of stamps.
        given: usize,
        /// The minimum number of stamps.
        needed: usize,
    },
    /// No frequency fits all stamps.
    #[error(
        "cannot infer the frequency of irregular timestamps: the closest match is `{nearest}`, but \
         timestamp {index} `{stamp}` is not on it; send frequency"
    )]
    CannotInfer {
        /// The frequency that most of the first stamps follow.
        nearest: Frequency,
        /// The position of the first stamp that does not follow it, from 0.
        index: usize,
        /// The first stamp that does not follow it.
        stamp: Box<Stamp>,
    },
    /// Most steps of the inferred frequency have no stamp.
    #[error(
        "cannot infer the frequency of scattered timestamps: the closest match is `{nearest}`, but too \
         few of them are consecutive; send frequency"
    )]
    TooSparse {
        /// The frequency that all stamps follow.
        nearest: Frequency,
    },
    /// The axis of the stamps, gaps included, is too long.
    #[error(
        "timestamps up to {index} span {steps} steps of `{frequency}`, gaps included, which exceeds \
         the limit of {most}"
    )]
    TooManySteps {
        /// The position of the first stamp beyond the limit, from 0.
        index: usize,
        /// The step between stamps.
        frequency: Frequency,
        /// The number of steps up to that stamp.
        steps: u64,
        /// The maximum number of steps.
        most: usize,
    },
}

impl CalendarError {
    /// Returns the position of the stamp that the error is about, from 0, if it is about one stamp.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        match self {
            Self::Unsorted { index, .. }
            | Self::Duplicate { index, .. }
            | Self::OffGrid { index, .. }
            | Self::MixedKinds { index, .. }
            | Self::CannotInfer { index, .. }
            | Self::TooManySteps { index, .. } => Some(*index),
            Self::NeedsUnit { .. }
            | Self::OutOfRange { .. }
            | Self::TooManyStamps { .. }
            | Self::NotEnoughStamps { .. }
            | Self::TooSparse { .. } => None,
        }
    }
}

fn required_stamps(needed: usize) -> String {
    match needed {
        1 => "; send at least 1".to_owned(),
        needed => format!(" to infer the frequency; send at least {needed}, or send frequency"),
    }
}

fn neighbours(before: Option<&Stamp>, after: Option<&Stamp>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("; the nearest steps are `{before}` and `{after}`"),
        (Some(nearest), None) | (None, Some(nearest)) => {
            format!("; the nearest step is `{nearest}`")
        }
        (None, None) => String::new(),
    }
}

//! Why a stamp cannot be read, or stamps do not form a time axis.

use thiserror::Error;

use super::Stamp;
use crate::frequency::Frequency;

/// A text that is not a stamp, or a stamp that cannot be placed in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StampError {
    /// The text is in no known format, or names a day or time that does not exist.
    #[error(
        "unreadable timestamp `{text}`: {reason}; expected a form such as `2024-01-31`, \
         `2024-01-31T12:00:00`, \
         `2024-01-31T12:00:00Z`, `2024-01-31T12:00:00+01:00[Europe/Berlin]` or an integer"
    )]
    Unreadable {
        /// What was received.
        text: String,
        /// What the reader stumbled over.
        reason: String,
    },
    /// The text is longer than any stamp.
    #[error("timestamp of {length} bytes is longer than {most}: `{text}`")]
    TooLong {
        /// The beginning of what was received.
        text: String,
        /// Its length in bytes.
        length: usize,
        /// The longest accepted.
        most: usize,
    },
    /// Eight digits may be an index or a date.
    #[error("timestamp `{text}` may be a date or an integer index, write `{date}` for the date")]
    DigitsOnly {
        /// What was received.
        text: String,
        /// The date in the form that has one meaning.
        date: String,
    },
    /// The zone is not in the IANA database.
    #[error(
        "unknown time zone `{zone}`{}, expected an IANA name such as `Europe/Berlin`",
        did_you_mean(suggestion.as_deref())
    )]
    UnknownZone {
        /// What was received.
        zone: String,
        /// The nearest known name, if one is near.
        suggestion: Option<String>,
    },
    /// An integer index has no time zone.
    #[error("integer index `{index}` cannot be placed in a time zone")]
    IndexInZone {
        /// The index.
        index: i64,
    },
    /// The stamp says one zone and the request another.
    #[error("timestamp `{stamp}` is in zone {zone} and cannot be placed in `{requested}`")]
    OtherZone {
        /// The stamp as written.
        stamp: String,
        /// The zone it is in.
        zone: String,
        /// The zone asked for.
        requested: String,
    },
    /// The wall time has no instant in the zone within the range of years.
    #[error("timestamp `{stamp}` is outside the years -9999 to 9999 in its time zone")]
    OutOfRange {
        /// The stamp as written.
        stamp: String,
    },
}

impl StampError {
    pub(super) fn too_long(text: &str, most: usize) -> Self {
        let text_start = text.chars().take(40).collect();
        Self::TooLong {
            text: text_start,
            length: text.len(),
            most,
        }
    }
}

/// Stamps and a frequency that do not form a time axis.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// A bare number is a frequency for an integer index only.
    #[error(
        "frequency `{frequency}` has no unit, which timestamp `{start}` needs, write \
         `{frequency}D` for days"
    )]
    NeedsUnit {
        /// The frequency received.
        frequency: Frequency,
        /// The start of the axis.
        start: Box<Stamp>,
    },
    /// The step lies before or after all dates that can be written.
    #[error(
        "step {step} of `{frequency}` from `{start}` is outside the years -9999 to 9999 or the \
         64-bit integers"
    )]
    OutOfRange {
        /// The start of the axis.
        start: Box<Stamp>,
        /// The step between stamps.
        frequency: Frequency,
        /// The step asked for.
        step: i64,
    },
    /// More stamps than one call makes.
    #[error("{count} timestamps are more than {most}")]
    TooManyStamps {
        /// How many were asked for.
        count: usize,
        /// The most in one call.
        most: usize,
    },
    /// A stamp is before the one it follows.
    #[error(
        "timestamp {index} `{stamp}` is before the preceding `{previous}`, sort the series by time"
    )]
    Unsorted {
        /// Where in the list it is, counted from 0.
        index: usize,
        /// The stamp.
        stamp: Box<Stamp>,
        /// The one before it in the list.
        previous: Box<Stamp>,
    },
    /// A stamp names the same position as the one it follows.
    #[error("timestamp {index} `{stamp}` repeats the preceding `{previous}`")]
    Duplicate {
        /// Where in the list it is, counted from 0.
        index: usize,
        /// The stamp.
        stamp: Box<Stamp>,
        /// The one before it in the list.
        previous: Box<Stamp>,
    },
    /// A stamp lies between two steps.
    #[error(
        "timestamp {index} `{stamp}` is not on a step of `{frequency}`{}",
        neighbours(before.as_deref(), after.as_deref())
    )]
    OffGrid {
        /// Where in the list it is, counted from 0.
        index: usize,
        /// The stamp.
        stamp: Box<Stamp>,
        /// The step between stamps.
        frequency: Frequency,
        /// The nearest step before it.
        before: Option<Box<Stamp>>,
        /// The nearest step after it.
        after: Option<Box<Stamp>>,
    },
    /// The stamps are not all of one kind.
    #[error(
        "timestamp {index} is {found} while the first is {expected}, write all of them in one form"
    )]
    MixedKinds {
        /// Where in the list the other kind is, counted from 0.
        index: usize,
        /// The kind of the first stamp.
        expected: &'static str,
        /// The kind at `index`.
        found: &'static str,
    },
    /// There are too few stamps for what was asked: one makes an axis, three tell its frequency.
    #[error("{given} timestamps are too few, at least {}", least(*needed))]
    NotEnoughStamps {
        /// How many there are.
        given: usize,
        /// How many it takes.
        needed: usize,
    },
    /// No frequency fits all stamps.
    #[error(
        "cannot infer the frequency of irregular timestamps, the nearest is `{nearest}` but \
         timestamp {index} `{stamp}` is not on it, give `frequency`"
    )]
    CannotInfer {
        /// The frequency that most of the first stamps follow.
        nearest: Frequency,
        /// The first stamp that does not follow it, counted from 0.
        index: usize,
        /// That stamp.
        stamp: Box<Stamp>,
    },
    /// Most steps of the frequency found have no stamp.
    #[error(
        "cannot infer the frequency of scattered timestamps, the nearest is `{nearest}` but too \
         few of them follow each other, give `frequency`"
    )]
    TooSparse {
        /// The frequency that all stamps follow.
        nearest: Frequency,
    },
    /// With the gaps between them, the stamps make an axis that is too long.
    #[error(
        "timestamps up to {index} span {steps} steps of `{frequency}`, gaps counted, more than \
         {most}"
    )]
    TooManySteps {
        /// Where in the list the first stamp beyond the limit is, counted from 0.
        index: usize,
        /// The step between stamps.
        frequency: Frequency,
        /// How many steps the axis has up to that stamp.
        steps: u64,
        /// The most steps.
        most: usize,
    },
}

impl CalendarError {
    /// Where in the list of stamps the error lies, counted from 0, if it lies on one of them.
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

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |known| format!(", did you mean `{known}`?"))
}

fn least(needed: usize) -> String {
    match needed {
        1 => "1 is needed".to_owned(),
        needed => format!("{needed} are needed to infer the frequency, give `frequency`"),
    }
}

fn neighbours(before: Option<&Stamp>, after: Option<&Stamp>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!(", the nearest steps are `{before}` and `{after}`"),
        (Some(nearest), None) | (None, Some(nearest)) => {
            format!(", the nearest step is `{nearest}`")
        }
        (None, None) => String::new(),
    }
}

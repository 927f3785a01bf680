//! Why a text is no frequency, said so that the reader can repair it.

use thiserror::Error;

use super::{Frequency, alias, english};

/// How alike two spellings must be for one to be suggested for the other: one slip in three
/// letters.
const LEAST_SIMILARITY: f64 = 0.6;

/// A text that is not a frequency.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrequencyError {
    /// No known spelling fits.
    #[error(
        "unknown frequency `{text}`{}, known are {}, each with a number before it",
        did_you_mean(suggestion.as_deref()),
        known()
    )]
    Unknown {
        /// What was received, cut to a readable length.
        text: String,
        /// The nearest known spelling, if one is near.
        suggestion: Option<String>,
    },
    /// The text means different things to different libraries.
    #[error("frequency `{text}` is ambiguous, it may mean {readings}, write {instead}")]
    Ambiguous {
        /// What was received.
        text: String,
        /// The meanings it may have.
        readings: &'static str,
        /// Spellings that have one meaning.
        instead: String,
    },
    /// The number is zero, negative, fractional or too large.
    #[error("multiple in frequency `{text}` must be a whole number from 1 to {most}")]
    MultipleOutOfRange {
        /// What was received, cut to a readable length.
        text: String,
        /// The largest multiple, [`Frequency::MOST_MULTIPLE`].
        most: u64,
    },
    /// The text is understood but the step is one that Almanac does not make.
    #[error("frequency `{text}` is not supported because {reason}, use {instead}")]
    Unsupported {
        /// What was received.
        text: String,
        /// Why it cannot be stepped.
        reason: &'static str,
        /// What to send in its place.
        instead: &'static str,
    },
}

impl FrequencyError {
    /// A text whose `name`, the part behind the number, is not known.
    pub(super) fn unknown(text: &str, name: &str) -> Self {
        let before_name = text.strip_suffix(name).unwrap_or_default();
        let suggestion = nearest(name).map(|known| format!("{before_name}{known}"));
        Self::Unknown {
            text: shortened(text),
            suggestion,
        }
    }

    pub(super) fn multiple_out_of_range(text: &str) -> Self {
        Self::MultipleOutOfRange {
            text: shortened(text),
            most: Frequency::MOST_MULTIPLE,
        }
    }
}

/// The known spelling nearest to a name, by edit distance over lower-case letters.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    alias::all()
        .chain(english::all())
        .map(|known| {
            (
                strsim::normalized_damerau_levenshtein(&name, &known.to_lowercase()),
                known,
            )
        })
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |known| format!(", did you mean `{known}`?"))
}

fn known() -> String {
    Frequency::KNOWN
        .iter()
        .map(|(spelling, _)| *spelling)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The text up to a length that fits in a message.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

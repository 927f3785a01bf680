//! The errors of parsing a frequency.

use thiserror::Error;

use super::{Frequency, alias, english};

/// The minimum similarity of a suggested spelling: one typing error in three letters.
const MIN_SIMILARITY: f64 = 0.6;

/// The error returned when a text is not a supported frequency.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrequencyError {
    /// The text matches no supported spelling.
    #[error(
        "unknown frequency `{text}`{}; use one of {}, optionally preceded by a number",
        did_you_mean(suggestion.as_deref()),
        supported()
    )]
    Unknown {
        /// The text, truncated to a readable length.
        text: String,
        /// The most similar supported spelling, if one is similar enough.
        suggestion: Option<String>,
    },
    /// The text has different meanings in different libraries.
    #[error("frequency `{text}` is ambiguous: it may mean {readings}; write {instead}")]
    Ambiguous {
        /// The text.
        text: String,
        /// The possible meanings.
        readings: &'static str,
        /// The unambiguous spellings.
        instead: String,
    },
    /// The multiple is zero, negative, fractional or too large.
    #[error(
        "the multiple of frequency `{text}` is out of range; use a whole number from 1 to {limit}"
    )]
    MultipleOutOfRange {
        /// The text, truncated to a readable length.
        text: String,
        /// The maximum multiple, [`Frequency::MAX_MULTIPLE`].
        limit: u64,
    },
    /// The text is a known frequency that Almanac does not support.
    #[error("frequency `{text}` is not supported because {reason}; use {instead}")]
    Unsupported {
        /// The text.
        text: String,
        /// The reason.
        reason: &'static str,
        /// The frequency to use instead.
        instead: &'static str,
    },
}

impl FrequencyError {
    /// Creates the error of a text whose `name`, the part after the number, is unknown.
    pub(super) fn unknown(text: &str, name: &str) -> Self {
        let before_name = text.strip_suffix(name).unwrap_or_default();
        let suggestion = nearest(name).map(|known| format!("{before_name}{known}"));
        Self::Unknown {
            text: truncated(text),
            suggestion,
        }
    }

    pub(super) fn multiple_out_of_range(text: &str) -> Self {
        Self::MultipleOutOfRange {
            text: truncated(text),
            limit: Frequency::MAX_MULTIPLE,
        }
    }
}

/// Returns the supported spelling that is most similar to a name, by edit distance in lower case.
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
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |known| format!(" (did you mean `{known}`?)"))
}

fn supported() -> String {
    Frequency::KNOWN
        .iter()
        .map(|(spelling, _)| *spelling)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Truncates a text to a length that fits in a message.
fn truncated(text: &str) -> String {
    const MAX_LENGTH: usize = 40;
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

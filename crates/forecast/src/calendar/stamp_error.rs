//! The error of parsing a stamp.

use thiserror::Error;

/// The error returned when a text is not a valid stamp, or a stamp cannot be placed in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StampError {
    /// The text is in no supported format, or its day or time does not exist.
    #[error(
        "cannot parse timestamp `{text}`: {reason}; use a form such as `2024-01-31`, \
         `2024-01-31T12:00:00`, \
         `2024-01-31T12:00:00Z`, `2024-01-31T12:00:00+01:00[Europe/Berlin]` or an integer"
    )]
    Unreadable {
        /// The text.
        text: String,
        /// The reason reported by the parser.
        reason: String,
    },
    /// The text is longer than any stamp.
    #[error("timestamp of {length} bytes exceeds the limit of {limit}: `{text}`")]
    TooLong {
        /// The beginning of the text.
        text: String,
        /// The length of the text in bytes.
        length: usize,
        /// The maximum length in bytes.
        limit: usize,
    },
    /// The text has eight digits, which may be an index or a date.
    #[error("timestamp `{text}` may be a date or an integer index; write `{date}` for the date")]
    DigitsOnly {
        /// The text.
        text: String,
        /// The date in an unambiguous form.
        date: String,
    },
    /// The time zone is not in the IANA database.
    #[error(
        "unknown time zone `{zone}`{}; use an IANA name such as `Europe/Berlin`",
        did_you_mean(suggestion.as_deref())
    )]
    UnknownZone {
        /// The name of the zone.
        zone: String,
        /// The most similar IANA name, if one is similar enough.
        suggestion: Option<String>,
    },
    /// An integer index cannot have a time zone.
    #[error("integer index `{index}` cannot have a time zone; omit timezone, or send dates")]
    IndexInZone {
        /// The index.
        index: i64,
    },
    /// The zone of the stamp differs from that of the request.
    #[error("timestamp `{stamp}` is in time zone {zone}, not in the requested `{requested}`")]
    OtherZone {
        /// The stamp, as it was written.
        stamp: String,
        /// The zone of the stamp.
        zone: String,
        /// The zone of the request.
        requested: String,
    },
    /// The wall time has no instant in the zone within the range of years.
    #[error("timestamp `{stamp}` is outside the years -9999 to 9999 in its time zone")]
    OutOfRange {
        /// The stamp, as it was written.
        stamp: String,
    },
}

impl StampError {
    pub(super) fn too_long(text: &str, limit: usize) -> Self {
        let text_start = text.chars().take(40).collect();
        Self::TooLong {
            text: text_start,
            length: text.len(),
            limit,
        }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |known| format!(" (did you mean `{known}`?)"))
}

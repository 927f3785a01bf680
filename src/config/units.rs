//! Durations and sizes, written with their units.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

/// A duration that is written with its unit: `75s`, `1m 30s`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// A size that is written with its unit: `32MiB`, `4MB`, `512KiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(u64);

/// The error returned when a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a duration; write 30s, 500ms or 2m, up to 24h")]
pub struct SpanError(String);

/// The error returned when a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not a size; write 32MiB or 512KiB")]
pub struct SizeError(String);

/// The longest duration, 24 hours.
const MAX_DURATION: Duration = Duration::from_secs(24 * 3_600);

impl Span {
    /// Creates a duration of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Returns the duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Bytes {
    /// Creates a size in bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Creates a size in kibibytes.
    #[must_use]
    pub const fn kibibytes(kibibytes: u64) -> Self {
        Self(kibibytes * 1_024)
    }

    /// Creates a size in mebibytes.
    #[must_use]
    pub const fn mebibytes(mebibytes: u64) -> Self {
        Self::kibibytes(mebibytes * 1_024)
    }

    /// Returns the size in bytes, as far as this platform can address them.
    #[must_use]
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        text.parse::<SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .filter(|duration| *duration <= MAX_DURATION)
            .map(Self)
            .ok_or_else(|| SpanError(text.to_owned()))
    }
}

impl FromStr for Bytes {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        text.parse::<ByteSize>()
            .map(|size| Self(size.as_u64()))
            .map_err(|_| SizeError(text.to_owned()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SignedDuration::try_from(self.0) {
            Ok(duration) => write!(f, "{duration:#}"),
            Err(_) => write!(f, "{:?}", self.0),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(
            "500ms".parse::<Span>().unwrap().get(),
            Duration::from_millis(500)
        );
        assert_eq!("1m 30s".parse::<Span>(), Ok(Span::seconds(90)));
        for text in ["5", "-1s", "soon", "48h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_size_is_rejected() {
        assert_eq!("32MiB".parse::<Bytes>(), Ok(Bytes::mebibytes(32)));
        assert!("large".parse::<Bytes>().is_err());
    }
}

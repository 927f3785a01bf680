//! Why a source cannot be used.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use thiserror::Error as ThisError;

use almanac_model::{Digest, SignatureError};

/// Why a source, or a version in it, cannot be used. No text of it holds a secret.
#[derive(Debug, ThisError)]
pub enum StoreError {
    /// The text names no kind of source.
    #[error(
        "{text:?} is not a model source; write embedded:, a path, s3://bucket/prefix, \
         mlflow:NAME@ALIAS or https://host/NAME/VERSION/"
    )]
    UnknownSource {
        /// The text.
        text: String,
    },
    /// The text names a kind of source and is not one of that kind.
    #[error("{text:?} is not a model source: {rule}")]
    BadSource {
        /// The text, without what may be secret.
        text: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The source is good and the settings forbid it, or lack what it needs.
    #[error("{place}: {rule}")]
    Setting {
        /// The source.
        place: String,
        /// Which setting, and what it must be.
        rule: &'static str,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {verb} {path}: {reason}")]
    Unreadable {
        /// `read` or `write`.
        verb: &'static str,
        /// Its path.
        path: String,
        /// What the system said.
        reason: io::Error,
    },
    /// The place can be read, and what is there is no model.
    #[error("{place}: {reason}")]
    NoModel {
        /// The folder.
        place: String,
        /// What is there, and what should be.
        reason: String,
    },
    /// The place is not among those that may be read.
    #[error("{place:?} is not a folder below {root}; sagemaker.models_dir is what may be read")]
    Outside {
        /// What was asked for.
        place: String,
        /// The folder below which it must lie.
        root: String,
    },
    /// There is no such version.
    #[error("there is no {name}/{version}")]
    NoSuchVersion {
        /// Name of the model.
        name: String,
        /// Version of the model.
        version: String,
    },
    /// There is no such object, bucket, model, alias or page.
    #[error("{place}: {reason}")]
    Missing {
        /// What was asked for.
        place: String,
        /// What the server said, and what to do.
        reason: String,
    },
    /// No answer came.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// What was asked for.
        place: String,
        /// Why.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("{place} did not answer within {limit:?} ({setting})")]
    Slow {
        /// What was asked for.
        place: String,
        /// The longest time.
        limit: Duration,
        /// The setting of it.
        setting: &'static str,
    },
    /// The server knows the caller and refuses, or does not know the caller.
    #[error("{place}: access denied: {reason}")]
    Denied {
        /// What was asked for.
        place: String,
        /// What the server said, and what to do.
        reason: String,
    },
    /// There are no credentials to ask with.
    #[error("{place}: no AWS credentials: {reason}")]
    NoCredentials {
        /// What was asked for.
        place: String,
        /// What was tried.
        reason: String,
    },
    /// The server answered with something else than was asked for.
    #[error("{place}: {reason}")]
    Answer {
        /// What was asked for.
        place: String,
        /// Status and message of the answer.
        reason: String,
        /// Whether the server said that the fault is its own, or passes.
        passes: bool,
    },
    /// A file was overwritten while it was read.
    #[error("{place} was overwritten while it was read; it is read anew at the next look")]
    Changed {
        /// The file.
        place: String,
    },
    /// There is more than the limit.
    #[error("{place} is over {}, which models.max_bundle allows", ByteSize(*limit))]
    TooLarge {
        /// The file or bundle.
        place: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// There are more files than the limit.
    #[error("{place} holds over {limit} files (models.max_listed); name a deeper prefix")]
    TooMany {
        /// The prefix.
        place: String,
        /// The limit.
        limit: usize,
    },
    /// The bytes are not those of the digest.
    #[error("{place} has digest {actual}, and {expected} was asked for")]
    Digest {
        /// The file.
        place: String,
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// The bundle is not signed by a key that `models.public_keys` has.
    #[error(transparent)]
    Unsigned(#[from] SignatureError),
    /// Nothing can be put there.
    #[error("{place} cannot be written to; push to a directory, s3://bucket/prefix or mlflow:NAME")]
    ReadOnly {
        /// The source.
        place: String,
    },
}

impl StoreError {
    /// Whether the source may be well and its versions unchanged, only out of reach now: what was
    /// read of it before may go on serving.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Slow { .. }
            | Self::Denied { .. }
            | Self::NoCredentials { .. } => true,
            Self::Answer { passes, .. } => *passes,
            Self::UnknownSource { .. }
            | Self::BadSource { .. }
            | Self::Setting { .. }
            | Self::Unreadable { .. }
            | Self::NoModel { .. }
            | Self::Outside { .. }
            | Self::NoSuchVersion { .. }
            | Self::Missing { .. }
            | Self::Changed { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::Digest { .. }
            | Self::Unsigned(_)
            | Self::ReadOnly { .. } => false,
        }
    }

    /// One word for a metric.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::UnknownSource { .. }
            | Self::BadSource { .. }
            | Self::Setting { .. }
            | Self::Outside { .. } => "setting",
            Self::Unreadable { .. } => "unreadable",
            Self::NoModel { .. } => "no_model",
            Self::NoSuchVersion { .. } | Self::Missing { .. } => "missing",
            Self::Unreachable { .. } => "unreachable",
            Self::Slow { .. } => "slow",
            Self::Denied { .. } | Self::NoCredentials { .. } => "denied",
            Self::Answer { .. } => "answer",
            Self::Changed { .. } => "changed",
            Self::TooLarge { .. } | Self::TooMany { .. } => "too_large",
            Self::Digest { .. } => "digest",
            Self::Unsigned(_) => "unsigned",
            Self::ReadOnly { .. } => "read_only",
        }
    }

    /// Reading `path` failed.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::file("read", path)
    }

    /// Writing `path` failed.
    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::file("write", path)
    }

    fn file(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Unreadable {
            verb,
            path: path.display().to_string(),
            reason,
        }
    }
}

/// An error and what caused it, in one line.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

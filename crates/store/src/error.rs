//! Errors of sources.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use almanac_model::{Digest, SignatureError};
use bytesize::ByteSize;
use thiserror::Error as ThisError;

/// The error returned when a source, or a version in it, cannot be used. No message contains a
/// secret.
#[derive(Debug, ThisError)]
pub enum StoreError {
    /// The text is not a kind of source.
    #[error(
        "{text:?} is not a model source; write embedded:, a path, s3://bucket/prefix, \
         mlflow:NAME@ALIAS or https://host/NAME/VERSION/"
    )]
    UnknownSource {
        /// The text.
        text: String,
    },
    /// The text has the prefix of a kind of source, but not its syntax.
    #[error("{text:?} is not a model source: {rule}")]
    BadSource {
        /// The text, without parts that may be secret.
        text: String,
        /// The rule that the text violates.
        rule: &'static str,
    },
    /// The settings forbid the source, or lack a value that it needs.
    #[error("{location}: {rule}")]
    Setting {
        /// The source.
        location: String,
        /// The setting, and the value that it must have.
        rule: &'static str,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {verb} {path}: {reason}")]
    Unreadable {
        /// The operation: `read` or `write`.
        verb: &'static str,
        /// The path of the file or folder.
        path: String,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// The folder can be read, but does not contain a model.
    #[error("{location}: {reason}")]
    NoModel {
        /// The folder.
        location: String,
        /// The contents of the folder, and the contents that it should have.
        reason: String,
    },
    /// The path is not below the folder that may be read.
    #[error(
        "{path:?} is not a folder below {root}; only folders below sagemaker.models_dir can be loaded"
    )]
    OutsideRoot {
        /// The requested path.
        path: String,
        /// The folder below which it must be.
        root: String,
    },
    /// The version does not exist.
    #[error("version {name}/{version} does not exist")]
    NoSuchVersion {
        /// The name of the model.
        name: String,
        /// The version of the model.
        version: String,
    },
    /// The object, bucket, model, alias or page does not exist.
    #[error("{location}: {reason}")]
    NotFound {
        /// The requested location.
        location: String,
        /// The message of the server, and the fix.
        reason: String,
    },
    /// The server did not respond.
    #[error("{location} cannot be reached: {reason}")]
    Unreachable {
        /// The requested location.
        location: String,
        /// The cause.
        reason: String,
    },
    /// The response did not arrive in time.
    #[error("{location} did not respond within {limit:?} ({setting})")]
    Timeout {
        /// The requested location.
        location: String,
        /// The maximum time.
        limit: Duration,
        /// The setting of the maximum time.
        setting: &'static str,
    },
    /// The server rejected the credentials, or the permissions are insufficient.
    #[error("{location}: access denied: {reason}")]
    AccessDenied {
        /// The requested location.
        location: String,
        /// The message of the server, and the fix.
        reason: String,
    },
    /// No credentials were found.
    #[error("{location}: no AWS credentials: {reason}")]
    NoCredentials {
        /// The requested location.
        location: String,
        /// The providers that were tried, and the fix.
        reason: String,
    },
    /// The server returned an unexpected response.
    #[error("{location}: {reason}")]
    UnexpectedResponse {
        /// The requested location.
        location: String,
        /// The status and message of the response.
        reason: String,
        /// If true, the status says that the failure is the server's own, or temporary.
        is_transient: bool,
    },
    /// A file was overwritten while it was read.
    #[error("{location} was overwritten while it was read; the next poll reads it again")]
    Changed {
        /// The file.
        location: String,
    },
    /// The file or bundle is larger than the limit.
    #[error("{location} exceeds the limit of {} (models.max_bundle)", ByteSize(*limit))]
    TooLarge {
        /// The file or bundle.
        location: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// There are more files than the limit.
    #[error("{location} contains more than {limit} files (models.max_listed); use a longer prefix")]
    TooMany {
        /// The prefix.
        location: String,
        /// The limit.
        limit: usize,
    },
    /// The digest of the bytes differs from the expected one.
    #[error("{location} has digest {actual}, but {expected} is required")]
    Digest {
        /// The file.
        location: String,
        /// The required digest.
        expected: Digest,
        /// The digest of the bytes.
        actual: Digest,
    },
    /// The bundle is not signed by one of the keys in `models.public_keys`.
    #[error(transparent)]
    Unsigned(#[from] SignatureError),
    /// The source is read-only.
    #[error(
        "{location} cannot be written to; push to a directory, s3://bucket/prefix or mlflow:NAME"
    )]
    ReadOnly {
        /// The source.
        location: String,
    },
}

impl StoreError {
    /// Returns true if the source may be intact and only unreachable now, so that versions that
    /// were read before can continue to serve.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::AccessDenied { .. }
            | Self::NoCredentials { .. } => true,
            Self::UnexpectedResponse { is_transient, .. } => *is_transient,
            Self::UnknownSource { .. }
            | Self::BadSource { .. }
            | Self::Setting { .. }
            | Self::Unreadable { .. }
            | Self::NoModel { .. }
            | Self::OutsideRoot { .. }
            | Self::NoSuchVersion { .. }
            | Self::NotFound { .. }
            | Self::Changed { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::Digest { .. }
            | Self::Unsigned(_)
            | Self::ReadOnly { .. } => false,
        }
    }

    /// Returns the value of the `reason` label in the metric of failures.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::UnknownSource { .. }
            | Self::BadSource { .. }
            | Self::Setting { .. }
            | Self::OutsideRoot { .. } => "setting",
            Self::Unreadable { .. } => "unreadable",
            Self::NoModel { .. } => "no_model",
            Self::NoSuchVersion { .. } | Self::NotFound { .. } => "missing",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "slow",
            Self::AccessDenied { .. } | Self::NoCredentials { .. } => "denied",
            Self::UnexpectedResponse { .. } => "answer",
            Self::Changed { .. } => "changed",
            Self::TooLarge { .. } | Self::TooMany { .. } => "too_large",
            Self::Digest { .. } => "digest",
            Self::Unsigned(_) => "unsigned",
            Self::ReadOnly { .. } => "read_only",
        }
    }

    /// Returns a function that converts an I/O error of reading `path`.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::file("read", path)
    }

    /// Returns a function that converts an I/O error of writing `path`.
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

/// Returns the messages of an error and of its sources in one line, without repetitions.
pub(super) fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = error.source();
    }
    text
}

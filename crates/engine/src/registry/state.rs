//! The states of a model version.

use std::fmt;

/// The state of a model version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// The files are being fetched.
    Fetching,
    /// The digests of the files are being checked.
    Verifying,
    /// The graph is being opened.
    Loading,
    /// The golden forecasts are being computed and checked.
    Warming,
    /// The version serves requests, or is kept in memory to serve them.
    Ready,
    /// The version finishes the requests that it has begun, and receives no more.
    Draining,
    /// The version was removed from memory after its last request.
    Gone,
    /// The version was evicted from memory. The next request loads it again.
    Unloaded,
    /// The version failed a check or was rolled back.
    Failed {
        /// The reason of the failure.
        reason: String,
    },
}

impl VersionState {
    /// The names of all states, in the order of the life of a version.
    pub const NAMES: [&'static str; 9] = [
        "fetching",
        "verifying",
        "loading",
        "warming",
        "ready",
        "draining",
        "gone",
        "unloaded",
        "failed",
    ];

    /// Returns the name of the state in the API and in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Fetching => 0,
            Self::Verifying => 1,
            Self::Loading => 2,
            Self::Warming => 3,
            Self::Ready => 4,
            Self::Draining => 5,
            Self::Gone => 6,
            Self::Unloaded => 7,
            Self::Failed { .. } => 8,
        }]
    }

    /// Returns true if nothing of the version is left in memory.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Gone | Self::Unloaded | Self::Failed { .. })
    }
}

impl fmt::Display for VersionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! Requests for versions that were evicted from memory.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The evicted versions that requests have named since the keeper last read them.
#[derive(Debug, Default)]
pub(super) struct ReloadRequests {
    versions: Mutex<BTreeSet<EvictedVersion>>,
    notify: Notify,
}

/// A version that was evicted from memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EvictedVersion {
    pub(super) model: String,
    pub(super) version: String,
}

impl ReloadRequests {
    /// Requests that `version` of `model` is loaded again. The number of entries is limited by the number
    /// of evicted versions.
    pub(super) fn add(&self, model: &str, version: &str) {
        let evicted = EvictedVersion {
            model: model.to_owned(),
            version: version.to_owned(),
        };
        if self.lock().insert(evicted) {
            self.notify.notify_one();
        }
    }

    /// Removes and returns the requested versions.
    pub(super) fn take(&self) -> BTreeSet<EvictedVersion> {
        std::mem::take(&mut self.lock())
    }

    /// Waits for a request.
    pub(super) async fn requested(&self) {
        self.notify.notified().await;
    }

    /// A set is consistent even if another thread panicked, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<EvictedVersion>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The failed versions of one model, and when they are retried.

use std::time::{Duration, Instant};

use crate::registry::plan::{LoadStatus, VersionKey};

/// The time before the first retry of files that could not be read. It doubles with each attempt.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The maximum time before a retry.
const MAX_RETRY: Duration = Duration::from_secs(600);

/// The failed versions of one model, the latest failure last.
#[derive(Debug, Default)]
pub(super) struct LoadFailures(Vec<LoadFailure>);

#[derive(Debug)]
struct LoadFailure {
    key: VersionKey,
    reason: String,
    /// The time of the next attempt, if another attempt may succeed.
    retry: Option<Instant>,
    attempts: u32,
}

impl LoadFailures {
    /// Records that a version failed. `is_transient` means that another attempt may succeed.
    pub(super) fn add(&mut self, key: VersionKey, reason: String, is_transient: bool) {
        let before = self.0.iter().position(|failure| failure.key == key);
        let attempts = before.map_or(0, |index| self.0.remove(index).attempts);
        self.0.push(LoadFailure {
            key,
            reason,
            retry: is_transient.then(|| Instant::now() + backoff(attempts)),
            attempts: attempts + 1,
        });
    }

    /// Forgets the failures of `version`, so that it can be loaded again.
    pub(super) fn clear(&mut self, version: &str) {
        self.0.retain(|failure| failure.key.version != version);
    }

    /// Forgets the failures of versions that are no longer `available`.
    pub(super) fn retain(&mut self, available: &[VersionKey]) {
        self.0.retain(|failure| available.contains(&failure.key));
    }

    /// Returns whether the version can be loaded at `now`.
    pub(super) fn load_status(&self, key: &VersionKey, now: Instant) -> LoadStatus {
        match self.0.iter().find(|failure| failure.key == *key) {
            None => LoadStatus::Loadable,
            Some(LoadFailure { retry: None, .. }) => LoadStatus::Failed,
            Some(LoadFailure {
                retry: Some(at), ..
            }) if *at <= now => LoadStatus::Loadable,
            Some(_) => LoadStatus::RetryLater,
        }
    }

    /// Returns the reason of the latest failure.
    pub(super) fn latest(&self) -> Option<&str> {
        self.0.last().map(|failure| failure.reason.as_str())
    }

    /// Returns the time of the next retry after `now`.
    pub(super) fn next_retry(&self, now: Instant) -> Option<Instant> {
        self.0
            .iter()
            .filter_map(|failure| failure.retry)
            .filter(|at| *at > now)
            .min()
    }
}

/// Returns the time to wait after `attempts` attempts, varied by up to a tenth.
fn backoff(attempts: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX));
    doubled
        .min(MAX_RETRY)
        .mul_f64(rand::random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(revision: &str) -> VersionKey {
        VersionKey {
            source: 0,
            version: "1".to_owned(),
            revision: revision.to_owned(),
        }
    }

    #[test]
    fn transient_failures_are_retried_with_increasing_backoff() {
        let mut failures = LoadFailures::default();
        let mut previous = Duration::ZERO;
        for _ in 0..6 {
            failures.add(key("a"), "no route".to_owned(), true);
            let now = Instant::now();
            assert_eq!(failures.load_status(&key("a"), now), LoadStatus::RetryLater);
            let wait = failures.next_retry(now).unwrap() - now;
            assert!(wait > previous, "{wait:?}");
            previous = wait;
            let later = now + wait;
            assert_eq!(failures.load_status(&key("a"), later), LoadStatus::Loadable);
        }
        assert!(backoff(40) <= MAX_RETRY.mul_f64(1.1));
    }

    #[test]
    fn permanent_failures_last_until_the_version_changes_or_they_are_cleared() {
        let mut failures = LoadFailures::default();
        failures.add(key("a"), "bad".to_owned(), false);
        let now = Instant::now();
        assert_eq!(failures.load_status(&key("a"), now), LoadStatus::Failed);
        assert_eq!(failures.load_status(&key("b"), now), LoadStatus::Loadable);
        assert_eq!(
            (failures.latest(), failures.next_retry(now)),
            (Some("bad"), None)
        );
        failures.clear("1");
        assert_eq!(failures.load_status(&key("a"), now), LoadStatus::Loadable);
        failures.add(key("a"), "bad".to_owned(), false);
        failures.retain(&[key("b")]);
        assert_eq!(failures.latest(), None);
    }
}

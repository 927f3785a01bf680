//! Versions of one model that did not come to serve, and when they are tried again.

use std::time::{Duration, Instant};

use crate::registry::plan::{Key, Standing};

/// The first wait before files that could not be read are tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The longest such wait.
const LONGEST_RETRY: Duration = Duration::from_secs(600);

/// The failures, the latest last.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<Failure>);

#[derive(Debug)]
struct Failure {
    key: Key,
    reason: String,
    /// When to try again, where that may help.
    retry: Option<Instant>,
    attempts: u32,
}

impl Failures {
    /// Remembers that a version failed, and whether another attempt may succeed.
    pub(super) fn add(&mut self, key: Key, reason: String, may_pass: bool) {
        let before = self.0.iter().position(|failure| failure.key == key);
        let attempts = before.map_or(0, |index| self.0.remove(index).attempts);
        self.0.push(Failure {
            key,
            reason,
            retry: may_pass.then(|| Instant::now() + wait(attempts)),
            attempts: attempts + 1,
        });
    }

    /// Lets a version be tried again, whatever became of it.
    pub(super) fn forgive(&mut self, version: &str) {
        self.0.retain(|failure| failure.key.version != version);
    }

    /// Forgets those that no source holds any more.
    pub(super) fn keep(&mut self, held: &[Key]) {
        self.0.retain(|failure| held.contains(&failure.key));
    }

    pub(super) fn standing(&self, key: &Key, now: Instant) -> Standing {
        let mut failures = self.0.iter();
        match failures.find(|failure| failure.key == *key) {
            None => Standing::Loadable,
            Some(Failure { retry: None, .. }) => Standing::Failed,
            Some(Failure {
                retry: Some(at), ..
            }) if *at <= now => Standing::Loadable,
            Some(_) => Standing::Later,
        }
    }

    /// Why the latest of them failed.
    pub(super) fn latest(&self) -> Option<&str> {
        self.0.last().map(|failure| failure.reason.as_str())
    }

    /// When the next of them is tried again.
    pub(super) fn next_retry(&self, now: Instant) -> Option<Instant> {
        let retries = self.0.iter().filter_map(|failure| failure.retry);
        retries.filter(|at| *at > now).min()
    }
}

/// The wait after so many `attempts`, a tenth more or less.
fn wait(attempts: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1_u32.checked_shl(attempts).unwrap_or(u32::MAX));
    doubled
        .min(LONGEST_RETRY)
        .mul_f64(rand::random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(revision: &str) -> Key {
        Key {
            source: 0,
            version: "1".to_owned(),
            revision: revision.to_owned(),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_after_longer_and_longer_waits() {
        let mut failures = Failures::default();
        let mut last = Duration::ZERO;
        for _ in 0..6 {
            failures.add(key("a"), "no route".to_owned(), true);
            let now = Instant::now();
            assert_eq!(failures.standing(&key("a"), now), Standing::Later);
            let wait = failures.next_retry(now).unwrap() - now;
            assert!(wait > last, "{wait:?}");
            last = wait;
            let later = now + wait;
            assert_eq!(failures.standing(&key("a"), later), Standing::Loadable);
        }
        assert!(wait(40) <= LONGEST_RETRY.mul_f64(1.1));
    }

    #[test]
    fn what_is_wrong_fails_until_it_changes_or_is_forgiven() {
        let mut failures = Failures::default();
        failures.add(key("a"), "bad".to_owned(), false);
        let now = Instant::now();
        assert_eq!(failures.standing(&key("a"), now), Standing::Failed);
        assert_eq!(failures.standing(&key("b"), now), Standing::Loadable);
        assert_eq!(
            (failures.latest(), failures.next_retry(now)),
            (Some("bad"), None)
        );
        failures.forgive("1");
        assert_eq!(failures.standing(&key("a"), now), Standing::Loadable);
        failures.add(key("a"), "bad".to_owned(), false);
        failures.keep(&[key("b")]);
        assert_eq!(failures.latest(), None);
    }
}

//! What became of every version that was tried.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::registry::metrics::LifeMetrics;
use crate::registry::usage::Usage;
use almanac_model::Digest;

/// Where a model version stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// Its files are being fetched.
    Fetching,
    /// Its digests are being compared.
    Verifying,
    /// Its graph is being opened.
    Loading,
    /// It makes its golden forecasts.
    Warming,
    /// It serves, or is kept to serve.
    Ready,
    /// It answers what it has begun, and no more.
    Draining,
    /// It has left after its last request.
    Gone,
    /// It was left out of memory, and comes back when it is asked for.
    Unloaded,
    /// It does not serve.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One attempt at one version.
#[derive(Clone, Debug)]
pub struct VersionRecord {
    /// The version.
    pub version: String,
    /// The source it comes from.
    pub source: String,
    /// Where it stands.
    pub state: VersionState,
    /// Since when.
    pub since: Instant,
    /// Digest of its bundle, once that is known.
    pub digest: Option<Digest>,
    /// From its files to ready.
    pub load_duration: Option<Duration>,
    /// What it was asked.
    pub usage: Arc<Usage>,
    number: u64,
}

/// The records of every model; clones share them.
#[derive(Clone, Debug)]
pub struct Records {
    kept: Arc<Mutex<Kept>>,
    most: usize,
    metrics: Option<LifeMetrics>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By model, newest first.
    of: BTreeMap<String, VecDeque<VersionRecord>>,
    number: u64,
}

/// Writes the record of one attempt. Dropped with its version, which is then gone.
#[derive(Debug)]
pub struct Life {
    records: Records,
    model: String,
    number: u64,
}

impl VersionState {
    /// Every state's name, in the order of a life.
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

    /// Its name in the API and in metrics.
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

    /// Whether nothing of the version is left in memory.
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

impl Records {
    /// Keeps at most `most` records of each model, and counts in `metrics`.
    #[must_use]
    pub fn new(most: usize, metrics: Option<LifeMetrics>) -> Self {
        Self {
            kept: Arc::default(),
            most: most.max(1),
            metrics,
        }
    }

    /// Begins the record of an attempt at `version` of `model`.
    #[must_use]
    pub fn begin(&self, model: &str, version: &str, source: &str) -> Life {
        let mut kept = self.lock();
        kept.number += 1;
        let number = kept.number;
        let record = VersionRecord {
            version: version.to_owned(),
            source: source.to_owned(),
            state: VersionState::Fetching,
            since: Instant::now(),
            digest: None,
            load_duration: None,
            usage: Arc::default(),
            number,
        };
        let of = kept.of.entry(model.to_owned()).or_default();
        of.push_front(record);
        if of.len() > self.most {
            // The oldest that has ended; what lives is bounded by itself.
            let ended = of.iter().rposition(|record| record.state.is_over());
            let dropped = ended.and_then(|index| of.remove(index));
            self.export(
                model,
                dropped
                    .as_ref()
                    .map(|dropped| (&dropped.version, &dropped.state)),
                None,
            );
        }
        self.export(
            model,
            None,
            Some((&version.to_owned(), &VersionState::Fetching)),
        );
        drop(kept);
        Life {
            records: self.clone(),
            model: model.to_owned(),
            number,
        }
    }

    /// The records of `model`, newest first.
    #[must_use]
    pub fn of(&self, model: &str) -> Vec<VersionRecord> {
        let kept = self.lock();
        let of = kept.of.get(model).into_iter().flatten();
        of.cloned().collect()
    }

    /// Every record, with the name of its model.
    pub(super) fn all(&self) -> Vec<(String, VersionRecord)> {
        let kept = self.lock();
        let of = kept.of.iter();
        of.flat_map(|(model, of)| of.iter().map(|record| (model.clone(), record.clone())))
            .collect()
    }

    /// Forgets every attempt at `model`, which has left for good.
    pub(super) fn forget(&self, model: &str) {
        let forgotten = self.lock().of.remove(model).into_iter().flatten();
        for record in forgotten {
            self.export(model, Some((&record.version, &record.state)), None);
        }
    }

    fn change(&self, life: &Life, change: impl FnOnce(&mut VersionRecord)) {
        let mut kept = self.lock();
        let of = kept.of.get_mut(&life.model).into_iter().flatten();
        let mut of = of.filter(|record| record.number == life.number);
        let Some(record) = of.next() else {
            return;
        };
        let before = record.state.clone();
        change(record);
        if record.state != before {
            record.since = Instant::now();
            let version = &record.version;
            self.export(
                &life.model,
                Some((version, &before)),
                Some((version, &record.state)),
            );
        }
    }

    /// Moves the metric of a version from one state to another. What is gone has none.
    fn export(
        &self,
        model: &str,
        from: Option<(&String, &VersionState)>,
        to: Option<(&String, &VersionState)>,
    ) {
        let Some(metrics) = &self.metrics else {
            return;
        };
        if let Some((version, state)) = from {
            metrics.leaves(model, version, state);
        }
        if let Some((version, state)) = to.filter(|(_, state)| **state != VersionState::Gone) {
            metrics.enters(model, version, state);
        }
    }

    /// The records are consistent between statements, so a panic elsewhere does not spoil them.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Records {
    /// Of 32 attempts at each model, without metrics.
    fn default() -> Self {
        Self::new(32, None)
    }
}

impl Life {
    /// Says where the version stands.
    pub fn set(&self, state: VersionState) {
        self.records.change(self, |record| record.state = state);
    }

    /// Says what the version is and how long it took to be ready, which it now is.
    pub fn ready(&self, digest: Digest, load_duration: Duration) {
        self.records.change(self, |record| {
            record.digest = Some(digest);
            record.load_duration = Some(load_duration);
            record.state = VersionState::Ready;
        });
    }

    /// Says which bundle it is.
    pub fn verified(&self, digest: Digest) {
        self.records
            .change(self, |record| record.digest = Some(digest));
    }

    /// What the version is asked.
    #[must_use]
    pub fn usage(&self) -> Arc<Usage> {
        let mut usage = None;
        self.records
            .change(self, |record| usage = Some(Arc::clone(&record.usage)));
        usage.unwrap_or_default()
    }

    /// Takes the record back, as if there had been no attempt.
    pub fn forget(self) {
        let mut kept = self.records.lock();
        if let Some(of) = kept.of.get_mut(&self.model)
            && let Some(index) = of.iter().position(|record| record.number == self.number)
            && let Some(record) = of.remove(index)
        {
            self.records
                .export(&self.model, Some((&record.version, &record.state)), None);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.records.change(self, |record| {
            if !record.state.is_over() {
                record.state = VersionState::Gone;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(records: &Records) -> Vec<(String, &'static str)> {
        let of = records.of("m").into_iter();
        of.map(|record| (record.version, record.state.name()))
            .collect()
    }

    #[test]
    fn a_life_is_recorded_to_its_end() {
        let records = Records::default();
        let first = records.begin("m", "1", "here");
        first.set(VersionState::Loading);
        let second = records.begin("m", "2", "here");
        let digest = Digest::of(b"x");
        second.ready(digest, Duration::from_secs(1));
        let reason = "too small".to_owned();
        first.set(VersionState::Failed { reason });
        drop(first);
        let told = [("2".to_owned(), "ready"), ("1".to_owned(), "failed")];
        assert_eq!(states(&records), told);
        assert_eq!(records.of("m")[0].digest, Some(digest));
        drop(second);
        assert_eq!(states(&records)[0].1, "gone");
        records.begin("m", "3", "here").forget();
        assert_eq!(states(&records).len(), 2);
    }

    #[test]
    fn the_oldest_that_has_ended_is_forgotten_first() {
        let records = Records::new(3, None);
        let _oldest_lives = records.begin("m", "0", "here");
        for version in 1..6 {
            drop(records.begin("m", &version.to_string(), "here"));
        }
        let versions: Vec<_> = states(&records)
            .into_iter()
            .map(|(version, _)| version)
            .collect();
        assert_eq!(versions, ["5", "4", "0"]);
    }
}

//! The history of the versions of each model.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use almanac_model::Digest;

use crate::registry::metrics::LifecycleMetrics;
use crate::registry::state::VersionState;
use crate::registry::usage::Usage;

/// One attempt to load and serve a version.
#[derive(Clone, Debug)]
pub struct VersionRecord {
    /// The version.
    pub version: String,
    /// The name of the source of the version.
    pub source: String,
    /// The current state.
    pub state: VersionState,
    /// The time at which the current state began.
    pub since: Instant,
    /// The digest of the bundle, once it is known.
    pub digest: Option<Digest>,
    /// The time from the fetched files to ready.
    pub load_duration: Option<Duration>,
    /// The requests that the version answered.
    pub usage: Arc<Usage>,
    /// The number of the attempt, unique within the records.
    number: u64,
}

/// The records of all models. Clones share the same records.
#[derive(Clone, Debug)]
pub struct Records {
    table: Arc<Mutex<RecordTable>>,
    max_per_model: usize,
    metrics: Option<LifecycleMetrics>,
}

#[derive(Debug, Default)]
struct RecordTable {
    /// The records by model, newest first.
    by_model: BTreeMap<String, VecDeque<VersionRecord>>,
    last_number: u64,
}

/// Writes the record of one attempt. When it is dropped with its version, the version is gone.
#[derive(Debug)]
pub struct VersionRecorder {
    records: Records,
    model: String,
    number: u64,
}

impl Records {
    /// Creates records of at most `max_per_model` attempts at each model, and counts them in `metrics`.
    #[must_use]
    pub fn new(max_per_model: usize, metrics: Option<LifecycleMetrics>) -> Self {
        Self {
            table: Arc::default(),
            max_per_model: max_per_model.max(1),
            metrics,
        }
    }

    /// Begins the record of an attempt to load `version` of `model`.
    #[must_use]
    pub fn begin(&self, model: &str, version: &str, source: &str) -> VersionRecorder {
        let mut table = self.lock();
        table.last_number += 1;
        let number = table.last_number;
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
        self.count_entered(model, &record);
        let records = table.by_model.entry(model.to_owned()).or_default();
        records.push_front(record);
        if records.len() > self.max_per_model {
            // Only the oldest record that has ended is removed: the number of live versions is limited by
            // itself.
            let ended = records.iter().rposition(|record| record.state.is_over());
            if let Some(removed) = ended.and_then(|index| records.remove(index)) {
                self.count_left(model, &removed.version, &removed.state);
            }
        }
        drop(table);
        VersionRecorder {
            records: self.clone(),
            model: model.to_owned(),
            number,
        }
    }

    /// Returns the records of `model`, newest first.
    #[must_use]
    pub fn of(&self, model: &str) -> Vec<VersionRecord> {
        let table = self.lock();
        table
            .by_model
            .get(model)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Returns every record with the name of its model.
    pub(super) fn all(&self) -> Vec<(String, VersionRecord)> {
        let table = self.lock();
        table
            .by_model
            .iter()
            .flat_map(|(model, records)| {
                records.iter().map(|record| (model.clone(), record.clone()))
            })
            .collect()
    }

    /// Removes the records of `model`, which was unloaded for good.
    pub(super) fn forget(&self, model: &str) {
        let removed = self.lock().by_model.remove(model);
        for record in removed.into_iter().flatten() {
            self.count_left(model, &record.version, &record.state);
        }
    }

    /// Applies `change` to the record of `recorder`, unless it has been removed.
    fn update(&self, recorder: &VersionRecorder, change: impl FnOnce(&mut VersionRecord)) {
        let mut table = self.lock();
        let Some(record) = table
            .by_model
            .get_mut(&recorder.model)
            .into_iter()
            .flatten()
            .find(|record| record.number == recorder.number)
        else {
            return;
        };
        let before = record.state.clone();
        change(record);
        if record.state != before {
            record.since = Instant::now();
            self.count_left(&recorder.model, &record.version, &before);
            self.count_entered(&recorder.model, record);
        }
    }

    /// Adds a record to the metric of its state. A version that is gone has no metric.
    fn count_entered(&self, model: &str, record: &VersionRecord) {
        if let Some(metrics) = &self.metrics
            && record.state != VersionState::Gone
        {
            metrics.enter_state(model, &record.version, &record.state);
        }
    }

    /// Removes a version from the metric of `state`.
    fn count_left(&self, model: &str, version: &str, state: &VersionState) {
        if let Some(metrics) = &self.metrics {
            metrics.leave_state(model, version, state);
        }
    }

    /// A panic in another thread leaves the records consistent, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, RecordTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Records {
    /// Creates records of 32 attempts at each model, without metrics.
    fn default() -> Self {
        Self::new(32, None)
    }
}

impl VersionRecorder {
    /// Sets the state of the version.
    pub fn set(&self, state: VersionState) {
        self.records.update(self, |record| record.state = state);
    }

    /// Marks the version as ready, and records its digest and the time that it took to load.
    pub fn ready(&self, digest: Digest, load_duration: Duration) {
        self.records.update(self, |record| {
            record.digest = Some(digest);
            record.load_duration = Some(load_duration);
            record.state = VersionState::Ready;
        });
    }

    /// Records the digest of the bundle.
    pub fn verified(&self, digest: Digest) {
        self.records
            .update(self, |record| record.digest = Some(digest));
    }

    /// Returns the counts of the requests that the version answers.
    #[must_use]
    pub fn usage(&self) -> Arc<Usage> {
        let mut usage = None;
        self.records
            .update(self, |record| usage = Some(Arc::clone(&record.usage)));
        usage.unwrap_or_default()
    }

    /// Removes the record, as if there had been no attempt.
    pub fn forget(self) {
        let mut table = self.records.lock();
        if let Some(records) = table.by_model.get_mut(&self.model)
            && let Some(index) = records
                .iter()
                .position(|record| record.number == self.number)
            && let Some(record) = records.remove(index)
        {
            self.records
                .count_left(&self.model, &record.version, &record.state);
        }
    }
}

impl Drop for VersionRecorder {
    fn drop(&mut self) {
        self.records.update(self, |record| {
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
        records
            .of("m")
            .into_iter()
            .map(|record| (record.version, record.state.name()))
            .collect()
    }

    #[test]
    fn a_version_is_recorded_until_its_end() {
        let records = Records::default();
        let first = records.begin("m", "1", "here");
        first.set(VersionState::Loading);
        let second = records.begin("m", "2", "here");
        let digest = Digest::of(b"x");
        second.ready(digest, Duration::from_secs(1));
        let reason = "too small".to_owned();
        first.set(VersionState::Failed { reason });
        drop(first);
        let expected = [("2".to_owned(), "ready"), ("1".to_owned(), "failed")];
        assert_eq!(states(&records), expected);
        assert_eq!(records.of("m")[0].digest, Some(digest));
        drop(second);
        assert_eq!(states(&records)[0].1, "gone");
        records.begin("m", "3", "here").forget();
        assert_eq!(states(&records).len(), 2);
    }

    #[test]
    fn the_oldest_ended_record_is_removed_first() {
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

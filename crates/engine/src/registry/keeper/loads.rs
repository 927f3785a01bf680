//! Beginning and ending loads, and leaving models out of memory.

use std::sync::Arc;

use tokio::task::JoinError;

use crate::registry::LoadError;
use crate::registry::keeper::Keeper;
use crate::registry::keeper::job::{Ended, Job, Loaded};
use crate::registry::keeper::model::{Held, Kept};
use crate::registry::load::Pace;
use crate::registry::memory::{Resident, leaving};
use crate::registry::plan::Key;
use crate::registry::record::VersionState;
use almanac_store::Listing;

impl Keeper {
    /// Begins what may be loaded now: one of each source at a time, and the default model first.
    pub(super) fn begin(&mut self, mut wanted: Vec<(String, Key)>) {
        let default = self.registry.default_name().to_owned();
        let is_default = |(name, _): &(String, Key)| *name == default;
        let serves = self
            .models
            .get(&default)
            .is_some_and(|kept| kept.stable().is_some());
        let may_come = self.sources.iter().any(|seen| !seen.has_looked);
        if !serves && (may_come || wanted.iter().any(is_default)) {
            wanted.retain(is_default);
        }
        wanted.sort_by_key(|one| !is_default(one));
        let nothing_serves = self.models.values().all(|kept| kept.held.is_empty());
        let pace = if nothing_serves {
            Pace::Soonest
        } else {
            Pace::OneByOne
        };
        for (name, key) in wanted {
            if !self.busy.iter().any(|(_, busy)| busy.source == key.source) {
                self.begin_one(name, key, pace);
            }
        }
    }

    fn begin_one(&mut self, name: String, key: Key, pace: Pace) {
        let kept = self.models.get(&name);
        let known = kept.and_then(|kept| kept.version(&key.version));
        let source = &self.sources[key.source];
        let hosted = self.hosted.as_ref().filter(|hosted| hosted.has(&key));
        let store = match hosted {
            Some(hosted) => hosted.store(&name),
            None => source.store.clone(),
        };
        let Some(store) = store else {
            return;
        };
        let pace = match pace {
            Pace::OneByOne if hosted.is_some() => Pace::Awaited,
            pace => pace,
        };
        let records = self.registry.records();
        let job = Job {
            listing: Listing {
                name: name.clone(),
                version: key.version.clone(),
                revision: key.revision.clone(),
            },
            store,
            load: Arc::clone(&self.load),
            life: records.begin(&name, &key.version, &source.name),
            permits: Arc::clone(&self.permits),
            pace,
            known: known.map(|held| held.live.digest),
            fetch_limit: self.config.fetch_limit,
            key: key.clone(),
        };
        self.jobs.spawn(job.run());
        self.busy.push((name, key));
    }

    /// Takes note of a load that has ended.
    pub(super) fn joined(&mut self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(ended) => self.ended(ended),
            Err(error) => {
                // No load is ever cut off, and each turns its panics into errors.
                tracing::error!(%error, "a load was lost");
                self.busy.clear();
            }
        }
    }

    fn ended(&mut self, ended: Ended) {
        let Ended {
            name,
            key,
            life,
            started,
            result,
        } = ended;
        self.busy.retain(|(_, busy)| *busy != key);
        let source = self.sources[key.source].name.clone();
        let live = match result {
            Ok(Loaded::Opened(opened)) => self.load.start(*opened, &source, started),
            Ok(Loaded::Unchanged) => {
                self.metrics.loaded(&name, "unchanged");
                life.forget();
                self.models.entry(name).or_default().rename(&key);
                return;
            }
            Err(error) => Err(error),
        };
        match live {
            Ok(live) => {
                tracing::info!(
                    model = %name,
                    version = %key.version,
                    %source,
                    digest = %live.digest,
                    duration_seconds = live.load_duration.as_secs_f64(),
                    estimated_bytes = live.size_bytes,
                    "model ready"
                );
                self.metrics.loaded(&name, "ready");
                if self.is_hosted(&key) && !self.host_loaded((&name, &key), Ok(&live)) {
                    return;
                }
                let live = Arc::new(live.with_life(life));
                let kept = self.models.entry(name).or_default();
                kept.held.push(Held { key, live });
            }
            Err(error) => {
                let reason = error.to_string();
                let version = &key.version;
                tracing::error!(model = %name, %version, %source, %reason, "model failed to load");
                life.set(VersionState::Failed {
                    reason: reason.clone(),
                });
                self.failed(name, key, reason, &error);
            }
        }
    }

    fn failed(&mut self, name: String, key: Key, reason: String, error: &LoadError) {
        self.metrics.loaded(&name, outcome(error));
        if self.is_hosted(&key) {
            self.host_loaded((&name, &key), Err(error));
        } else {
            let kept = self.models.entry(name).or_default();
            kept.failures.add(key, reason, error.may_pass());
        }
    }

    fn is_hosted(&self, key: &Key) -> bool {
        self.hosted.as_ref().is_some_and(|hosted| hosted.has(key))
    }

    /// Leaves out of memory what is idle, where there is too little of it.
    pub(super) fn spare_memory(&mut self) {
        let Some(budget_bytes) = self.config.memory_bytes else {
            return;
        };
        let mut held = Vec::new();
        for (name, kept) in &self.models {
            for one in &kept.held {
                // What a host has loaded, it also unloads.
                let is_default = *name == self.registry.default_name();
                let is_idle = !is_default && !self.is_hosted(&one.key) && kept.may_leave(&one.key);
                let resident = Resident {
                    size_bytes: one.live.size_bytes,
                    last_used: one.live.usage.last(),
                    is_idle,
                };
                held.push((name.clone(), one.key.clone(), resident));
            }
        }
        let residents: Vec<_> = held.iter().map(|(.., resident)| *resident).collect();
        for index in leaving(&residents, budget_bytes) {
            let (name, key, _) = &held[index];
            tracing::info!(model = %name, version = %key.version, "model is left out of memory until it is asked for");
            if let Some(kept) = self.models.get_mut(name) {
                kept.unload(key);
            }
        }
    }

    /// Lets come back what was left out of memory and is asked for.
    pub(super) fn wake(&mut self) {
        for (name, version) in self.registry.asked.take() {
            if let Some(kept) = self.models.get_mut(&name) {
                kept.asleep.remove(&version);
            }
        }
    }
}

impl Kept {
    /// Whether a version may be left out of memory: it answers for a model without a route, and no
    /// other is on probation.
    fn may_leave(&self, key: &Key) -> bool {
        let is_named = self
            .aliases
            .versions()
            .any(|version| *version == key.version)
            || self.route.versions().next().is_some();
        self.stable.as_ref() == Some(key) && !is_named && self.trial.is_none()
    }
}

const fn outcome(error: &LoadError) -> &'static str {
    if error.may_pass() {
        "unreadable"
    } else {
        "failed"
    }
}

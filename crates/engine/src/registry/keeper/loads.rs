//! Starting and finishing loads, and evicting versions from memory.

use std::sync::Arc;

use almanac_store::Listing;
use tokio::task::JoinError;

use crate::registry::keeper::Keeper;
use crate::registry::keeper::job::{FinishedJob, LoadJob, LoadOutput};
use crate::registry::keeper::model::{LoadedVersion, ManagedModel};
use crate::registry::load::OpenMode;
use crate::registry::memory::{Resident, evictions};
use crate::registry::plan::VersionKey;
use crate::registry::record::VersionRecorder;
use crate::registry::state::VersionState;
use crate::registry::{LiveModel, LoadError};

/// A version to load, or that is being loaded.
#[derive(Clone, Debug)]
pub(super) struct LoadTarget {
    pub(super) model: String,
    pub(super) key: VersionKey,
}

impl Keeper {
    /// Starts the loads that may start now: one per source at a time, the default model first.
    pub(super) fn start_loads(&mut self, mut targets: Vec<LoadTarget>) {
        let default = self.registry.default_name().to_owned();
        let is_default = |target: &LoadTarget| target.model == default;
        let is_default_ready = self
            .models
            .get(&default)
            .is_some_and(|model| model.stable().is_some());
        let may_appear = self.sources.iter().any(|source| !source.is_polled);
        if !is_default_ready && (may_appear || targets.iter().any(is_default)) {
            targets.retain(is_default);
        }
        targets.sort_by_key(|target| !is_default(target));
        let is_any_loaded = self.models.values().any(|model| !model.loaded.is_empty());
        let mode = if is_any_loaded {
            OpenMode::Sequential
        } else {
            OpenMode::FirstOnly
        };
        for target in targets {
            let is_source_busy = self
                .loading
                .iter()
                .any(|loading| loading.key.source == target.key.source);
            if !is_source_busy {
                self.start_load(target, mode);
            }
        }
    }

    fn start_load(&mut self, target: LoadTarget, mode: OpenMode) {
        let LoadTarget { model: name, key } = &target;
        let known = self
            .models
            .get(name)
            .and_then(|model| model.version(&key.version));
        let source = &self.sources[key.source];
        let hosted = self.hosted.as_ref().filter(|hosted| hosted.has(key));
        let store = match hosted {
            Some(hosted) => hosted.store(name),
            None => source.store.clone(),
        };
        let Some(store) = store else {
            return;
        };
        let mode = match mode {
            OpenMode::Sequential if hosted.is_some() => OpenMode::SequentialAwaited,
            mode => mode,
        };
        let records = self.registry.records();
        let job = LoadJob {
            listing: Listing {
                name: name.clone(),
                version: key.version.clone(),
                revision: key.revision.clone(),
            },
            store,
            load: Arc::clone(&self.load),
            recorder: records.begin(name, &key.version, &source.name),
            permits: Arc::clone(&self.permits),
            mode,
            known: known.map(|loaded| loaded.live.digest),
            fetch_limit: self.config.fetch_limit,
            key: key.clone(),
        };
        self.jobs.spawn(job.run());
        self.loading.push(target);
    }

    /// Records a load that has ended.
    pub(super) fn finish_job(&mut self, finished: Result<FinishedJob, JoinError>) {
        match finished {
            Ok(finished) => self.finish_load(finished),
            Err(error) => {
                // Loads are never cancelled, and they convert panics into errors.
                tracing::error!(%error, "load task failed");
                self.loading.clear();
            }
        }
    }

    fn finish_load(&mut self, finished: FinishedJob) {
        let FinishedJob {
            name,
            key,
            recorder,
            started,
            result,
        } = finished;
        self.loading.retain(|loading| loading.key != key);
        let source = self.sources[key.source].name.clone();
        let live = match result {
            Ok(LoadOutput::Opened(opened)) => self.load.start(*opened, &source, started),
            Ok(LoadOutput::Unchanged) => {
                self.metrics.count_load(&name, "unchanged");
                recorder.forget();
                self.models.entry(name).or_default().update_key(&key);
                return;
            }
            Err(error) => Err(error),
        };
        match live {
            Ok(live) => self.add_loaded(name, key, live, recorder),
            Err(error) => {
                let reason = error.to_string();
                let version = &key.version;
                tracing::error!(model = %name, %version, %source, %reason, "model failed to load");
                recorder.set(VersionState::Failed {
                    reason: reason.clone(),
                });
                self.add_failure(name, key, reason, &error);
            }
        }
    }

    fn add_loaded(
        &mut self,
        name: String,
        key: VersionKey,
        live: LiveModel,
        recorder: VersionRecorder,
    ) {
        tracing::info!(
            model = %name,
            version = %key.version,
            source = %live.source,
            digest = %live.digest,
            duration_seconds = live.load_duration.as_secs_f64(),
            estimated_bytes = live.size_bytes,
            "model ready"
        );
        self.metrics.count_load(&name, "ready");
        if self.is_hosted(&key) && !self.finish_hosted_load(&name, &key, Ok(&live)) {
            return;
        }
        let live = Arc::new(live.with_recorder(recorder));
        let model = self.models.entry(name).or_default();
        model.loaded.push(LoadedVersion { key, live });
    }

    fn add_failure(&mut self, name: String, key: VersionKey, reason: String, error: &LoadError) {
        self.metrics.count_load(&name, failure_outcome(error));
        if self.is_hosted(&key) {
            self.finish_hosted_load(&name, &key, Err(error));
        } else {
            let model = self.models.entry(name).or_default();
            model.failures.add(key, reason, error.is_transient());
        }
    }

    fn is_hosted(&self, key: &VersionKey) -> bool {
        self.hosted.as_ref().is_some_and(|hosted| hosted.has(key))
    }

    /// Evicts the least recently used versions if the memory limit is exceeded.
    pub(super) fn evict_idle(&mut self) {
        let Some(budget_bytes) = self.config.memory_bytes else {
            return;
        };
        let mut targets = Vec::new();
        let mut residents = Vec::new();
        for (name, model) in &self.models {
            let is_default = *name == self.registry.default_name();
            for loaded in &model.loaded {
                // Only the host unloads the models that it loaded.
                let is_evictable =
                    !is_default && !self.is_hosted(&loaded.key) && model.is_evictable(&loaded.key);
                residents.push(Resident {
                    size_bytes: loaded.live.size_bytes,
                    last_used: loaded.live.usage.last_used(),
                    is_evictable,
                });
                targets.push(LoadTarget {
                    model: name.clone(),
                    key: loaded.key.clone(),
                });
            }
        }
        for index in evictions(&residents, budget_bytes) {
            let LoadTarget { model: name, key } = &targets[index];
            tracing::info!(model = %name, version = %key.version, "version evicted from memory until the next request");
            if let Some(model) = self.models.get_mut(name) {
                model.evict(key);
            }
        }
    }

    /// Allows the evicted versions that requests have named to be loaded again.
    pub(super) fn restore_evicted(&mut self) {
        for evicted in self.registry.reload_requests.take() {
            if let Some(model) = self.models.get_mut(&evicted.model) {
                model.evicted.remove(&evicted.version);
            }
        }
    }
}

impl ManagedModel {
    /// Returns true if a version may be evicted: it is the stable version of a model without a route, no alias
    /// names it, and no version is on probation.
    fn is_evictable(&self, key: &VersionKey) -> bool {
        let is_named = self
            .aliases
            .versions()
            .any(|version| *version == key.version)
            || self.route.versions().next().is_some();
        self.stable.as_ref() == Some(key) && !is_named && self.trial.is_none()
    }
}

/// Returns the value of the label `outcome` of a failed load.
const fn failure_outcome(error: &LoadError) -> &'static str {
    if error.is_transient() {
        "unreadable"
    } else {
        "failed"
    }
}

//! The state of one model in the keeper, and how a plan changes it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::registry::keeper::aliases::AliasTable;
use crate::registry::keeper::failures::LoadFailures;
use crate::registry::plan::{LoadStatus, ModelPlan, PlanInput, VersionKey, plan};
use crate::registry::route::{Route, Share};
use crate::registry::state::VersionState;
use crate::registry::table::ModelEntry;
use crate::registry::{LiveModel, ModelState};

/// A version in memory.
#[derive(Clone, Debug)]
pub(super) struct LoadedVersion {
    pub(super) key: VersionKey,
    pub(super) live: Arc<LiveModel>,
}

/// A version that has recently become stable, and the previous version that it must not do worse than.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) new: LoadedVersion,
    pub(super) old: LoadedVersion,
    pub(super) until: Instant,
}

/// The state of one model.
#[derive(Debug, Default)]
pub(super) struct ManagedModel {
    pub(super) route: Route,
    /// The versions in memory, the latest last.
    pub(super) loaded: Vec<LoadedVersion>,
    /// The key of the loaded version that answers.
    pub(super) stable: Option<VersionKey>,
    pub(super) aliases: AliasTable,
    /// The versions that the admin API requested.
    pub(super) requested: BTreeSet<String>,
    /// The versions that were evicted from memory.
    pub(super) evicted: BTreeSet<String>,
    /// The versions that the admin API removed.
    pub(super) removed: BTreeSet<String>,
    /// If true, the admin API removed the whole model.
    pub(super) is_removed: bool,
    pub(super) trial: Option<Trial>,
    pub(super) failures: LoadFailures,
    /// If true, the stable version was removed from its source.
    pub(super) is_withdrawn: bool,
    /// Describes the stable version of the route, if no source has it.
    pub(super) missing: Option<String>,
}

/// A version that replaced another one.
#[derive(Debug)]
pub(super) struct StableSwap {
    pub(super) new: LoadedVersion,
    pub(super) old: LoadedVersion,
}

/// The effects of an applied plan.
#[derive(Debug, Default)]
pub(super) struct PlanEffects {
    /// The versions to load.
    pub(super) load: Vec<VersionKey>,
    /// The change of the stable version, if there was one.
    pub(super) swap: Option<StableSwap>,
    /// If true, the stable version was removed from its source since the previous plan.
    pub(super) is_newly_withdrawn: bool,
}

impl ManagedModel {
    /// Returns the stable version if it is loaded.
    pub(super) fn stable(&self) -> Option<&LoadedVersion> {
        let stable = self.stable.as_ref()?;
        self.loaded.iter().find(|loaded| loaded.key == *stable)
    }

    /// Returns the latest loaded revision of `version`.
    pub(super) fn version(&self, version: &str) -> Option<&LoadedVersion> {
        self.loaded
            .iter()
            .rev()
            .find(|loaded| loaded.key.version == version)
    }

    fn load_status(&self, key: &VersionKey, now: Instant) -> LoadStatus {
        if self.evicted.contains(&key.version) {
            return LoadStatus::Evicted;
        }
        self.failures.load_status(key, now)
    }

    /// Plans the model for the versions that are `available` in the sources, sorted by preference, and
    /// applies the plan.
    pub(super) fn apply_plan(
        &mut self,
        available: &[VersionKey],
        probation: Duration,
    ) -> PlanEffects {
        let now = Instant::now();
        self.forget_absent(available);
        let allowed: Vec<_> = available
            .iter()
            .filter(|key| !self.is_removed && !self.removed.contains(&key.version))
            .cloned()
            .collect();
        let plan = self.plan(&allowed, now);
        self.missing = self
            .route
            .stable
            .as_ref()
            .filter(|version| !allowed.iter().any(|key| key.version == **version))
            .map(|version| format!("its route names version {version}, which no source has"));
        let is_newly_withdrawn = plan.is_withdrawn && !self.is_withdrawn;
        self.is_withdrawn = plan.is_withdrawn;
        let swap = self.set_stable(plan.stable.clone(), now, probation);
        self.retire(&plan);
        PlanEffects {
            load: plan.load,
            swap,
            is_newly_withdrawn,
        }
    }

    /// Forgets what was recorded about versions that no source has any longer, and the previous versions of
    /// aliases whose new version is loaded.
    fn forget_absent(&mut self, available: &[VersionKey]) {
        let loaded = &self.loaded;
        self.aliases
            .settle(|version| loaded.iter().any(|loaded| loaded.key.version == version));
        self.failures.retain(available);
        let is_available = |version: &String| available.iter().any(|key| key.version == *version);
        self.requested.retain(is_available);
        self.evicted.retain(is_available);
    }

    fn plan(&self, allowed: &[VersionKey], now: Instant) -> ModelPlan {
        let loaded: Vec<_> = self
            .loaded
            .iter()
            .map(|loaded| loaded.key.clone())
            .collect();
        let extra_versions = self
            .aliases
            .versions()
            .chain(&self.requested)
            .cloned()
            .collect();
        let input = PlanInput {
            available: allowed,
            route: &self.route,
            extra_versions: &extra_versions,
            loaded: &loaded,
            stable: self.stable.as_ref(),
        };
        plan(input, |key| self.load_status(key, now))
    }

    /// Makes `key` the stable version. If another version was stable before, a trial of `probation` begins.
    fn set_stable(
        &mut self,
        key: Option<VersionKey>,
        now: Instant,
        probation: Duration,
    ) -> Option<StableSwap> {
        if key == self.stable {
            return None;
        }
        let old = self.stable().cloned();
        self.stable = key;
        let (new, old) = self.stable().cloned().zip(old)?;
        self.trial = (!probation.is_zero()).then(|| Trial {
            new: new.clone(),
            old: old.clone(),
            until: now + probation,
        });
        Some(StableSwap { new, old })
    }

    /// Removes the versions from memory that neither the plan nor a trial needs.
    fn retire(&mut self, plan: &ModelPlan) {
        let rollback = self.trial.as_ref().map(|trial| trial.old.key.clone());
        self.retain_loaded(&VersionState::Draining, |key| {
            plan.keep.contains(key) || rollback.as_ref() == Some(key)
        });
    }

    /// Removes the versions from memory whose keys `stays` rejects, and records their `state`.
    fn retain_loaded(&mut self, state: &VersionState, stays: impl Fn(&VersionKey) -> bool) {
        self.loaded.retain(|loaded| {
            let is_kept = stays(&loaded.key);
            if !is_kept {
                loaded.live.record_state(state.clone());
            }
            is_kept
        });
    }

    /// Removes a version from memory that did worse than the previous version.
    pub(super) fn fail(&mut self, failed: &LoadedVersion, reason: &str) {
        self.loaded.retain(|loaded| loaded.key != failed.key);
        let reason = reason.to_owned();
        failed.live.record_state(VersionState::Failed {
            reason: reason.clone(),
        });
        self.failures.add(failed.key.clone(), reason, false);
    }

    /// Replaces the key of a loaded version by `key`: the files have a new revision with the same content.
    pub(super) fn update_key(&mut self, key: &VersionKey) {
        let Some(before) = self.version(&key.version).map(|loaded| loaded.key.clone()) else {
            return;
        };
        self.trial
            .iter_mut()
            .flat_map(|trial| [&mut trial.new, &mut trial.old])
            .chain(&mut self.loaded)
            .map(|loaded| &mut loaded.key)
            .chain(&mut self.stable)
            .filter(|known| **known == before)
            .for_each(|known| known.clone_from(key));
    }

    /// Removes one version from memory.
    pub(super) fn drop_version(&mut self, version: &str) {
        self.retain_loaded(&VersionState::Draining, |key| key.version != version);
    }

    /// Removes all versions from memory.
    pub(super) fn clear(&mut self) {
        self.retain_loaded(&VersionState::Draining, |_| false);
        self.stable = None;
        self.trial = None;
        self.requested.clear();
        self.evicted.clear();
    }

    /// Evicts a version from memory until a request names it.
    pub(super) fn evict(&mut self, evicted: &VersionKey) {
        self.retain_loaded(&VersionState::Unloaded, |key| key != evicted);
        self.stable.take_if(|stable| stable == evicted);
        self.evicted.insert(evicted.version.clone());
    }

    /// Returns the entry of the model in the table that requests read. `loading` are the versions that are
    /// being loaded. `missing_reason` is the reason why no source has the model, or `None` while a source
    /// may still have it.
    pub(super) fn entry(&self, loading: &[VersionKey], missing_reason: Option<&str>) -> ModelEntry {
        ModelEntry {
            state: self.state(!loading.is_empty(), missing_reason),
            live: self
                .loaded
                .iter()
                .map(|loaded| Arc::clone(&loaded.live))
                .collect(),
            canary: self.share(self.route.canary.as_ref()),
            shadow: self.share(self.route.shadow.as_ref()),
            evicted: self.evicted.clone(),
            aliases: self
                .aliases
                .entries(|version| loading.iter().any(|key| key.version == version)),
        }
    }

    fn state(&self, is_loading: bool, missing_reason: Option<&str>) -> ModelState {
        let missing = self.missing.as_deref().filter(|_| missing_reason.is_some());
        let reason = self.failures.latest().or(missing).or(missing_reason);
        match (self.stable(), reason) {
            (Some(stable), _) => ModelState::Ready(Arc::clone(&stable.live)),
            (None, _) if is_loading => ModelState::Loading,
            (None, _) if !self.evicted.is_empty() => ModelState::Unloaded,
            (None, Some(reason)) => ModelState::Failed {
                reason: reason.to_owned(),
            },
            (None, None) => ModelState::Loading,
        }
    }

    /// Returns the loaded version of a share, unless it is the stable version.
    fn share(&self, share: Option<&Share>) -> Option<(Arc<LiveModel>, f64)> {
        let share = share?;
        let loaded = self.version(&share.version)?;
        let is_other = self.stable.as_ref() != Some(&loaded.key);
        is_other.then(|| (Arc::clone(&loaded.live), share.share))
    }
}

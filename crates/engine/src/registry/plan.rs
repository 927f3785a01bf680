//! The plan of one model: which versions to load, which one answers, and which ones leave memory.
//!
//! Pure: computed from the content of the sources, the versions in memory and the failures.

use std::collections::BTreeSet;

use almanac_store::compare_versions;

use crate::registry::route::Route;

/// A version as one source holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VersionKey {
    /// The index of the source, in the order of precedence.
    pub(super) source: usize,
    pub(super) version: String,
    /// Differs whenever the files may have changed.
    pub(super) revision: String,
}

/// The status of a version that is not in memory, which decides whether it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadStatus {
    /// The version can be loaded, or is being loaded.
    Loadable,
    /// The version could not be read, and is retried later.
    RetryLater,
    /// The version failed, and is not retried until it changes.
    Failed,
    /// The version was evicted from memory, and is loaded when a request names it.
    Evicted,
}

/// The input of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanInput<'a> {
    /// The versions in the sources, sorted by [`sorted_by_preference`].
    pub(super) available: &'a [VersionKey],
    pub(super) route: &'a Route,
    /// Versions to load in addition to those of the route: those of aliases, and those requested by the
    /// admin API.
    pub(super) extra_versions: &'a BTreeSet<String>,
    /// The versions in memory.
    pub(super) loaded: &'a [VersionKey],
    /// The version that answers.
    pub(super) stable: Option<&'a VersionKey>,
}

/// The plan of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelPlan {
    /// The version that answers from now on.
    pub(super) stable: Option<VersionKey>,
    /// The versions to load, the most urgent first.
    pub(super) load: Vec<VersionKey>,
    /// The versions that stay in memory.
    pub(super) keep: Vec<VersionKey>,
    /// If true, the version that would answer was evicted from memory.
    pub(super) is_evicted: bool,
    /// If true, the version that answers was removed from its source.
    pub(super) is_withdrawn: bool,
}

/// Sorts versions by preference: by the precedence of their sources, then newest first.
pub(super) fn sorted_by_preference(mut keys: Vec<VersionKey>) -> Vec<VersionKey> {
    keys.sort_by(|left, right| {
        let newest_first = compare_versions(&right.version, &left.version);
        left.source.cmp(&right.source).then(newest_first)
    });
    keys
}

/// Plans a model, given the `status` of each version that is not in memory.
pub(super) fn plan(input: PlanInput<'_>, status: impl Fn(&VersionKey) -> LoadStatus) -> ModelPlan {
    let mut plan = ModelPlan {
        stable: input.stable.cloned(),
        ..ModelPlan::default()
    };
    match &input.route.stable {
        Some(version) => {
            let pinned = input.available.iter().filter(|key| key.version == *version);
            input.choose_stable(pinned, &status, &mut plan);
        }
        None => input.choose_stable(input.candidates(), &status, &mut plan),
    }
    plan.is_withdrawn = plan
        .stable
        .as_ref()
        .is_some_and(|stable| !input.is_available(stable));
    plan.keep.extend(plan.stable.clone());
    let extra_versions = input
        .route
        .shares()
        .map(|share| &share.version)
        .chain(input.extra_versions);
    for version in extra_versions {
        input.keep_extra(version, &status, &mut plan);
    }
    plan.keep.sort();
    plan.keep.dedup();
    plan
}

impl PlanInput<'_> {
    fn is_loaded(&self, key: &VersionKey) -> bool {
        self.loaded.contains(key)
    }

    /// Returns true if the source still has the version, changed or not.
    fn is_available(&self, key: &VersionKey) -> bool {
        self.available
            .iter()
            .any(|other| (other.source, &other.version) == (key.source, &key.version))
    }

    /// Returns the versions that may become stable without a pinned version, the preferred first.
    ///
    /// A canary or a shadow is a candidate only if there is no other version. A version older than the
    /// stable one is no candidate, unless the stable version was removed from its source: an alias that
    /// moved back, or a version that was withdrawn.
    fn candidates(&self) -> impl Iterator<Item = &VersionKey> {
        let has_share = |key: &&VersionKey| self.route.shares_with(&key.version);
        let has_others = self.available.iter().any(|key| !has_share(&key));
        let is_candidate = move |key: &&VersionKey| !has_others || !has_share(key);
        let stable = self
            .stable
            .filter(|stable| !self.route.shares_with(&stable.version));
        let withdrawn = stable.filter(|stable| !self.is_available(stable));
        let is_older = move |key: &&VersionKey| {
            let may_go_back = withdrawn.is_some_and(|gone| gone.source == key.source);
            !may_go_back
                && stable.is_some_and(|stable| {
                    let by_source = key.source.cmp(&stable.source).reverse();
                    by_source
                        .then(compare_versions(&key.version, &stable.version))
                        .is_lt()
                })
        };
        self.available
            .iter()
            .filter(is_candidate)
            .take_while(move |key| !is_older(key))
    }

    /// Makes the first usable one of `candidates` stable: immediately, or once it is loaded. A failed
    /// version is skipped. A version that cannot be read now is skipped only if no version answers.
    fn choose_stable<'a>(
        &self,
        candidates: impl Iterator<Item = &'a VersionKey>,
        status: &impl Fn(&VersionKey) -> LoadStatus,
        plan: &mut ModelPlan,
    ) {
        for key in candidates {
            if self.is_loaded(key) {
                plan.stable = Some(key.clone());
                return;
            }
            match status(key) {
                LoadStatus::Loadable => {
                    plan.load.push(key.clone());
                    return;
                }
                LoadStatus::Evicted => {
                    plan.stable = None;
                    plan.is_evicted = true;
                    return;
                }
                LoadStatus::RetryLater if self.stable.is_some() => return,
                LoadStatus::RetryLater | LoadStatus::Failed => {}
            }
        }
    }

    /// Keeps `version` in memory in addition to the stable version, and loads its current revision.
    fn keep_extra(
        &self,
        version: &str,
        status: &impl Fn(&VersionKey) -> LoadStatus,
        plan: &mut ModelPlan,
    ) {
        let is_of_version = |key: &&VersionKey| key.version == version;
        let current = self
            .available
            .iter()
            .filter(is_of_version)
            .find(|key| self.is_loaded(key) || status(key) != LoadStatus::Failed);
        if let Some(key) = current {
            if self.is_loaded(key) {
                plan.keep.push(key.clone());
                return;
            }
            let is_new = !plan.load.contains(key);
            if is_new && status(key) == LoadStatus::Loadable {
                plan.load.push(key.clone());
            }
        }
        // The previous revision stays until it is replaced.
        plan.keep
            .extend(self.loaded.iter().rev().find(is_of_version).cloned());
    }
}

#[cfg(test)]
mod tests;

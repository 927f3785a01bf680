//! What the keeper holds of one model, and how a plan changes it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::registry::keeper::aliases::AliasTable;
use crate::registry::keeper::failures::Failures;
use crate::registry::plan::{Key, Plan, Standing, View, plan};
use crate::registry::record::VersionState;
use crate::registry::route::{Route, Share};
use crate::registry::table::Model;
use crate::registry::{LiveModel, ModelState};

/// A version in memory.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: Key,
    pub(super) live: Arc<LiveModel>,
}

/// A version that has just taken over, and the one that it must not do worse than.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) new: Held,
    pub(super) old: Held,
    pub(super) until: Instant,
}

/// One model.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) route: Route,
    /// Versions in memory, the latest last.
    pub(super) held: Vec<Held>,
    /// What answers, which is among them.
    pub(super) stable: Option<Key>,
    pub(super) aliases: AliasTable,
    /// Versions that somebody asked for.
    pub(super) asked: BTreeSet<String>,
    /// Versions left out of memory.
    pub(super) asleep: BTreeSet<String>,
    /// Versions that somebody removed.
    pub(super) removed: BTreeSet<String>,
    /// Whether somebody removed all of it.
    pub(super) is_removed: bool,
    pub(super) trial: Option<Trial>,
    pub(super) failures: Failures,
    pub(super) has_vanished: bool,
    /// What its route wants and no source has.
    pub(super) missing: Option<String>,
}

/// What a plan came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// What to load.
    pub(super) load: Vec<Key>,
    /// The version that has taken over, and the one before it.
    pub(super) swapped: Option<(Held, Held)>,
    /// Whether what answers has gone from its source since the plan before.
    pub(super) vanishes: bool,
}

impl Kept {
    /// What answers.
    pub(super) fn stable(&self) -> Option<&Held> {
        let stable = self.stable.as_ref()?;
        self.held.iter().find(|held| held.key == *stable)
    }

    /// The latest version in memory that is called `version`.
    pub(super) fn version(&self, version: &str) -> Option<&Held> {
        let mut held = self.held.iter().rev();
        held.find(|held| held.key.version == version)
    }

    fn standing(&self, key: &Key, now: Instant) -> Standing {
        if self.asleep.contains(&key.version) {
            return Standing::Asleep;
        }
        self.failures.standing(key, now)
    }

    /// Does what follows from what the sources hold: `in_sources`, by preference.
    pub(super) fn follow(&mut self, in_sources: &[Key], probation: Duration) -> Applied {
        let now = Instant::now();
        let held = &self.held;
        self.aliases
            .settle(|version| held.iter().any(|held| held.key.version == version));
        self.failures.keep(in_sources);
        let is_held = |version: &String| in_sources.iter().any(|key| key.version == *version);
        self.asked.retain(is_held);
        self.asleep.retain(is_held);
        let may_load = |key: &&Key| !self.is_removed && !self.removed.contains(&key.version);
        let wanted: Vec<_> = in_sources.iter().filter(may_load).cloned().collect();
        let live: Vec<_> = self.held.iter().map(|held| held.key.clone()).collect();
        let view = View {
            held: &wanted,
            route: &self.route,
            also: &self
                .aliases
                .versions()
                .chain(&self.asked)
                .cloned()
                .collect(),
            live: &live,
            stable: self.stable.as_ref(),
        };
        let plan = plan(view, |key| self.standing(key, now));
        let pinned = self.route.stable.iter();
        let mut missing =
            pinned.filter(|version| !wanted.iter().any(|key| key.version == **version));
        self.missing = missing
            .next()
            .map(|version| format!("its route names version {version}, which no source has"));
        let vanishes = plan.has_vanished && !self.has_vanished;
        self.has_vanished = plan.has_vanished;
        let swapped = self.swap(plan.stable.clone(), (now, probation));
        self.retire(&plan);
        Applied {
            load: plan.load,
            swapped,
            vanishes,
        }
    }

    /// Lets `to` answer, on probation where another answered before.
    fn swap(
        &mut self,
        to: Option<Key>,
        (now, probation): (Instant, Duration),
    ) -> Option<(Held, Held)> {
        if to == self.stable {
            return None;
        }
        let old = self.stable().cloned();
        self.stable = to;
        let (new, old) = self.stable().cloned().zip(old)?;
        self.trial = (!probation.is_zero()).then(|| Trial {
            new: new.clone(),
            old: old.clone(),
            until: now + probation,
        });
        Some((new, old))
    }

    /// Lets go of what nothing wants any more.
    fn retire(&mut self, plan: &Plan) {
        let kept_for_trial = self.trial.as_ref().map(|trial| &trial.old.key);
        self.held.retain(|held| {
            let stays = plan.keep.contains(&held.key) || kept_for_trial == Some(&held.key);
            if !stays {
                held.live.stands(VersionState::Draining);
            }
            stays
        });
    }

    /// Takes a version out of memory that did worse than the one before it.
    pub(super) fn fail(&mut self, failed: &Held, reason: &str) {
        self.held.retain(|held| held.key != failed.key);
        let reason = reason.to_owned();
        failed.live.stands(VersionState::Failed {
            reason: reason.clone(),
        });
        self.failures.add(failed.key.clone(), reason, false);
    }

    /// The version in memory is also what `key` says: its files were written anew, the same.
    pub(super) fn rename(&mut self, key: &Key) {
        let Some(before) = self.version(&key.version).map(|held| held.key.clone()) else {
            return;
        };
        let trial = self
            .trial
            .iter_mut()
            .flat_map(|trial| [&mut trial.new, &mut trial.old]);
        let keys = trial.chain(&mut self.held).map(|held| &mut held.key);
        for known in keys
            .chain(&mut self.stable)
            .filter(|known| **known == before)
        {
            known.clone_from(key);
        }
    }

    /// Takes one version out of memory.
    pub(super) fn drop_version(&mut self, version: &str) {
        self.held.retain(|held| {
            let stays = held.key.version != version;
            if !stays {
                held.live.stands(VersionState::Draining);
            }
            stays
        });
    }

    /// Takes everything out of memory.
    pub(super) fn clear(&mut self) {
        for held in self.held.drain(..) {
            held.live.stands(VersionState::Draining);
        }
        self.stable = None;
        self.trial = None;
        self.asked.clear();
        self.asleep.clear();
    }

    /// Leaves `version` out of memory until it is asked for.
    pub(super) fn unload(&mut self, key: &Key) {
        self.held.retain(|held| {
            let stays = held.key != *key;
            if !stays {
                held.live.stands(VersionState::Unloaded);
            }
            stays
        });
        self.stable.take_if(|stable| stable == key);
        self.asleep.insert(key.version.clone());
    }

    /// What requests look up, while `loading` is. `nowhere` says why there may be nothing; without it
    /// something may come.
    pub(super) fn entry(&self, loading: &[Key], nowhere: Option<&str>) -> Model {
        let missing = self.missing.as_deref().filter(|_| nowhere.is_some());
        let reason = self.failures.latest().or(missing).or(nowhere);
        let state = match (self.stable(), reason) {
            (Some(stable), _) => ModelState::Ready(Arc::clone(&stable.live)),
            (None, _) if !loading.is_empty() => ModelState::Loading,
            (None, _) if !self.asleep.is_empty() => ModelState::Unloaded,
            (None, Some(reason)) => ModelState::Failed {
                reason: reason.to_owned(),
            },
            (None, None) => ModelState::Loading,
        };
        Model {
            state,
            live: self
                .held
                .iter()
                .map(|held| Arc::clone(&held.live))
                .collect(),
            canary: self.share(self.route.canary.as_ref()),
            shadow: self.share(self.route.shadow.as_ref()),
            asleep: self.asleep.clone(),
            aliases: self
                .aliases
                .entries(|version| loading.iter().any(|key| key.version == version)),
        }
    }

    /// The version of a share, unless it is the one that answers anyway.
    fn share(&self, share: Option<&Share>) -> Option<(Arc<LiveModel>, f64)> {
        let share = share?;
        let held = self.version(&share.version)?;
        let is_other = self.stable.as_ref() != Some(&held.key);
        is_other.then(|| (Arc::clone(&held.live), share.share))
    }
}

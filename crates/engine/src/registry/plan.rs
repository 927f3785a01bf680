//! What to load, what answers and what leaves, of one model.
//!
//! Pure: what the sources hold, what is live and what failed in; what to do out.

use std::collections::BTreeSet;

use crate::registry::route::Route;
use almanac_store::by_version;

/// A version as one source holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Place of the source in their order of precedence.
    pub(super) source: usize,
    pub(super) version: String,
    /// Differs whenever the files may have changed.
    pub(super) revision: String,
}

/// Where a version stands that is not live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may be loaded, or is being loaded.
    Loadable,
    /// It could not be read, and is tried again later.
    Later,
    /// It failed, and is not tried again before it changes.
    Failed,
    /// It was left out of memory.
    Asleep,
}

/// What is known of one model.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// What the sources hold, by [`preferred`].
    pub(super) held: &'a [Key],
    pub(super) route: &'a Route,
    /// Versions wanted beside the route's: those of aliases, and those that somebody asked for.
    pub(super) also: &'a BTreeSet<String>,
    /// Versions in memory.
    pub(super) live: &'a [Key],
    /// The version that answers.
    pub(super) stable: Option<&'a Key>,
}

/// What to do with one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What answers from now on.
    pub(super) stable: Option<Key>,
    /// What to load, the most wanted first.
    pub(super) load: Vec<Key>,
    /// What stays in memory.
    pub(super) keep: Vec<Key>,
    /// Whether what would answer was left out of memory.
    pub(super) is_asleep: bool,
    /// Whether what answers is in its source no more.
    pub(super) has_vanished: bool,
}

/// Sorts what sources hold by preference: the first source first, and its newest version.
pub(super) fn preferred(mut held: Vec<Key>) -> Vec<Key> {
    held.sort_by(|left, right| {
        let newest_first = by_version(&right.version, &left.version);
        left.source.cmp(&right.source).then(newest_first)
    });
    held
}

/// What to do, when versions that are not live stand as `standing` says.
pub(super) fn plan(view: View<'_>, standing: impl Fn(&Key) -> Standing) -> Plan {
    let mut plan = Plan {
        stable: view.stable.cloned(),
        ..Plan::default()
    };
    match &view.route.stable {
        Some(version) => {
            let pinned = view.held.iter().filter(|key| key.version == *version);
            view.follow(pinned, &standing, &mut plan);
        }
        None => view.follow(view.newest(), &standing, &mut plan),
    }
    plan.has_vanished = plan
        .stable
        .as_ref()
        .is_some_and(|stable| !view.holds(stable));
    plan.keep.extend(plan.stable.clone());
    let shares = [&view.route.canary, &view.route.shadow]
        .into_iter()
        .flatten();
    let beside = shares.map(|share| &share.version).chain(view.also);
    for version in beside {
        view.beside(version, &standing, &mut plan);
    }
    plan.keep.sort();
    plan.keep.dedup();
    plan
}

impl View<'_> {
    fn is_live(&self, key: &Key) -> bool {
        self.live.contains(key)
    }

    /// Whether a source still has the version, changed or not.
    fn holds(&self, key: &Key) -> bool {
        let mut held = self.held.iter();
        held.any(|held| (held.source, &held.version) == (key.source, &key.version))
    }

    /// The versions that may answer when none is named: a canary or a shadow does not, unless there
    /// is nothing else, and what is older than what answers does not replace it; unless that has gone
    /// from its source, which then means another: an alias that moved back, a version that was
    /// withdrawn.
    fn newest(&self) -> impl Iterator<Item = &Key> {
        let shares = |key: &&Key| self.route.shares_with(&key.version);
        let others = self.held.iter().any(|key| !shares(&key));
        let may_answer = move |key: &&Key| !others || !shares(key);
        let stable = self
            .stable
            .filter(|stable| !self.route.shares_with(&stable.version));
        let withdrawn = stable.filter(|stable| !self.holds(stable));
        let is_older = move |key: &&Key| {
            let goes_back = withdrawn.is_some_and(|gone| gone.source == key.source);
            !goes_back
                && stable.is_some_and(|stable| {
                    let by_source = key.source.cmp(&stable.source).reverse();
                    by_source
                        .then(by_version(&key.version, &stable.version))
                        .is_lt()
                })
        };
        self.held
            .iter()
            .filter(may_answer)
            .take_while(move |key| !is_older(key))
    }

    /// Lets the first of `wanted` answer that can: at once, or once it is loaded. What failed gives
    /// way to the next; what cannot be read now only where nothing answers.
    fn follow<'a>(
        &self,
        wanted: impl Iterator<Item = &'a Key>,
        standing: &impl Fn(&Key) -> Standing,
        plan: &mut Plan,
    ) {
        for key in wanted {
            if self.is_live(key) {
                plan.stable = Some(key.clone());
                return;
            }
            match standing(key) {
                Standing::Loadable => {
                    plan.load.push(key.clone());
                    return;
                }
                Standing::Asleep => {
                    plan.stable = None;
                    plan.is_asleep = true;
                    return;
                }
                Standing::Later if self.stable.is_some() => return,
                Standing::Later | Standing::Failed => {}
            }
        }
    }

    /// Keeps `version` in memory beside what answers, and brings it up to date.
    fn beside(&self, version: &str, standing: &impl Fn(&Key) -> Standing, plan: &mut Plan) {
        let of_version = |key: &&Key| key.version == version;
        let mut wanted = self.held.iter().filter(of_version);
        let wanted = wanted.find(|key| self.is_live(key) || standing(key) != Standing::Failed);
        if let Some(key) = wanted {
            if self.is_live(key) {
                plan.keep.push(key.clone());
                return;
            }
            let is_new = !plan.load.contains(key);
            if is_new && standing(key) == Standing::Loadable {
                plan.load.push(key.clone());
            }
        }
        // Until it is replaced, what was loaded before goes on.
        plan.keep
            .extend(self.live.iter().rev().find(of_version).cloned());
    }
}

#[cfg(test)]
mod tests;

//! The aliases of one model.

use std::collections::BTreeMap;

use crate::registry::table::AliasEntry;

/// Which version each alias stands for.
#[derive(Debug, Default)]
pub(super) struct AliasTable(BTreeMap<String, Target>);

#[derive(Debug)]
struct Target {
    /// The version that it is to stand for.
    version: String,
    /// The version that answers for it until that one is in memory.
    before: Option<String>,
}

impl AliasTable {
    /// The `configured` ones: versions by alias.
    pub(super) fn new(configured: &BTreeMap<String, String>) -> Self {
        let targets = configured.iter().map(|(alias, version)| {
            let (version, before) = (version.clone(), None);
            (alias.clone(), Target { version, before })
        });
        Self(targets.collect())
    }

    /// The version that each is to stand for.
    pub(super) fn targets(&self) -> BTreeMap<String, String> {
        let targets = self.0.iter();
        targets
            .map(|(alias, target)| (alias.clone(), target.version.clone()))
            .collect()
    }

    /// Every version that is wanted for an alias.
    pub(super) fn versions(&self) -> impl Iterator<Item = &String> {
        let targets = self.0.values();
        targets.flat_map(|target| [&target.version].into_iter().chain(&target.before))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Has `alias` stand for `version` as soon as that is in memory.
    pub(super) fn point(&mut self, alias: String, version: String) {
        let before = self.0.remove(&alias);
        let before = before.map(|target| target.before.unwrap_or(target.version));
        let before = before.filter(|before| *before != version);
        self.0.insert(alias, Target { version, before });
    }

    /// Whether there was such an alias.
    pub(super) fn remove(&mut self, alias: &str) -> bool {
        self.0.remove(alias).is_some()
    }

    /// Forgets the versions that answered before, where the new one is in memory or they are not.
    pub(super) fn settle(&mut self, is_live: impl Fn(&str) -> bool) {
        for target in self.0.values_mut() {
            let is_there = is_live(&target.version);
            target.before.take_if(|before| is_there || !is_live(before));
        }
    }

    /// What requests look up.
    pub(super) fn entries(
        &self,
        is_loading: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, AliasEntry> {
        let targets = self.0.iter().map(|(alias, target)| {
            let entry = AliasEntry {
                version: target.before.as_ref().unwrap_or(&target.version).clone(),
                is_loading: is_loading(&target.version),
            };
            (alias.clone(), entry)
        });
        targets.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answering(aliases: &AliasTable) -> String {
        aliases.entries(|_| false)["live"].version.clone()
    }

    #[test]
    fn an_alias_stands_for_the_version_before_until_the_new_one_is_there() {
        let mut aliases = AliasTable::new(&BTreeMap::from([("live".into(), "1".into())]));
        aliases.point("live".into(), "2".into());
        aliases.settle(|version| version == "1");
        assert_eq!(answering(&aliases), "1");
        // It points on before the second has come.
        aliases.point("live".into(), "3".into());
        aliases.settle(|version| version == "1");
        assert_eq!(answering(&aliases), "1");
        assert_eq!(aliases.versions().collect::<Vec<_>>(), ["3", "1"]);
        aliases.settle(|_| true);
        assert_eq!(answering(&aliases), "3");
        assert_eq!(aliases.versions().collect::<Vec<_>>(), ["3"]);
    }

    #[test]
    fn a_version_before_that_is_gone_is_not_wanted_again() {
        let mut aliases = AliasTable::new(&BTreeMap::from([("live".into(), "1".into())]));
        aliases.point("live".into(), "2".into());
        aliases.settle(|_| false);
        assert_eq!(aliases.versions().collect::<Vec<_>>(), ["2"]);
        assert!(aliases.remove("live") && !aliases.remove("live"));
    }
}

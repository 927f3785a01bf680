//! The aliases of one model.

use std::collections::BTreeMap;

use crate::registry::table::AliasEntry;

/// The version of each alias.
#[derive(Debug, Default)]
pub(super) struct AliasTable(BTreeMap<String, AliasTarget>);

#[derive(Debug)]
struct AliasTarget {
    /// The version that the alias was set to.
    version: String,
    /// The version that answers until `version` is loaded.
    previous: Option<String>,
}

impl AliasTable {
    /// Creates a table of the `configured` aliases: versions by alias.
    pub(super) fn new(configured: &BTreeMap<String, String>) -> Self {
        let targets = configured.iter().map(|(alias, version)| {
            let target = AliasTarget {
                version: version.clone(),
                previous: None,
            };
            (alias.clone(), target)
        });
        Self(targets.collect())
    }

    /// Returns the version that each alias was set to.
    pub(super) fn targets(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(alias, target)| (alias.clone(), target.version.clone()))
            .collect()
    }

    /// Returns every version that an alias needs.
    pub(super) fn versions(&self) -> impl Iterator<Item = &String> {
        self.0
            .values()
            .flat_map(|target| [&target.version].into_iter().chain(&target.previous))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Sets `alias` to `version`. The previous version answers until `version` is loaded.
    pub(super) fn set(&mut self, alias: String, version: String) {
        let previous = self
            .0
            .remove(&alias)
            .map(|target| target.previous.unwrap_or(target.version))
            .filter(|previous| *previous != version);
        self.0.insert(alias, AliasTarget { version, previous });
    }

    /// Removes `alias`. Returns true if it existed.
    pub(super) fn remove(&mut self, alias: &str) -> bool {
        self.0.remove(alias).is_some()
    }

    /// Forgets the previous versions of aliases whose new version is loaded, or whose previous version is not.
    pub(super) fn settle(&mut self, is_loaded: impl Fn(&str) -> bool) {
        for target in self.0.values_mut() {
            let is_settled = is_loaded(&target.version);
            target
                .previous
                .take_if(|previous| is_settled || !is_loaded(previous));
        }
    }

    /// Returns the entries of the table that requests read.
    pub(super) fn entries(
        &self,
        is_loading: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, AliasEntry> {
        self.0
            .iter()
            .map(|(alias, target)| {
                let entry = AliasEntry {
                    version: target.previous.as_ref().unwrap_or(&target.version).clone(),
                    is_loading: is_loading(&target.version),
                };
                (alias.clone(), entry)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answering(aliases: &AliasTable) -> String {
        aliases.entries(|_| false)["live"].version.clone()
    }

    #[test]
    fn the_previous_version_answers_until_the_new_one_is_loaded() {
        let mut aliases = AliasTable::new(&BTreeMap::from([("live".into(), "1".into())]));
        aliases.set("live".into(), "2".into());
        aliases.settle(|version| version == "1");
        assert_eq!(answering(&aliases), "1");
        // The alias is set again before the second version is loaded.
        aliases.set("live".into(), "3".into());
        aliases.settle(|version| version == "1");
        assert_eq!(answering(&aliases), "1");
        assert_eq!(aliases.versions().collect::<Vec<_>>(), ["3", "1"]);
        aliases.settle(|_| true);
        assert_eq!(answering(&aliases), "3");
        assert_eq!(aliases.versions().collect::<Vec<_>>(), ["3"]);
    }

    #[test]
    fn a_previous_version_that_is_gone_is_not_needed_any_more() {
        let mut aliases = AliasTable::new(&BTreeMap::from([("live".into(), "1".into())]));
        aliases.set("live".into(), "2".into());
        aliases.settle(|_| false);
        assert_eq!(aliases.versions().collect::<Vec<_>>(), ["2"]);
        assert!(aliases.remove("live") && !aliases.remove("live"));
    }
}

//! The choice of versions of a source.

use std::path::Path;

use almanac_model::{BundleFiles, Manifest};
use almanac_store::directory::Directory;
use almanac_store::{Listing, Source, Store, StoreOptions, compare_versions, trusted};
use anyhow::{Context as _, bail};
use clap::Args;
use futures_executor::block_on;

/// The flags that choose versions.
#[derive(Debug, Args)]
pub(super) struct VersionChoice {
    /// Use only this model, or only this version of it
    #[arg(long, value_name = "NAME[/VERSION]")]
    only: Option<String>,

    /// Use all versions [default: the newest of each model]
    #[arg(long)]
    all: bool,
}

/// An opened source with the chosen versions.
pub(super) struct ChosenVersions {
    /// The source as text.
    pub(super) place: String,
    store: Box<dyn Store>,
    /// The chosen versions, sorted by name, the newest first.
    pub(super) listings: Vec<Listing>,
}

impl ChosenVersions {
    /// Opens `source`, which may be the folder of a single bundle, and applies `choice`.
    pub(super) fn new(
        source: &Source,
        choice: &VersionChoice,
        options: &StoreOptions,
    ) -> anyhow::Result<Self> {
        let place = source.to_string();
        let (store, mut listings) = match bundle_folder(source) {
            Some(folder) => one_bundle(folder, options)?,
            None => {
                let store = source.open(options)?;
                let listings = block_on(store.list())?;
                (store, listings)
            }
        };
        choice.apply(&mut listings);
        if listings.is_empty() {
            match &choice.only {
                Some(only) => bail!("{place} does not contain {only}"),
                None => bail!(
                    "{place} contains no model; a version is a folder NAME/VERSION/ with a manifest.toml"
                ),
            }
        }
        Ok(Self {
            place,
            store,
            listings,
        })
    }

    /// Fetches the files of a version.
    pub(super) fn fetch(&self, listing: &Listing) -> anyhow::Result<BundleFiles> {
        Ok(block_on(self.store.fetch(listing))?)
    }

    /// Returns true if the source gives models names that may differ from those of their manifests.
    pub(super) fn has_authoritative_names(&self) -> bool {
        self.store.has_authoritative_names()
    }
}

impl VersionChoice {
    /// Sorts `listings`, and removes the versions that are not chosen.
    fn apply(&self, listings: &mut Vec<Listing>) {
        listings.sort_by(|left, right| {
            let newest_first = compare_versions(&right.version, &left.version);
            left.name.cmp(&right.name).then(newest_first)
        });
        let mut has_version = false;
        if let Some(only) = &self.only {
            let full_name = |listing: &Listing| format!("{}/{}", listing.name, listing.version);
            has_version = listings.iter().any(|listing| full_name(listing) == *only);
            listings.retain(|listing| listing.name == *only || full_name(listing) == *only);
        }
        if !self.all && !has_version {
            listings.dedup_by(|later, first| later.name == first.name);
        }
    }
}

/// Returns the directory of `source`, if it is a bundle itself.
fn bundle_folder(source: &Source) -> Option<&Path> {
    let Source::Directory(path) = source else {
        return None;
    };
    path.join("manifest.toml").is_file().then_some(path)
}

/// Opens a single bundle, whose folder may have any name.
fn one_bundle(
    folder: &Path,
    options: &StoreOptions,
) -> anyhow::Result<(Box<dyn Store>, Vec<Listing>)> {
    let path = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let manifest = Manifest::parse(&text)?;
    let listing = Listing {
        name: manifest.name,
        version: manifest.version,
        revision: String::new(),
    };
    let store = Directory::single_bundle(folder.to_owned(), options);
    Ok((trusted(Box::new(store), options), vec![listing]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(only: Option<&str>, all: bool) -> Vec<String> {
        let mut listings = ["b/1", "a/9", "a/10", "a/2"]
            .map(|full_name| {
                let (name, version) = full_name.split_once('/').unwrap();
                Listing {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    revision: String::new(),
                }
            })
            .to_vec();
        let only = only.map(str::to_owned);
        VersionChoice { only, all }.apply(&mut listings);
        listings
            .into_iter()
            .map(|listing| format!("{}/{}", listing.name, listing.version))
            .collect()
    }

    #[test]
    fn the_newest_of_each_model_is_chosen_by_default() {
        assert_eq!(chosen(None, false), ["a/10", "b/1"]);
        assert_eq!(chosen(None, true), ["a/10", "a/9", "a/2", "b/1"]);
        assert_eq!(chosen(Some("a"), false), ["a/10"]);
        assert_eq!(chosen(Some("a"), true), ["a/10", "a/9", "a/2"]);
        assert_eq!(chosen(Some("a/2"), false), ["a/2"]);
        assert!(chosen(Some("c"), false).is_empty());
    }
}

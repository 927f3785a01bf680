//! Which versions of a source are meant.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use futures_executor::block_on;

use almanac_model::{BundleFiles, Manifest};
use almanac_store::directory::Directory;
use almanac_store::{Listing, Source, Store, StoreOptions, by_version, trusted};

/// Which versions.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Take this model, or this version of it, alone
    #[arg(long, value_name = "NAME[/VERSION]")]
    only: Option<String>,

    /// Take all versions [default: the newest of each model]
    #[arg(long)]
    all: bool,
}

/// An opened source and what is meant of it.
pub(super) struct Chosen {
    /// The source, as text.
    pub(super) place: String,
    store: Box<dyn Store>,
    /// What is meant, in order of name, the newest first.
    pub(super) listings: Vec<Listing>,
}

impl Chosen {
    /// What `choice` means of `source`, which may be the folder of one bundle.
    pub(super) fn new(
        source: &Source,
        choice: &Choice,
        options: &StoreOptions,
    ) -> anyhow::Result<Self> {
        let place = source.to_string();
        let (store, mut listings) = match folder_of_bundle(source) {
            Some(folder) => one_bundle(folder, options)?,
            None => {
                let store = source.open(options)?;
                let listings = block_on(store.list())?;
                (store, listings)
            }
        };
        choice.narrow(&mut listings);
        if listings.is_empty() {
            match &choice.only {
                Some(only) => bail!("{place} holds no {only}"),
                None => bail!(
                    "{place} holds no model; a version is a folder NAME/VERSION/ with a manifest.toml"
                ),
            }
        }
        Ok(Self {
            place,
            store,
            listings,
        })
    }

    /// The files of one of them, and whether the source names it and its manifest does not.
    pub(super) fn fetch(&self, listing: &Listing) -> anyhow::Result<BundleFiles> {
        Ok(block_on(self.store.fetch(listing))?)
    }

    /// Whether the source names its models, whatever their manifests say.
    pub(super) fn names_models(&self) -> bool {
        self.store.names_models()
    }
}

impl Choice {
    fn narrow(&self, listings: &mut Vec<Listing>) {
        listings.sort_by(|left, right| {
            let newest_first = by_version(&right.version, &left.version);
            left.name.cmp(&right.name).then(newest_first)
        });
        let mut has_version = false;
        if let Some(only) = &self.only {
            let whole = |listing: &Listing| format!("{}/{}", listing.name, listing.version);
            has_version = listings.iter().any(|listing| whole(listing) == *only);
            listings.retain(|listing| listing.name == *only || whole(listing) == *only);
        }
        if !self.all && !has_version {
            listings.dedup_by(|later, first| later.name == first.name);
        }
    }
}

/// The directory, when it is a bundle itself.
fn folder_of_bundle(source: &Source) -> Option<&Path> {
    let Source::Directory(path) = source else {
        return None;
    };
    path.join("manifest.toml").is_file().then_some(path)
}

/// A bundle wherever it lies: its folder need not have its name.
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
    let store = Directory::of_bundle(folder.to_owned(), options);
    Ok((trusted(Box::new(store), options), vec![listing]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(only: Option<&str>, all: bool) -> Vec<String> {
        let listing = |(name, version): (&str, &str)| Listing {
            name: name.to_owned(),
            version: version.to_owned(),
            revision: String::new(),
        };
        let held = [("b", "1"), ("a", "9"), ("a", "10"), ("a", "2")];
        let mut listings = held.map(listing).to_vec();
        let only = only.map(str::to_owned);
        Choice { only, all }.narrow(&mut listings);
        listings
            .into_iter()
            .map(|listing| format!("{}/{}", listing.name, listing.version))
            .collect()
    }

    #[test]
    fn the_newest_of_each_unless_more_or_less_is_asked_for() {
        assert_eq!(narrowed(None, false), ["a/10", "b/1"]);
        assert_eq!(narrowed(None, true), ["a/10", "a/9", "a/2", "b/1"]);
        assert_eq!(narrowed(Some("a"), false), ["a/10"]);
        assert_eq!(narrowed(Some("a"), true), ["a/10", "a/9", "a/2"]);
        assert_eq!(narrowed(Some("a/2"), false), ["a/2"]);
        assert!(narrowed(Some("c"), false).is_empty());
    }
}

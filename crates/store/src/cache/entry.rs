//! What the cache writes beside the files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Listing;
use almanac_model::{BundleFiles, Digest};

/// A version, and which files it is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) version: String,
    revision: String,
    pub(super) files: BTreeMap<String, Digest>,
    /// When it was used last. Kept as the file's time of change.
    #[serde(skip)]
    pub(super) used: Option<Time>,
}

/// What `metadata` says of a file's change, only compared.
#[expect(
    clippy::disallowed_types,
    reason = "compared with its like, not with now"
)]
type Time = std::time::SystemTime;

/// The versions that a source listed.
#[derive(Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// Name and version of each.
    listed: Vec<(String, String)>,
}

impl Entry {
    pub(super) fn of(listing: &Listing, files: &BundleFiles) -> Self {
        let digests = files
            .iter()
            .map(|(name, bytes)| (name.clone(), Digest::of(bytes)));
        Self {
            name: listing.name.clone(),
            version: listing.version.clone(),
            revision: listing.revision.clone(),
            files: digests.collect(),
            used: None,
        }
    }

    pub(super) fn listing(&self) -> Listing {
        Listing {
            name: self.name.clone(),
            version: self.version.clone(),
            revision: self.revision.clone(),
        }
    }
}

impl Listed {
    pub(super) fn of(listings: &[Listing]) -> Self {
        let names = listings.iter();
        let names = names.map(|listing| (listing.name.clone(), listing.version.clone()));
        let mut listed: Vec<_> = names.collect();
        listed.sort();
        Self { listed }
    }

    pub(super) fn has(&self, name: &str, version: &str) -> bool {
        let mut listed = self.listed.iter();
        listed.any(|known| (known.0.as_str(), known.1.as_str()) == (name, version))
    }
}

//! The JSON files of the cache.

use std::collections::BTreeMap;

use almanac_model::{BundleFiles, Digest};
use serde::{Deserialize, Serialize};

use crate::Listing;

/// A cached version, and the digests of its files.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheEntry {
    pub(super) name: String,
    pub(super) version: String,
    revision: String,
    pub(super) files: BTreeMap<String, Digest>,
    /// The time of the last use, which is stored as the modification time of the file.
    #[serde(skip)]
    pub(super) last_used: Option<FileTime>,
}

/// The modification time of a file. It is only compared.
#[expect(
    clippy::disallowed_types,
    reason = "compared with other modification times, not with the current time"
)]
type FileTime = std::time::SystemTime;

/// The versions that a source listed.
#[derive(Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListedVersions {
    /// The name and version of each.
    listed: Vec<(String, String)>,
}

impl CacheEntry {
    pub(super) fn new(listing: &Listing, files: &BundleFiles) -> Self {
        Self {
            name: listing.name.clone(),
            version: listing.version.clone(),
            revision: listing.revision.clone(),
            files: files
                .iter()
                .map(|(name, bytes)| (name.clone(), Digest::of(bytes)))
                .collect(),
            last_used: None,
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

impl ListedVersions {
    pub(super) fn new(listings: &[Listing]) -> Self {
        let mut listed: Vec<_> = listings
            .iter()
            .map(|listing| (listing.name.clone(), listing.version.clone()))
            .collect();
        listed.sort();
        Self { listed }
    }

    pub(super) fn contains(&self, name: &str, version: &str) -> bool {
        self.listed
            .iter()
            .any(|listed| (listed.0.as_str(), listed.1.as_str()) == (name, version))
    }
}

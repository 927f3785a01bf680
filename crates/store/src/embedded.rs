//! The bundles compiled into the program.

use std::borrow::Cow;

use async_trait::async_trait;

use crate::{Listing, Store, StoreError};
use almanac_model::BundleFiles;

/// The bundles compiled into the program.
#[derive(Clone, Copy, Debug)]
pub struct Embedded;

/// Name and version of a bundle, and its files by name.
type Known = (
    &'static str,
    &'static str,
    [(&'static str, &'static [u8]); 3],
);

/// The bundle in `models/$name/$version/`.
macro_rules! bundle {
    ($name:literal, $version:literal) => {
        (
            $name,
            $version,
            [
                bundle!(@file $name, $version, "manifest.toml"),
                bundle!(@file $name, $version, "model.onnx"),
                bundle!(@file $name, $version, "golden.json"),
            ],
        )
    };
    (@file $name:literal, $version:literal, $file:literal) => {
        (
            $file,
            include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../models/", $name, "/", $version, "/", $file
            ))
            .as_slice(),
        )
    };
}

static BUNDLES: [Known; 2] = [bundle!("almanac", "1"), bundle!("seasonal", "1")];

impl Embedded {
    /// The files of version `version` of `name`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`].
    pub fn files(name: &str, version: &str) -> Result<BundleFiles, StoreError> {
        let known = BUNDLES
            .iter()
            .find(|known| (known.0, known.1) == (name, version));
        let (.., files) = known.ok_or_else(|| StoreError::NoSuchVersion {
            name: name.to_owned(),
            version: version.to_owned(),
        })?;
        let owned =
            |(name, bytes): &(&str, &'static [u8])| ((*name).to_owned(), Cow::Borrowed(*bytes));
        Ok(files.iter().map(owned).collect())
    }
}

#[async_trait]
impl Store for Embedded {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        let listing = |(name, version, _): &Known| Listing {
            name: (*name).to_owned(),
            version: (*version).to_owned(),
            revision: "embedded".to_owned(),
        };
        Ok(BUNDLES.iter().map(listing).collect())
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        Self::files(&listing.name, &listing.version)
    }
}

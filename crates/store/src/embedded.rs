//! The bundles compiled into the program.

use std::borrow::Cow;

use almanac_model::BundleFiles;
use async_trait::async_trait;

use crate::{Listing, Store, StoreError};

/// The store of the bundles compiled into the program.
#[derive(Clone, Copy, Debug)]
pub struct Embedded;

/// A bundle compiled into the program.
struct EmbeddedBundle {
    name: &'static str,
    version: &'static str,
    files: [EmbeddedFile; 3],
}

struct EmbeddedFile {
    name: &'static str,
    bytes: &'static [u8],
}

/// Embeds the bundle in `models/$name/$version/`.
macro_rules! bundle {
    ($name:literal, $version:literal) => {
        EmbeddedBundle {
            name: $name,
            version: $version,
            files: [
                bundle!(@file $name, $version, "manifest.toml"),
                bundle!(@file $name, $version, "model.onnx"),
                bundle!(@file $name, $version, "golden.json"),
            ],
        }
    };
    (@file $name:literal, $version:literal, $file:literal) => {
        EmbeddedFile {
            name: $file,
            bytes: include_bytes!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../models/", $name, "/", $version, "/", $file
            )),
        }
    };
}

static BUNDLES: [EmbeddedBundle; 2] = [bundle!("almanac", "1"), bundle!("seasonal", "1")];

impl Embedded {
    /// Returns the files of version `version` of the model `name`.
    ///
    /// # Errors
    /// [`StoreError::NoSuchVersion`] if it is not embedded.
    pub fn files(name: &str, version: &str) -> Result<BundleFiles, StoreError> {
        let bundle = BUNDLES
            .iter()
            .find(|bundle| (bundle.name, bundle.version) == (name, version))
            .ok_or_else(|| StoreError::NoSuchVersion {
                name: name.to_owned(),
                version: version.to_owned(),
            })?;
        Ok(bundle
            .files
            .iter()
            .map(|file| (file.name.to_owned(), Cow::Borrowed(file.bytes)))
            .collect())
    }
}

#[async_trait]
impl Store for Embedded {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        Ok(BUNDLES
            .iter()
            .map(|bundle| Listing {
                name: bundle.name.to_owned(),
                version: bundle.version.to_owned(),
                revision: "embedded".to_owned(),
            })
            .collect())
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        Self::files(&listing.name, &listing.version)
    }
}

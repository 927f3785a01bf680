//! A store whose bundles must be signed.

use async_trait::async_trait;

use crate::{Listing, MANIFEST, Store, StoreError};
use almanac_model::{BundleFiles, Manifest, PublicKeys, SignatureError};

/// Gives only what one of some keys has signed.
#[derive(Debug)]
pub(super) struct Signed {
    store: Box<dyn Store>,
    keys: PublicKeys,
}

impl Signed {
    pub(super) const fn new(store: Box<dyn Store>, keys: PublicKeys) -> Self {
        Self { store, keys }
    }
}

#[async_trait]
impl Store for Signed {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        self.store.list().await
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let files = self.store.fetch(listing).await?;
        self.keys.check(&files)?;
        if pins_nothing(&files) {
            return Err(SignatureError::Unpinned.into());
        }
        Ok(files)
    }

    fn names_models(&self) -> bool {
        self.store.names_models()
    }

    fn own(&self, listing: &Listing) -> Listing {
        self.store.own(listing)
    }
}

/// Whether the digests that were signed are none. What is not a manifest is refused where it is read.
fn pins_nothing(files: &BundleFiles) -> bool {
    let text = files
        .get(MANIFEST)
        .and_then(|text| std::str::from_utf8(text).ok());
    let manifest = text.and_then(|text| Manifest::parse(text).ok());
    manifest.is_some_and(|manifest| manifest.files.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{Source, StoreError, StoreOptions};
    use almanac_model::{PublicKeys, SIGNATURE_FILE, SecretKey};

    #[tokio::test]
    async fn only_what_is_signed_is_given_and_what_is_embedded() {
        let key = SecretKey::generate();
        let options = StoreOptions {
            public_keys: PublicKeys::new(vec![key.public()]),
            ..StoreOptions::default()
        };
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("m/1");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("manifest.toml"), "manifest").unwrap();
        fs::write(root.path().join("net.onnx"), "graph").unwrap();
        let directory = Source::Directory(root.path().to_owned());
        let graph = Source::Graph(root.path().join("net.onnx"));
        let fetched = async |source: &Source| {
            let store = source.open(&options).unwrap();
            let listings = store.list().await.unwrap();
            store.fetch(&listings[0]).await.map(drop)
        };
        for source in [&directory, &graph] {
            let error = fetched(source).await.unwrap_err();
            assert!(matches!(error, StoreError::Unsigned(_)), "{error}");
        }
        fs::write(folder.join(SIGNATURE_FILE), key.sign(b"manifest")).unwrap();
        fetched(&directory).await.unwrap();
        fetched(&Source::Embedded).await.unwrap();
    }
}

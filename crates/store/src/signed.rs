//! A store that requires signatures.

use almanac_model::{BundleFiles, Manifest, PublicKeys, SignatureError};
use async_trait::async_trait;

use crate::{Listing, MANIFEST, Store, StoreError};

/// A store that fetches only bundles that are signed by one of its keys.
#[derive(Debug)]
pub(super) struct SignedStore {
    store: Box<dyn Store>,
    keys: PublicKeys,
}

impl SignedStore {
    pub(super) const fn new(store: Box<dyn Store>, keys: PublicKeys) -> Self {
        Self { store, keys }
    }
}

#[async_trait]
impl Store for SignedStore {
    async fn list(&self) -> Result<Vec<Listing>, StoreError> {
        self.store.list().await
    }

    async fn fetch(&self, listing: &Listing) -> Result<BundleFiles, StoreError> {
        let files = self.store.fetch(listing).await?;
        self.keys.check(&files)?;
        if has_no_digests(&files) {
            return Err(SignatureError::Unpinned.into());
        }
        Ok(files)
    }

    fn has_authoritative_names(&self) -> bool {
        self.store.has_authoritative_names()
    }

    fn own(&self, listing: &Listing) -> Listing {
        self.store.own(listing)
    }
}

/// Returns true if the signed manifest contains no digests. An invalid manifest is rejected later,
/// when it is parsed.
fn has_no_digests(files: &BundleFiles) -> bool {
    files
        .get(MANIFEST)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| Manifest::parse(text).ok())
        .is_some_and(|manifest| manifest.files.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use almanac_model::{PublicKeys, SIGNATURE_FILE, SecretKey};

    use crate::{Source, StoreError, StoreOptions};

    #[tokio::test]
    async fn only_signed_and_embedded_bundles_are_fetch() {
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
        let fetch = async |source: &Source| {
            let store = source.open(&options).unwrap();
            let listings = store.list().await.unwrap();
            store.fetch(&listings[0]).await.map(drop)
        };
        for source in [&directory, &graph] {
            let error = fetch(source).await.unwrap_err();
            assert!(matches!(error, StoreError::Unsigned(_)), "{error}");
        }
        fs::write(folder.join(SIGNATURE_FILE), key.sign(b"manifest")).unwrap();
        fetch(&directory).await.unwrap();
        fetch(&Source::Embedded).await.unwrap();
    }
}

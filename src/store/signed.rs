//! A store whose bundles must be signed.

use async_trait::async_trait;

use crate::model::{BundleFiles, PublicKeys};
use crate::store::{Listing, Store, StoreError};

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
        Ok(files)
    }

    fn names_models(&self) -> bool {
        self.store.names_models()
    }
}

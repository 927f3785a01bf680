//! Early admission: whether a request would be admitted, before its body is read.

use std::sync::Arc;

use crate::error::SubmitError;
use crate::registry::name::ModelSelector;
use crate::registry::table::ModelEntry;
use crate::registry::{LiveModel, Registry};
use crate::terms::Terms;

impl Registry {
    /// Checks whether a version that may answer a request for the model `text`, or for the default model if
    /// `text` is `None`, would admit it. `is_large` means that the request will fill more than a batch.
    ///
    /// A model that is unknown or not ready refuses nothing here: that error is returned once the request
    /// has been read.
    ///
    /// # Errors
    /// The [`SubmitError`] of the last such version.
    pub fn admits(
        &self,
        text: Option<&str>,
        terms: Terms,
        is_large: bool,
    ) -> Result<(), SubmitError> {
        let table = self.table.load();
        match ModelSelector::parse(text.unwrap_or(self.default_name())) {
            ModelSelector::Model(name) => {
                let Some(model) = table.models.get(name) else {
                    return Ok(());
                };
                let canary = model.canary.iter().map(|(canary, _)| canary);
                any_admits(model.stable().into_iter().chain(canary), terms, is_large)
            }
            selector => any_admits(
                self.find_version(&table, selector).into_iter(),
                terms,
                is_large,
            ),
        }
    }

    /// Checks whether a model would admit a request that may be for any of them.
    ///
    /// # Errors
    /// The [`SubmitError`] of the last model that serves.
    pub fn any_admits(&self, terms: Terms, is_large: bool) -> Result<(), SubmitError> {
        let table = self.table.load();
        let ready = table.models.values().filter_map(ModelEntry::stable);
        any_admits(ready, terms, is_large)
    }
}

/// Checks whether one of `candidates` admits a request. If none does, only one refusal is counted.
fn any_admits<'a>(
    candidates: impl Iterator<Item = &'a Arc<LiveModel>>,
    terms: Terms,
    is_large: bool,
) -> Result<(), SubmitError> {
    let mut refusal = None;
    for live in candidates {
        match live.engine.admits(terms, is_large) {
            Ok(()) => return Ok(()),
            Err(error) => refusal = Some((live, error)),
        }
    }
    refusal.map_or(Ok(()), |(live, error)| {
        live.engine.count_refusal(&error);
        Err(error)
    })
}

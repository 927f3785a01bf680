//! Whether a request that is not read yet would be admitted.

use std::sync::Arc;

use crate::registry::name::Named;
use crate::registry::{LiveModel, ModelState, Registry};
use crate::{SubmitError, Terms};

impl Registry {
    /// Refuses a request on `terms` for what `text` names, of the default model when `None`, when no
    /// version that might answer it would admit it. `is_large` says that it will fill more than a batch.
    ///
    /// What does not serve refuses nothing here: what there is instead is told once the request is read.
    ///
    /// # Errors
    /// [`SubmitError`] of the last such version.
    pub fn admits(
        &self,
        text: Option<&str>,
        terms: Terms,
        is_large: bool,
    ) -> Result<(), SubmitError> {
        let table = self.table.load();
        let asked = (terms, is_large);
        match Named::read(text.unwrap_or(self.default_name())) {
            Named::Model(name) => {
                let Some(model) = table.models.get(name) else {
                    return Ok(());
                };
                let canary = model.canary.iter().map(|(canary, _)| canary);
                one_admits(ready(&model.state).into_iter().chain(canary), asked)
            }
            named => one_admits(self.stable(&table, named).into_iter(), asked),
        }
    }

    /// The same of a request that may be for any model.
    ///
    /// # Errors
    /// [`SubmitError`] of the last model that serves.
    pub fn any_admits(&self, terms: Terms, is_large: bool) -> Result<(), SubmitError> {
        let table = self.table.load();
        let models = table.models.values();
        one_admits(
            models.filter_map(|model| ready(&model.state)),
            (terms, is_large),
        )
    }
}

const fn ready(state: &ModelState) -> Option<&Arc<LiveModel>> {
    match state {
        ModelState::Ready(live) => Some(live),
        ModelState::Loading | ModelState::Unloaded | ModelState::Failed { .. } => None,
    }
}

/// Whether one of `candidates` admits it. Counts one refusal, however many of them say the same.
fn one_admits<'a>(
    candidates: impl Iterator<Item = &'a Arc<LiveModel>>,
    (terms, is_large): (Terms, bool),
) -> Result<(), SubmitError> {
    let mut refused = None;
    for live in candidates {
        match live.engine.admits(terms, is_large) {
            Ok(()) => return Ok(()),
            Err(error) => refused = Some((live, error)),
        }
    }
    refused.map_or(Ok(()), |(live, error)| {
        live.engine.count_refusal(&error);
        Err(error)
    })
}

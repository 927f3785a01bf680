//! The models of a host. Only the commands of the host load and unload them.

use std::collections::BTreeMap;
use std::sync::Arc;

use almanac_store::{Listing, Place, Store};
use tokio::sync::mpsc;

use crate::registry::hosting::{
    HostCommand, HostCommands, HostedModel, LoadReply, UnloadReply, not_loaded,
};
use crate::registry::keeper::Keeper;
use crate::registry::plan::VersionKey;
use crate::registry::state::VersionState;
use crate::registry::{HostError, LiveModel, LoadError};

/// The models that a host requested.
#[derive(Debug)]
pub(super) struct HostedModels {
    /// The index of the source that the models are listed in.
    source: usize,
    max_models: usize,
    commands: mpsc::Receiver<HostCommand>,
    models: BTreeMap<String, HostedEntry>,
    /// Unloads that wait for the end of a load, with the name of the model.
    pending_unloads: Vec<(String, UnloadReply)>,
    /// The results of loads, sent once requests see them.
    pending_replies: Vec<(LoadReply, Result<(), HostError>)>,
}

/// A hosted model that is loaded or being loaded.
#[derive(Debug)]
struct HostedEntry {
    url: String,
    place: Place,
    /// The estimated memory use.
    size_bytes: usize,
    /// The callers that wait for the load. `None` once the model serves.
    waiting: Option<Vec<LoadReply>>,
}

impl HostedModels {
    /// Creates the models of the host that sends `commands`. `source` is the index of the source that they are
    /// listed in.
    pub(super) fn new(source: usize, commands: HostCommands) -> Self {
        Self {
            source,
            max_models: commands.max_models,
            commands: commands.commands,
            models: BTreeMap::new(),
            pending_unloads: Vec::new(),
            pending_replies: Vec::new(),
        }
    }

    /// Waits for the next command. Waits forever if there is no host, or it was dropped.
    pub(super) async fn next_command(hosted: Option<&mut Self>) -> HostCommand {
        if let Some(hosted) = hosted
            && let Some(command) = hosted.commands.recv().await
        {
            return command;
        }
        std::future::pending().await
    }

    /// Returns true if the version comes from the host.
    pub(super) fn has(&self, key: &VersionKey) -> bool {
        key.source == self.source
    }

    /// Returns the store of a hosted model.
    pub(super) fn store(&self, name: &str) -> Option<Arc<dyn Store>> {
        Some(Arc::clone(&self.models.get(name)?.place.store))
    }

    /// Sends the pending replies.
    pub(super) fn send_replies(&mut self) {
        for (reply, result) in self.pending_replies.drain(..) {
            // The receiver may have been dropped.
            let _gone = reply.send(result);
        }
    }

    fn listings(&self) -> Vec<Listing> {
        self.models
            .values()
            .map(|entry| entry.place.listing.clone())
            .collect()
    }

    fn loaded(&self) -> Vec<HostedModel> {
        self.models
            .iter()
            .filter(|(_, entry)| entry.waiting.is_none())
            .map(|(name, entry)| HostedModel {
                name: name.clone(),
                url: entry.url.clone(),
            })
            .collect()
    }

    /// Replies to the unloads that waited for the end of the load of `name`.
    fn finish_unloads(&mut self, name: &str, result: Result<&LiveModel, &LoadError>) {
        let (finished, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending_unloads)
            .into_iter()
            .partition(|(unloaded, _)| unloaded == name);
        self.pending_unloads = pending;
        for (_, reply) in finished {
            let threads = result.iter().map(|live| live.engine.threads()).collect();
            // The receiver may have been dropped.
            let _gone = reply.send(Ok(threads));
        }
    }
}

impl Keeper {
    /// Executes a command of the host.
    pub(super) fn execute_for_host(&mut self, command: HostCommand) {
        match command {
            HostCommand::Load {
                model,
                place,
                reply,
            } => self.load_hosted(model, place, reply),
            HostCommand::Unload { name, reply } => self.unload_hosted(&name, reply),
            HostCommand::List { reply } => {
                let loaded = self.hosted.as_ref().map(HostedModels::loaded);
                // The receiver may have been dropped.
                let _gone = reply.send(loaded.unwrap_or_default());
            }
        }
    }

    fn load_hosted(&mut self, model: HostedModel, place: Place, reply: LoadReply) {
        let HostedModel { name, url } = model;
        let size_bytes = self.load.memory_of(place.size_bytes);
        let refusal = self.host_refusal(&name, size_bytes);
        let Some(hosted) = &mut self.hosted else {
            return;
        };
        if let Some(entry) = hosted.models.get_mut(&name) {
            match &mut entry.waiting {
                Some(waiting) if entry.url == url => waiting.push(reply),
                _ => hosted
                    .pending_replies
                    .push((reply, Err(HostError::Loaded { name }))),
            }
            return;
        }
        if let Some(refusal) = refusal {
            hosted.pending_replies.push((reply, Err(refusal)));
            return;
        }
        tracing::info!(model = %name, %url, "load requested by the host");
        let entry = HostedEntry {
            url,
            place,
            size_bytes,
            waiting: Some(vec![reply]),
        };
        hosted.models.insert(name, entry);
        self.list_hosted();
    }

    /// Returns the reason why a hosted model that is not loaded cannot be loaded.
    fn host_refusal(&self, name: &str, needed: usize) -> Option<HostError> {
        let hosted = self.hosted.as_ref()?;
        let taken_by = self
            .sources
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != hosted.source)
            .find(|(_, source)| {
                source
                    .listings
                    .iter()
                    .flatten()
                    .any(|listing| listing.name == name)
            });
        if let Some((_, source)) = taken_by {
            return Some(HostError::Taken {
                name: name.to_owned(),
                source_name: source.name.clone(),
            });
        }
        if hosted.models.len() >= hosted.max_models {
            return Some(HostError::TooMany {
                limit: hosted.max_models,
            });
        }
        let limit = self.config.memory_bytes?;
        let taken: usize = self
            .models
            .values()
            .flat_map(|model| &model.loaded)
            .filter(|loaded| !hosted.has(&loaded.key))
            .map(|loaded| loaded.live.size_bytes)
            .chain(hosted.models.values().map(|entry| entry.size_bytes))
            .sum();
        (taken.saturating_add(needed) > limit).then_some(HostError::NoMemory {
            needed,
            taken,
            limit,
        })
    }

    /// Records that the load of a hosted model has ended. Returns true if the model has to serve.
    pub(super) fn finish_hosted_load(
        &mut self,
        name: &str,
        key: &VersionKey,
        result: Result<&LiveModel, &LoadError>,
    ) -> bool {
        let Some(hosted) = &mut self.hosted else {
            return false;
        };
        hosted.finish_unloads(name, result);
        let Some(entry) = hosted.models.get_mut(name) else {
            self.forget(name);
            return false;
        };
        let Listing {
            version, revision, ..
        } = &entry.place.listing;
        if (version, revision) != (&key.version, &key.revision) {
            // The model was unloaded and requested again from another address in the meantime.
            return false;
        }
        let waiting = entry.waiting.take().into_iter().flatten();
        match result {
            Ok(live) => {
                entry.size_bytes = live.size_bytes;
                hosted
                    .pending_replies
                    .extend(waiting.map(|reply| (reply, Ok(()))));
                true
            }
            Err(error) => {
                hosted
                    .pending_replies
                    .extend(waiting.map(|reply| (reply, Err(host_error(name, error)))));
                hosted.models.remove(name);
                self.list_hosted();
                self.forget(name);
                false
            }
        }
    }

    fn unload_hosted(&mut self, name: &str, reply: UnloadReply) {
        let Some(hosted) = &mut self.hosted else {
            return;
        };
        let Some(entry) = hosted.models.remove(name) else {
            // The receiver may have been dropped.
            let _gone = reply.send(Err(not_loaded(name)));
            return;
        };
        tracing::info!(model = %name, "unload requested by the host");
        for waiting in entry.waiting.into_iter().flatten() {
            let name = name.to_owned();
            hosted
                .pending_replies
                .push((waiting, Err(HostError::Unloaded { name })));
        }
        let is_loading = self
            .loading
            .iter()
            .any(|loading| loading.model == name && hosted.has(&loading.key));
        if is_loading {
            hosted.pending_unloads.push((name.to_owned(), reply));
        } else {
            let threads = self
                .models
                .get(name)
                .into_iter()
                .flat_map(|model| &model.loaded)
                .map(|loaded| {
                    loaded.live.record_state(VersionState::Draining);
                    loaded.live.engine.threads()
                })
                .collect();
            // The receiver may have been dropped.
            let _gone = reply.send(Ok(threads));
        }
        self.forget(name);
        self.list_hosted();
    }

    /// Updates the listings of the source of hosted models.
    fn list_hosted(&mut self) {
        if let Some(hosted) = &self.hosted {
            self.sources[hosted.source].listings = Some(hosted.listings());
        }
    }

    /// Removes everything about a model. Otherwise the names that a host makes up would accumulate.
    fn forget(&mut self, name: &str) {
        self.models.remove(name);
        self.registry.records().forget(name);
        self.metrics.forget(name);
        self.load.metrics.forget(name);
    }
}

/// Converts the error of a load to the error of the host's command.
fn host_error(name: &str, error: &LoadError) -> HostError {
    let (name, reason) = (name.to_owned(), error.to_string());
    if error.is_transient() {
        HostError::Unready { name, reason }
    } else {
        HostError::Refused { name, reason }
    }
}

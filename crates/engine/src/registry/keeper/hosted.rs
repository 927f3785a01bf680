//! The models of a host: loaded and unloaded by its orders, and by nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::Threads;
use crate::registry::hosting::{HOST, HostOrder, HostOrders, HostedModel, not_loaded};
use crate::registry::keeper::{Keeper, Seen};
use crate::registry::plan::Key;
use crate::registry::record::VersionState;
use crate::registry::{HostError, LiveModel, LoadError};
use almanac_store::{Listing, Place, Store};

type LoadAnswer = oneshot::Sender<Result<(), HostError>>;
type UnloadAnswer = oneshot::Sender<Result<Vec<Threads>, HostError>>;

/// What a host has asked for.
#[derive(Debug)]
pub(super) struct Hosted {
    /// Place among the sources of the one that they are told to come from.
    source: usize,
    most: usize,
    orders: mpsc::Receiver<HostOrder>,
    models: BTreeMap<String, Wanted>,
    /// Who waits for the end of a load that is not wanted any more.
    leaving: Vec<(String, UnloadAnswer)>,
    /// Answers that are given once they are true for requests too.
    told: Vec<(LoadAnswer, Result<(), HostError>)>,
}

/// A model that is loaded, or being loaded.
#[derive(Debug)]
struct Wanted {
    url: String,
    place: Place,
    /// About how much memory it takes.
    size_bytes: usize,
    /// Who waits for it; `None` once it serves.
    waiting: Option<Vec<LoadAnswer>>,
}

impl Hosted {
    /// The models of the host that orders by `orders`, none yet, which come from the source at place
    /// `source`.
    pub(super) fn new(source: usize, HostOrders { orders, most }: HostOrders) -> Self {
        Self {
            source,
            most,
            orders,
            models: BTreeMap::new(),
            leaving: Vec::new(),
            told: Vec::new(),
        }
    }

    /// The next order. A host that has gone gives none.
    pub(super) async fn next(hosted: Option<&mut Self>) -> HostOrder {
        if let Some(hosted) = hosted
            && let Some(order) = hosted.orders.recv().await
        {
            return order;
        }
        std::future::pending().await
    }

    /// Whether what `key` names comes from a host.
    pub(super) fn has(&self, key: &Key) -> bool {
        key.source == self.source
    }

    /// What holds the files of a hosted model.
    pub(super) fn store(&self, name: &str) -> Option<Arc<dyn Store>> {
        Some(Arc::clone(&self.models.get(name)?.place.store))
    }

    /// Gives the answers that have become true.
    pub(super) fn answer(&mut self) {
        for (answer, result) in self.told.drain(..) {
            // Whoever asked may have gone.
            let _gone = answer.send(result);
        }
    }

    fn listings(&self) -> Vec<Listing> {
        let places = self.models.values().map(|wanted| &wanted.place);
        places.map(|place| place.listing.clone()).collect()
    }

    fn list(&self) -> Vec<HostedModel> {
        let loaded = self.models.iter();
        let loaded = loaded.filter(|(_, wanted)| wanted.waiting.is_none());
        let model = |(name, wanted): (&String, &Wanted)| HostedModel {
            name: name.clone(),
            url: wanted.url.clone(),
        };
        loaded.map(model).collect()
    }
}

impl Seen {
    /// The source that hosted models are told to come from. Nobody looks at it.
    pub(super) fn of_host() -> Self {
        Self {
            name: HOST.to_owned(),
            store: None,
            nudge: Arc::default(),
            listings: Some(Vec::new()),
            read_at: None,
            error: None,
            has_looked: true,
        }
    }
}

impl Keeper {
    /// Does what a host orders.
    pub(super) fn obey_host(&mut self, order: HostOrder) {
        match order {
            HostOrder::Load(model, place, answer) => self.host_load(model, place, answer),
            HostOrder::Unload(name, answer) => self.host_unload(&name, answer),
            HostOrder::List(answer) => {
                let loaded = self.hosted.as_ref().map(Hosted::list);
                // Whoever asked may have gone.
                let _gone = answer.send(loaded.unwrap_or_default());
            }
        }
    }

    fn host_load(&mut self, model: HostedModel, place: Place, answer: LoadAnswer) {
        let HostedModel { name, url } = model;
        let size_bytes = self.load.memory_of(place.size_bytes);
        let refusal = self.host_refusal(&name, size_bytes);
        let Some(hosted) = &mut self.hosted else {
            return;
        };
        match hosted.models.get_mut(&name) {
            Some(Wanted {
                url: known,
                waiting: Some(waiting),
                ..
            }) if *known == url => waiting.push(answer),
            Some(_) => hosted.told.push((answer, Err(HostError::Loaded { name }))),
            None => match refusal {
                Some(refusal) => hosted.told.push((answer, Err(refusal))),
                None => {
                    tracing::info!(model = %name, %url, "told to load by the host");
                    let wanted = Wanted {
                        url,
                        place,
                        size_bytes,
                        waiting: Some(vec![answer]),
                    };
                    hosted.models.insert(name, wanted);
                    self.list_hosted();
                }
            },
        }
    }

    /// Why a model that is not loaded may not be.
    fn host_refusal(&self, name: &str, needed: usize) -> Option<HostError> {
        let hosted = self.hosted.as_ref()?;
        let others = self.sources.iter().enumerate();
        let mut others = others.filter(|(source, _)| *source != hosted.source);
        let taken = others.find(|(_, seen)| {
            let mut listings = seen.listings.iter().flatten();
            listings.any(|listing| listing.name == name)
        });
        if let Some((_, seen)) = taken {
            return Some(HostError::Taken {
                name: name.to_owned(),
                source_name: seen.name.clone(),
            });
        }
        if hosted.models.len() >= hosted.most {
            return Some(HostError::TooMany { limit: hosted.most });
        }
        let limit = self.config.memory_bytes?;
        let of_sources = self.models.values().flat_map(|kept| &kept.held);
        let of_sources = of_sources.filter(|held| !hosted.has(&held.key));
        let hosted = hosted.models.values().map(|wanted| wanted.size_bytes);
        let taken = of_sources.map(|held| held.live.size_bytes).chain(hosted);
        let taken: usize = taken.sum();
        (taken.saturating_add(needed) > limit).then_some(HostError::NoMemory {
            needed,
            taken,
            limit,
        })
    }

    /// Takes note that the load of a hosted model has ended, and says whether it is to serve.
    pub(super) fn host_loaded(
        &mut self,
        (name, key): (&str, &Key),
        result: Result<&LiveModel, &LoadError>,
    ) -> bool {
        let Some(hosted) = &mut self.hosted else {
            return false;
        };
        let leaving = std::mem::take(&mut hosted.leaving).into_iter();
        let (left, leaving): (Vec<_>, _) = leaving.partition(|(waits_for, _)| waits_for == name);
        hosted.leaving = leaving;
        for (_, answer) in left {
            let threads = result.iter().map(|live| live.engine.threads());
            // Whoever asked may have gone.
            let _gone = answer.send(Ok(threads.collect()));
        }
        let Some(wanted) = hosted.models.get_mut(name) else {
            self.forget(name);
            return false;
        };
        let Listing {
            version, revision, ..
        } = &wanted.place.listing;
        if (version, revision) != (&key.version, &key.revision) {
            // Unloaded, and wanted again from another place meanwhile.
            return false;
        }
        let waiting = wanted.waiting.take().into_iter().flatten();
        match result {
            Ok(live) => {
                wanted.size_bytes = live.size_bytes;
                hosted.told.extend(waiting.map(|answer| (answer, Ok(()))));
                true
            }
            Err(error) => {
                let name = name.to_owned();
                let refused = waiting.map(|answer| (answer, Err(refusal(&name, error))));
                hosted.told.extend(refused);
                hosted.models.remove(&name);
                self.list_hosted();
                self.forget(&name);
                false
            }
        }
    }

    fn host_unload(&mut self, name: &str, answer: UnloadAnswer) {
        let Some(hosted) = &mut self.hosted else {
            return;
        };
        let Some(wanted) = hosted.models.remove(name) else {
            // Whoever asked may have gone.
            let _gone = answer.send(Err(not_loaded(name)));
            return;
        };
        tracing::info!(model = %name, "told to unload by the host");
        for waiting in wanted.waiting.into_iter().flatten() {
            let name = name.to_owned();
            hosted
                .told
                .push((waiting, Err(HostError::Unloaded { name })));
        }
        let source = hosted.source;
        let is_loading = self
            .busy
            .iter()
            .any(|(busy, key)| busy == name && key.source == source);
        if is_loading {
            hosted.leaving.push((name.to_owned(), answer));
        } else {
            let held = self.models.get(name).map(|kept| kept.held.as_slice());
            let held = held.unwrap_or_default().iter();
            let threads = held.map(|held| {
                held.live.stands(VersionState::Draining);
                held.live.engine.threads()
            });
            let _gone = answer.send(Ok(threads.collect()));
        }
        self.forget(name);
        self.list_hosted();
    }

    /// Says anew what the host's source holds.
    fn list_hosted(&mut self) {
        if let Some(hosted) = &self.hosted {
            self.sources[hosted.source].listings = Some(hosted.listings());
        }
    }

    /// Leaves nothing of a model: names that a host makes up would pile up.
    fn forget(&mut self, name: &str) {
        self.models.remove(name);
        self.registry.records().forget(name);
        self.metrics.forget(name);
        self.load.metrics.forget(name);
    }
}

/// Why a model is not loaded that was found.
fn refusal(name: &str, error: &LoadError) -> HostError {
    let (name, reason) = (name.to_owned(), error.to_string());
    if error.may_pass() {
        HostError::Unready { name, reason }
    } else {
        HostError::Refused { name, reason }
    }
}

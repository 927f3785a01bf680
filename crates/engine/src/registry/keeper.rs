//! The owner of all models: the one task that decides what is loaded, what answers and what leaves.
//!
//! Looks at sources, ends of loads and orders arrive as messages. After each, what every model needs is
//! planned anew from all that is known, so that no order of messages can leave it half done.

mod aliases;
mod failures;
mod handle;
mod hosted;
mod job;
mod loads;
mod model;
mod orders;
mod trials;

pub use handle::{KeeperHandle, OrderError, Overview, SourceStatus};

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::registry::keeper::aliases::AliasTable;
use crate::registry::keeper::handle::{Answer, Order};
use crate::registry::keeper::hosted::Hosted;
use crate::registry::keeper::job::Ended;
use crate::registry::keeper::model::{Applied, Kept};
use crate::registry::plan::{Key, preferred};
use crate::registry::table::Table;
use crate::registry::watch::{Look, Watch};
use crate::registry::{
    Aliases, HostOrders, LifeMetrics, Load, NOWHERE, Registry, Route, TrialLimits,
};
use almanac_store::{Listing, Store};

/// Bounds and wishes.
#[derive(Clone, Debug)]
pub struct KeeperConfig {
    /// Time between two looks at a source; only when told to, when `None`.
    pub watch: Option<Duration>,
    /// Longest time of one look.
    pub list_limit: Duration,
    /// Longest time to fetch one version.
    pub fetch_limit: Duration,
    /// Versions that are verified and opened at the same time.
    pub loads: usize,
    /// How long the version before is kept, to take over again.
    pub probation: Duration,
    /// When it does.
    pub trial: TrialLimits,
    /// Memory that all versions may take, about; unbounded when `None`.
    pub memory_bytes: Option<usize>,
    /// The route of each model that has one.
    pub routes: BTreeMap<String, Route>,
    /// The aliases of each model that has some.
    pub aliases: Aliases,
    /// How many aliases a model may have.
    pub max_aliases: usize,
}

/// A source with its name.
#[derive(Clone, Debug)]
pub struct NamedStore {
    /// As configuration writes it.
    pub name: String,
    /// What is asked.
    pub store: Arc<dyn Store>,
}

/// What a keeper is made of.
#[derive(Debug)]
pub struct KeeperParts {
    /// What requests look up.
    pub registry: Arc<Registry>,
    /// What loads need.
    pub load: Load,
    /// Where models come from, in their order of precedence.
    pub sources: Vec<NamedStore>,
    /// Who else has models loaded, if anybody.
    pub host: Option<HostOrders>,
    /// Bounds and wishes.
    pub config: KeeperConfig,
    /// Where it counts.
    pub metrics: LifeMetrics,
}

/// The owner of all models.
#[derive(Debug)]
pub struct Keeper {
    registry: Arc<Registry>,
    load: Arc<Load>,
    config: KeeperConfig,
    metrics: LifeMetrics,
    sources: Vec<Seen>,
    models: BTreeMap<String, Kept>,
    jobs: JoinSet<Ended>,
    /// What is being loaded.
    busy: Vec<(String, Key)>,
    permits: Arc<Semaphore>,
    looks: mpsc::Receiver<Look>,
    looks_sender: mpsc::Sender<Look>,
    orders: mpsc::Receiver<Order>,
    /// Orders whose effect is still to be told.
    obeyed: Vec<(oneshot::Sender<Answer>, Result<(), OrderError>)>,
    handle: KeeperHandle,
    /// Models that no source holds, but a host.
    hosted: Option<Hosted>,
}

/// A source and what was last seen of it.
#[derive(Debug)]
struct Seen {
    name: String,
    /// What is looked at; nothing where a host says what there is.
    store: Option<Arc<dyn Store>>,
    nudge: Arc<Notify>,
    /// What it held when it was last read.
    listings: Option<Vec<Listing>>,
    read_at: Option<Instant>,
    /// Why it cannot be read now.
    error: Option<String>,
    has_looked: bool,
}

impl Seen {
    /// A source that was not looked at yet.
    fn new(source: NamedStore) -> Self {
        Self {
            name: source.name,
            store: Some(source.store),
            nudge: Arc::default(),
            listings: None,
            read_at: None,
            error: None,
            has_looked: false,
        }
    }
}

/// The models that the configuration has a route or an alias for.
fn configured(config: &KeeperConfig) -> BTreeMap<String, Kept> {
    let names = config.routes.keys().chain(config.aliases.keys());
    let kept = |name: &String| Kept {
        route: config.routes.get(name).cloned().unwrap_or_default(),
        aliases: config
            .aliases
            .get(name)
            .map(AliasTable::new)
            .unwrap_or_default(),
        ..Kept::default()
    };
    names.map(|name| (name.clone(), kept(name))).collect()
}

/// How often trials are judged while there are any.
const JUDGED_EVERY: Duration = Duration::from_millis(500);

impl Keeper {
    /// A keeper that has not begun.
    #[must_use]
    pub fn new(parts: KeeperParts) -> Self {
        let KeeperParts {
            registry,
            load,
            sources,
            host,
            config,
            metrics,
        } = parts;
        let (looks_sender, looks) = mpsc::channel(sources.len().max(1));
        let mut sources: Vec<_> = sources.into_iter().map(Seen::new).collect();
        let hosted = host.map(|orders| {
            sources.push(Seen::of_host());
            Hosted::new(sources.len() - 1, orders)
        });
        let nudges = sources.iter().map(|source| Arc::clone(&source.nudge));
        let (handle, orders) = KeeperHandle::new(nudges.collect());
        Self {
            models: configured(&config),
            registry,
            load: Arc::new(load),
            permits: Arc::new(Semaphore::new(config.loads.max(1))),
            config,
            metrics,
            sources,
            jobs: JoinSet::new(),
            busy: Vec::new(),
            looks,
            looks_sender,
            orders,
            obeyed: Vec::new(),
            handle,
            hosted,
        }
    }

    /// What gives it orders.
    #[must_use]
    pub fn handle(&self) -> KeeperHandle {
        self.handle.clone()
    }

    /// Keeps the models for as long as it is polled.
    pub async fn run(mut self) -> Infallible {
        let _watches = self.watch();
        let registry = Arc::clone(&self.registry);
        loop {
            let due = self.next_due();
            tokio::select! {
                Some(look) = self.looks.recv() => self.looked(look),
                Some(ended) = self.jobs.join_next(), if !self.jobs.is_empty() => self.joined(ended),
                Some(order) = self.orders.recv() => self.obey(order),
                order = Hosted::next(self.hosted.as_mut()) => self.obey_host(order),
                () = registry.asked.notify.notified() => self.wake(),
                () = until(due) => {}
            }
            self.judge();
            self.follow();
            self.answer();
        }
    }

    /// A task for each source, which ends with what this gives.
    fn watch(&self) -> JoinSet<()> {
        let mut watches = JoinSet::new();
        for (source, seen) in self.sources.iter().enumerate() {
            let Some(store) = &seen.store else {
                continue;
            };
            let watch = Watch {
                source,
                store: Arc::clone(store),
                interval: self.config.watch,
                limit: self.config.list_limit,
                nudge: Arc::clone(&seen.nudge),
                looks: self.looks_sender.clone(),
            };
            watches.spawn(watch.run());
        }
        watches
    }

    /// When something is to be done though nothing happens.
    fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let retries = self
            .models
            .values()
            .filter_map(|kept| kept.failures.next_retry(now));
        let on_trial = self.models.values().any(Kept::is_on_trial);
        let judgement = on_trial.then(|| now + JUDGED_EVERY);
        retries.chain(judgement).min()
    }

    fn looked(&mut self, look: Look) {
        let seen = &mut self.sources[look.source];
        seen.has_looked = true;
        self.metrics.looked(&seen.name, look.found.is_ok());
        match look.found {
            Ok(listings) => {
                if seen.error.take().is_some() {
                    tracing::info!(source = %seen.name, "source can be read again");
                }
                seen.read_at = Some(Instant::now());
                seen.listings = Some(listings);
            }
            Err(reason) => {
                // Once, and not at every look.
                if seen.error.is_none() {
                    tracing::error!(source = %seen.name, %reason, "source cannot be read; what serves goes on");
                }
                seen.error = Some(reason);
            }
        }
    }

    /// Plans every model anew and does what the plans say.
    fn follow(&mut self) {
        let in_sources = self.in_sources();
        for name in in_sources.keys().chain([&self.registry.default]) {
            self.models.entry(name.clone()).or_default();
        }
        let mut applied = BTreeMap::new();
        let none = Vec::new();
        for (name, kept) in &mut self.models {
            let held = in_sources.get(name).unwrap_or(&none);
            let one = kept.follow(held, self.config.probation);
            tell(name, kept, &one, &self.metrics);
            applied.insert(name.clone(), one);
        }
        self.spare_memory();
        self.publish(&applied, &in_sources);
        let wanted = applied
            .into_iter()
            .flat_map(|(name, one)| one.load.into_iter().map(move |key| (name.clone(), key)));
        self.begin(wanted.collect());
    }

    /// What every source held when it was last read, by model and by preference.
    fn in_sources(&self) -> BTreeMap<String, Vec<Key>> {
        let mut models: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        for (source, seen) in self.sources.iter().enumerate() {
            for listing in seen.listings.iter().flatten() {
                models.entry(listing.name.clone()).or_default().push(Key {
                    source,
                    version: listing.version.clone(),
                    revision: listing.revision.clone(),
                });
            }
        }
        for held in models.values_mut() {
            *held = preferred(std::mem::take(held));
        }
        models
    }

    /// Which sources could not be read, and why; `None` when all could.
    fn unread(&self) -> Option<String> {
        let unread = self.sources.iter().filter(|seen| seen.listings.is_none());
        let told = unread.map(|seen| match &seen.error {
            Some(reason) => format!("{} cannot be read: {reason}", seen.name),
            None => format!("{} has not answered yet", seen.name),
        });
        let told: Vec<_> = told.collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Why a model that nothing has does not serve; `None` while it may still come.
    fn nowhere(&self) -> Option<String> {
        let has_looked = self.sources.iter().all(|seen| seen.has_looked);
        has_looked.then(|| match self.unread() {
            Some(unread) => format!("{NOWHERE}; {unread}"),
            None => NOWHERE.to_owned(),
        })
    }

    /// Replaces what requests look up.
    fn publish(
        &self,
        applied: &BTreeMap<String, Applied>,
        in_sources: &BTreeMap<String, Vec<Key>>,
    ) {
        let nowhere = self.nowhere();
        let is_known = |name: &String, kept: &Kept| {
            let is_default = *name == self.registry.default;
            let is_somewhere = in_sources.contains_key(name) || !kept.held.is_empty();
            is_default || (is_somewhere && !kept.is_removed)
        };
        let known = self
            .models
            .iter()
            .filter(|(name, kept)| is_known(name, kept));
        let entries = known.map(|(name, kept)| {
            let loading = applied.get(name).map_or(&[][..], |one| &one.load);
            (name.clone(), kept.entry(loading, nowhere.as_deref()))
        });
        let (models, unread) = (entries.collect(), self.unread());
        self.registry
            .replace(|table| *table = Table { models, unread });
    }
}

/// Waits until `due`, or for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Says what a plan changed.
fn tell(name: &str, kept: &Kept, applied: &Applied, metrics: &LifeMetrics) {
    if applied.vanishes {
        let version = kept.stable.as_ref().map(|key| key.version.as_str());
        tracing::warn!(model = %name, version, "version is in its source no more, and goes on serving");
    }
    if let Some((new, old)) = &applied.swapped {
        let (version, before) = (new.live.version(), old.live.version());
        tracing::info!(model = %name, version, before, "version has taken over");
        metrics.swapped(name);
    }
}

//! The owner of all models: the task that decides which versions are loaded, which ones answer and which
//! ones leave memory.
//!
//! Polls of sources, finished loads and commands arrive as messages. After each message every model is
//! planned anew from all that is known, so the result does not depend on the order of the messages.

mod aliases;
mod commands;
mod config;
mod failures;
mod handle;
mod hosted;
mod job;
mod loads;
mod model;
mod source;
mod trials;

pub use config::{KeeperConfig, KeeperParts, NamedStore};
pub use handle::{CommandError, KeeperHandle, Overview, SourceStatus};

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::registry::keeper::aliases::AliasTable;
use crate::registry::keeper::handle::{CommandReply, KeeperCommand};
use crate::registry::keeper::hosted::HostedModels;
use crate::registry::keeper::job::FinishedJob;
use crate::registry::keeper::loads::LoadTarget;
use crate::registry::keeper::model::{ManagedModel, PlanEffects};
use crate::registry::keeper::source::SourceState;
use crate::registry::plan::{VersionKey, sorted_by_preference};
use crate::registry::table::RoutingTable;
use crate::registry::watch::{SourcePoll, SourceWatcher};
use crate::registry::{LifecycleMetrics, Load, NO_SOURCE, Registry};

/// The owner of all models.
#[derive(Debug)]
pub struct Keeper {
    registry: Arc<Registry>,
    load: Arc<Load>,
    config: KeeperConfig,
    metrics: LifecycleMetrics,
    sources: Vec<SourceState>,
    models: BTreeMap<String, ManagedModel>,
    jobs: JoinSet<FinishedJob>,
    /// The versions that are being loaded.
    loading: Vec<LoadTarget>,
    permits: Arc<Semaphore>,
    polls: mpsc::Receiver<SourcePoll>,
    polls_sender: mpsc::Sender<SourcePoll>,
    commands: mpsc::Receiver<KeeperCommand>,
    /// The results of commands, sent once the commands have taken effect.
    pending_replies: Vec<(oneshot::Sender<CommandReply>, Result<(), CommandError>)>,
    handle: KeeperHandle,
    /// The models that a host loads, and that no source has.
    hosted: Option<HostedModels>,
}

/// The versions in the sources, by model and sorted by preference.
type AvailableVersions = BTreeMap<String, Vec<VersionKey>>;

/// The time between two checks of the versions on trial.
const TRIAL_INTERVAL: Duration = Duration::from_millis(500);

impl Keeper {
    /// Creates a keeper. It does nothing until it is [run](Self::run).
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
        let (polls_sender, polls) = mpsc::channel(sources.len().max(1));
        let mut sources: Vec<_> = sources.into_iter().map(SourceState::new).collect();
        let hosted = host.map(|commands| {
            sources.push(SourceState::of_host());
            HostedModels::new(sources.len() - 1, commands)
        });
        let poll_now = sources
            .iter()
            .map(|source| Arc::clone(&source.poll_now))
            .collect();
        let (handle, commands) = KeeperHandle::new(poll_now);
        Self {
            models: configured_models(&config),
            registry,
            load: Arc::new(load),
            permits: Arc::new(Semaphore::new(config.loads.max(1))),
            config,
            metrics,
            sources,
            jobs: JoinSet::new(),
            loading: Vec::new(),
            polls,
            polls_sender,
            commands,
            pending_replies: Vec::new(),
            handle,
            hosted,
        }
    }

    /// Returns a handle that sends commands to the keeper.
    #[must_use]
    pub fn handle(&self) -> KeeperHandle {
        self.handle.clone()
    }

    /// Manages the models for as long as the future is polled.
    pub async fn run(mut self) -> Infallible {
        let _watchers = self.spawn_watchers();
        let registry = Arc::clone(&self.registry);
        loop {
            let due = self.next_due();
            tokio::select! {
                Some(poll) = self.polls.recv() => self.record_poll(poll),
                Some(finished) = self.jobs.join_next(), if !self.jobs.is_empty() => self.finish_job(finished),
                Some(command) = self.commands.recv() => self.execute(command),
                command = HostedModels::next_command(self.hosted.as_mut()) => self.execute_for_host(command),
                () = registry.reload_requests.requested() => self.restore_evicted(),
                () = sleep_until(due) => {}
            }
            self.check_trials();
            self.apply_plans();
            self.send_replies();
        }
    }

    /// Spawns a task that polls each source. The tasks end when the returned set is dropped.
    fn spawn_watchers(&self) -> JoinSet<()> {
        let mut watchers = JoinSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            let Some(store) = &source.store else {
                continue;
            };
            let watcher = SourceWatcher {
                source: index,
                store: Arc::clone(store),
                interval: self.config.watch,
                limit: self.config.list_limit,
                poll_now: Arc::clone(&source.poll_now),
                polls: self.polls_sender.clone(),
            };
            watchers.spawn(watcher.run());
        }
        watchers
    }

    /// Returns the time at which the models have to be planned even if no message arrives.
    fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let is_any_on_trial = self.models.values().any(ManagedModel::is_on_trial);
        self.models
            .values()
            .filter_map(|model| model.failures.next_retry(now))
            .chain(is_any_on_trial.then(|| now + TRIAL_INTERVAL))
            .min()
    }

    fn record_poll(&mut self, poll: SourcePoll) {
        let source = &mut self.sources[poll.source];
        self.metrics
            .record_poll(&source.name, poll.listings.is_ok());
        source.record_poll(poll.listings);
    }

    /// Plans every model anew, and applies the plans.
    fn apply_plans(&mut self) {
        let available = self.available_versions();
        for name in available.keys().chain([&self.registry.default]) {
            self.models.entry(name.clone()).or_default();
        }
        let mut loads: AvailableVersions = BTreeMap::new();
        for (name, model) in &mut self.models {
            let versions = available.get(name).map_or(&[][..], Vec::as_slice);
            let effects = model.apply_plan(versions, self.config.probation);
            report_effects(name, model, &effects, &self.metrics);
            loads.insert(name.clone(), effects.load);
        }
        self.evict_idle();
        self.publish(&loads, &available);
        let targets = loads
            .into_iter()
            .flat_map(|(model, keys)| {
                keys.into_iter().map(move |key| LoadTarget {
                    model: model.clone(),
                    key,
                })
            })
            .collect();
        self.start_loads(targets);
    }

    /// Returns the versions that the sources held when they were last read.
    fn available_versions(&self) -> AvailableVersions {
        let mut models: AvailableVersions = BTreeMap::new();
        for (index, source) in self.sources.iter().enumerate() {
            for listing in source.listings.iter().flatten() {
                models
                    .entry(listing.name.clone())
                    .or_default()
                    .push(VersionKey {
                        source: index,
                        version: listing.version.clone(),
                        revision: listing.revision.clone(),
                    });
            }
        }
        models
            .into_iter()
            .map(|(name, keys)| (name, sorted_by_preference(keys)))
            .collect()
    }

    /// Describes the sources that have not been read, and why. Returns `None` if all were read.
    fn unread_sources(&self) -> Option<String> {
        let descriptions: Vec<_> = self
            .sources
            .iter()
            .filter(|source| source.listings.is_none())
            .map(SourceState::unread_reason)
            .collect();
        (!descriptions.is_empty()).then(|| descriptions.join("; "))
    }

    /// Returns the error of a model that is in no source, or `None` until every source has been polled.
    fn missing_reason(&self) -> Option<String> {
        if self.sources.iter().any(|source| !source.is_polled) {
            return None;
        }
        Some(match self.unread_sources() {
            Some(unread) => format!("{NO_SOURCE}; {unread}"),
            None => NO_SOURCE.to_owned(),
        })
    }

    /// Replaces the table that requests read. `loads` are the versions that each model has to load.
    fn publish(&self, loads: &AvailableVersions, available: &AvailableVersions) {
        let missing_reason = self.missing_reason();
        let is_known = |name: &String, model: &ManagedModel| {
            let is_default = *name == self.registry.default;
            let is_present = available.contains_key(name) || !model.loaded.is_empty();
            is_default || (is_present && !model.is_removed)
        };
        let models = self
            .models
            .iter()
            .filter(|(name, model)| is_known(name, model))
            .map(|(name, model)| {
                let loading = loads.get(name).map_or(&[][..], Vec::as_slice);
                let entry = model.entry(loading, missing_reason.as_deref());
                (name.clone(), entry)
            })
            .collect();
        let unread = self.unread_sources();
        self.registry
            .replace(|table| *table = RoutingTable { models, unread });
    }
}

/// Creates the models for which a route or an alias is configured.
fn configured_models(config: &KeeperConfig) -> BTreeMap<String, ManagedModel> {
    config
        .routes
        .keys()
        .chain(config.aliases.keys())
        .map(|name| {
            let model = ManagedModel {
                route: config.routes.get(name).cloned().unwrap_or_default(),
                aliases: config
                    .aliases
                    .get(name)
                    .map(AliasTable::new)
                    .unwrap_or_default(),
                ..ManagedModel::default()
            };
            (name.clone(), model)
        })
        .collect()
}

/// Waits until `due`, or forever.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Logs and counts the effects of a plan.
fn report_effects(
    name: &str,
    model: &ManagedModel,
    effects: &PlanEffects,
    metrics: &LifecycleMetrics,
) {
    if effects.is_newly_withdrawn {
        let version = model.stable.as_ref().map(|key| key.version.as_str());
        tracing::warn!(model = %name, version, "version was removed from its source and keeps serving");
    }
    if let Some(swap) = &effects.swap {
        let (version, previous) = (swap.new.live.version(), swap.old.live.version());
        tracing::info!(model = %name, version, previous, "version has taken over");
        metrics.count_swap(name);
    }
}

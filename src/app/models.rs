//! The parts that keep models up to date: the loader, the registry, the keeper and its sources.

use std::convert::Infallible;
use std::sync::Arc;

use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::{
    HostCommands, Keeper, KeeperConfig, KeeperHandle, KeeperParts, LifecycleMetrics, Load,
    NamedStore, Records, Registry, Route, Shadows, Share, TrialLimits,
};
use almanac_engine::{EngineConfig, Saturation};
use almanac_net::shutdown::Shutdown;
use almanac_store::{StoreMetrics, StoreOptions};
use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::Checks;
use crate::app::admin::{AdminListener, serve_admin};
use crate::config::{Bytes, Config, RouteConfig};
use crate::cpu::CpuPlan;

/// The parts that [`keep`] needs.
pub(super) struct KeptModels {
    pub(super) config: Config,
    pub(super) plan: CpuPlan,
    pub(super) metrics: prometheus::Registry,
    pub(super) registry: Arc<Registry>,
    pub(super) life: LifecycleMetrics,
    /// The commands of the platform on a multi-model endpoint.
    pub(super) host: Option<HostCommands>,
    pub(super) shutdown: Shutdown,
}

/// Returns the loader of models, which runs them with ONNX Runtime.
pub(super) fn loader(
    config: &Config,
    plan: CpuPlan,
    metrics: &prometheus::Registry,
    saturation: &Saturation,
) -> anyhow::Result<Load> {
    let Checks { reader, opener } = super::checks(config, plan);
    Ok(Load {
        reader,
        opener,
        workers: plan.workers,
        has_session_threads: plan.session_threads > 1,
        engine: EngineConfig {
            queue_steps: config.engine.queue_steps,
            batch_steps: config.engine.batch_steps,
            max_wait: config.engine.max_wait.get(),
        },
        metrics: EngineMetrics::new(metrics)
            .context("registering engine metrics")?
            .with_saturation(saturation.clone()),
    })
}

/// Creates the registry of a server, in which no model is loaded yet.
pub(super) fn registry(
    config: &Config,
    metrics: &prometheus::Registry,
    life: &LifecycleMetrics,
    saturation: Saturation,
) -> anyhow::Result<Arc<Registry>> {
    let models = &config.models;
    let limit = config.server.request_timeout.get();
    let registry = Registry::new(models.default.clone())
        .with_records(Records::new(models.history, Some(life.clone())))
        .with_shadows(Shadows::start(models.shadow_values, limit, life.clone()))
        .with_saturation(saturation);
    registry
        .records()
        .register(metrics)
        .context("registering metrics of versions")?;
    Ok(Arc::new(registry))
}

/// Keeps the models of a registry up to date for as long as it is polled, polls their sources on
/// SIGHUP, and serves the admin API if it is configured.
///
/// # Errors
/// If the admin API cannot listen, or its key cannot be read.
pub(super) async fn keep(models: KeptModels) -> anyhow::Result<Infallible> {
    let KeptModels {
        config,
        plan,
        metrics,
        registry,
        ..
    } = models;
    // Installed before anything is loaded: without a handler, the signal ends the process.
    let hangup = signal(SignalKind::hangup()).context("installing a signal handler")?;
    let admin = AdminListener::bind(&config).await?;
    let keeper = Keeper::new(KeeperParts {
        registry: Arc::clone(&registry),
        load: loader(&config, plan, &metrics, registry.saturation())?,
        sources: open(&config, &metrics)?,
        host: models.host,
        config: keeper_config(&config),
        metrics: models.life,
    });
    let handle = keeper.handle();
    tokio::select! {
        never = keeper.run() => match never {},
        error = serve_admin(admin, registry, handle.clone(), models.shutdown) => Err(error),
        never = poll_on_hangup(hangup, &handle) => match never {},
    }
}

/// Polls every source after each SIGHUP.
async fn poll_on_hangup(mut hangup: Signal, keeper: &KeeperHandle) -> Infallible {
    while hangup.recv().await.is_some() {
        tracing::info!(signal = "SIGHUP", "polling every source");
        keeper.poll_sources();
    }
    std::future::pending().await
}

/// Opens the stores of the configured sources, in their order.
///
/// # Errors
/// If `config` does not allow a source.
pub(super) fn open(
    config: &Config,
    metrics: &prometheus::Registry,
) -> anyhow::Result<Vec<NamedStore>> {
    let options = StoreOptions {
        metrics: StoreMetrics::new(metrics).context("registering metrics of sources")?,
        ..config.store_options()
    };
    config
        .models
        .sources
        .iter()
        .map(|source| {
            Ok(NamedStore {
                name: source.to_string(),
                store: Arc::from(source.open(&options)?),
            })
        })
        .collect()
}

fn keeper_config(config: &Config) -> KeeperConfig {
    let models = &config.models;
    let rollback = &models.rollback;
    let watch = models.watch.get();
    KeeperConfig {
        watch: (!watch.is_zero()).then_some(watch),
        list_limit: models.list_timeout.get(),
        fetch_limit: models.fetch_timeout.get(),
        loads: models.loads,
        probation: models.probation.get(),
        trial: TrialLimits {
            requests: rollback.requests,
            error_rate: rollback.error_rate,
            error_ratio: rollback.error_ratio,
            latency_requests: rollback.latency_requests,
            latency_ratio: rollback.latency_ratio,
            latency_floor: rollback.latency_floor.get(),
        },
        memory_bytes: models.memory.map(Bytes::get),
        routes: models
            .routes
            .iter()
            .map(|(name, config)| (name.clone(), route(config)))
            .collect(),
        aliases: models.aliases.clone(),
        max_aliases: models.max_aliases,
    }
}

fn route(config: &RouteConfig) -> Route {
    let share = |version: &str, share| Share {
        version: version.to_owned(),
        share,
    };
    Route {
        stable: config.stable.clone(),
        canary: config
            .canary
            .as_ref()
            .map(|canary| share(&canary.version, canary.weight)),
        shadow: config
            .shadow
            .as_ref()
            .map(|shadow| share(&shadow.version, shadow.sample)),
    }
}

//! The parts that keep models: the loader, the registry, the keeper and its sources.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::Checks;
use crate::app::admin::{Admin, serve_admin};
use crate::config::{Config, RouteConfig};
use crate::cpu::CpuPlan;
use almanac_engine::metrics::EngineMetrics;
use almanac_engine::registry::{
    HostOrders, Keeper, KeeperConfig, KeeperParts, LifeMetrics, Load, NamedStore, Records,
    Registry, Route, Shadows, Share, TrialLimits,
};
use almanac_engine::{EngineConfig, Saturation};
use almanac_net::shutdown::Shutdown;
use almanac_store::{StoreMetrics, StoreOptions};

/// What loads models, by ONNX Runtime.
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

/// The models of a server, none loaded yet.
pub(super) fn registry(config: &Config, metrics: &LifeMetrics) -> Registry {
    let models = &config.models;
    let limit = config.server.request_timeout.get();
    Registry::new(models.default.clone())
        .with_records(Records::new(models.history, Some(metrics.clone())))
        .with_shadows(Shadows::start(models.shadow_values, limit, metrics.clone()))
}

/// Keeps the models of `registry` for as long as it is polled, looks at their sources at SIGHUP, and
/// serves the admin API where one is configured.
///
/// # Errors
/// When the admin API cannot listen or has no key to read.
pub(super) async fn keep(
    config: Config,
    plan: CpuPlan,
    metrics: prometheus::Registry,
    (registry, life, host): (Arc<Registry>, LifeMetrics, Option<HostOrders>),
    shutdown: Shutdown,
) -> anyhow::Result<Infallible> {
    // Before anything is loaded: without a handler the signal ends the process.
    let mut hangup = signal(SignalKind::hangup()).context("installing a signal handler")?;
    let saturation = registry.saturation().clone();
    let admin = Admin::listen(&config).await?;
    let keeper_config = keeper_config(&config);
    let sources = open(&config, &metrics)?;
    let load = loader(&config, plan, &metrics, &saturation)?;
    let keeper = Keeper::new(KeeperParts {
        registry: Arc::clone(&registry),
        load,
        sources,
        host,
        config: keeper_config,
        metrics: life,
    });
    let handle = keeper.handle();
    let admin = serve_admin(admin, (registry, handle.clone()), shutdown);
    let hangups = async {
        loop {
            if hangup.recv().await.is_none() {
                return std::future::pending::<Infallible>().await;
            }
            tracing::info!(signal = "SIGHUP", "looking at every source");
            handle.look();
        }
    };
    tokio::select! {
        never = keeper.run() => match never {},
        error = admin => Err(error),
        never = hangups => match never {},
    }
}

/// The stores of the configured sources, in their order.
///
/// # Errors
/// When a source is one that `config` does not allow.
pub(super) fn open(
    config: &Config,
    metrics: &prometheus::Registry,
) -> anyhow::Result<Vec<NamedStore>> {
    let options = StoreOptions {
        metrics: StoreMetrics::new(metrics).context("registering metrics of sources")?,
        ..config.store_options()
    };
    let sources = config.models.sources.iter();
    sources
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
        memory_bytes: models.memory.map(crate::config::Bytes::get),
        routes: routes(&models.routes),
        aliases: models.aliases.clone(),
        max_aliases: models.max_aliases,
    }
}

fn routes(configured: &BTreeMap<String, RouteConfig>) -> BTreeMap<String, Route> {
    let share = |version: &str, share| Share {
        version: version.to_owned(),
        share,
    };
    let route = |route: &RouteConfig| Route {
        stable: route.stable.clone(),
        canary: route
            .canary
            .as_ref()
            .map(|canary| share(&canary.version, canary.weight)),
        shadow: route
            .shadow
            .as_ref()
            .map(|shadow| share(&shadow.version, shadow.sample)),
    };
    let routes = configured.iter();
    routes
        .map(|(name, one)| (name.clone(), route(one)))
        .collect()
}

//! The composition root: it builds the running parts from the configuration.
//!
//! This is the only module that names concrete adapters: the runtime that opens graphs, the sources
//! of bundles, and the server.

mod admin;
mod models;
mod sagemaker;
mod telemetry;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use almanac_engine::Saturation;
use almanac_engine::registry::{BundleReader, GraphOpener, LifecycleMetrics, Registry};
use almanac_model::onnx::{OnnxModel, Runtime, adopt};
use almanac_net::shutdown::{DrainTiming, Shutdown};
use almanac_net::{DrainReport, Server, ServerConfig, ServerMetrics};
use almanac_telemetry::logging;
use almanac_telemetry::traces::Tracer;
use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::models::{KeptModels, keep};
use crate::call::CallContext;
use crate::config::Config;
use crate::cpu::{CpuLimits, CpuPlan};
use crate::http::{AppState, AppStateParts, HttpMetrics, Observation, SageMaker};

/// Returns the CPU plan of this process.
#[must_use]
pub fn cpu_plan(config: &Config) -> CpuPlan {
    let limits = CpuLimits::detect(config.platform.ecs_metadata.as_deref());
    CpuPlan::new(limits, config.cpu_overrides())
}

/// Loads the ONNX Runtime that `config` names, or the one that the build provides.
///
/// # Errors
/// If there is none, or it cannot be used.
pub fn runtime(config: &Config) -> anyhow::Result<Runtime> {
    let runtime = Runtime::load(config.platform.ort_library.as_deref())?;
    tracing::debug!(
        library = %runtime.library().display(),
        build = runtime.build_info(),
        "onnx runtime loaded"
    );
    Ok(runtime)
}

/// The checks that a model version must pass before it serves requests.
pub struct Checks {
    /// Reads a bundle from its files.
    pub reader: Box<BundleReader>,
    /// Opens the graph of a bundle, and compares it with the manifest.
    pub opener: Box<GraphOpener>,
}

/// Returns the checks of this program, with the runtime that `config` names.
///
/// The first graph loads the runtime, or waits until [`runtime`] has loaded it in another thread.
#[must_use]
pub fn checks(config: &Config, plan: CpuPlan) -> Checks {
    let library = config.platform.ort_library.clone();
    let threads = plan.session_threads;
    Checks {
        reader: Box::new(|listing, files| Ok(adopt(&listing.name, &listing.version, files)?)),
        opener: Box::new(move |bundle| {
            let model = OnnxModel::new(Runtime::load(library.as_deref())?, Arc::clone(bundle));
            Ok(Arc::new(move || Ok(Box::new(model.open(threads)?))))
        }),
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

/// Loads every model of every source into `registry`.
///
/// Blocks. A model that cannot be loaded is recorded as failed and does not stop the others.
///
/// # Errors
/// If there is no runtime, or a source cannot be read at all.
pub fn load_models(
    config: &Config,
    plan: CpuPlan,
    metrics: &prometheus::Registry,
    registry: &Registry,
) -> anyhow::Result<()> {
    runtime(config)?;
    let load = models::loader(config, plan, metrics, registry.saturation())?;
    for source in models::open(config, metrics)? {
        load.all(&*source.store, &source.name, registry)?;
    }
    registry.finish_startup();
    Ok(())
}

/// Serves until a signal ends the process and the requests in flight are answered.
///
/// The port is bound first, and reports that the server is not ready while models load. `saturation`
/// reports when the models have more work than they can do.
///
/// # Errors
/// If the address cannot be bound, or a part of the server cannot be built.
pub async fn serve(
    config: Config,
    plan: CpuPlan,
    saturation: Saturation,
) -> anyhow::Result<DrainReport> {
    // Loading the library takes as long as loading the first bundle, so it runs in parallel to
    // everything else at startup.
    let loading = config.clone();
    let loading = tokio::task::spawn_blocking(move || runtime(&loading));
    let metrics = prometheus::Registry::new();
    register_process_metrics(&metrics, plan)?;
    let tracer = telemetry::tracer(&config, &metrics)?;
    let shutdown = Shutdown::new(drain_timing(&config));
    let signals = shutdown
        .install_signal_handlers()
        .context("installing signal handlers")?;
    let listener = listen(config.server.listen, plan).await?;
    let life = LifecycleMetrics::new(&metrics).context("registering metrics of models")?;
    let registry = models::registry(&config, &metrics, &life, saturation)?;
    let (sagemaker, host) = sagemaker::contract(&config, &registry);
    let state = app_state(
        &config,
        &metrics,
        ServedParts {
            registry: Arc::clone(&registry),
            sagemaker,
            tracer: tracer.clone(),
            shutdown: shutdown.clone(),
        },
    )?;
    let server_metrics = ServerMetrics::new(&metrics).context("registering server metrics")?;
    let server = Server::new(server_config(&config), shutdown.clone(), server_metrics);
    let emf = telemetry::emf(&config, &metrics)?;
    let keeping = keep(KeptModels {
        config,
        plan,
        metrics,
        registry,
        life,
        host,
        shutdown: shutdown.clone(),
    });
    tokio::spawn(signals);
    let report = tokio::select! {
        report = server.serve(listener, crate::http::router(state)) => Ok(report),
        ended = keeping => match ended {
            Err(error) => Err(error),
            Ok(never) => match never {},
        },
        error = load_failure(loading) => Err(error),
    };
    telemetry::flush(emf, tracer, &shutdown).await;
    report
}

/// The parts that the handlers share with the rest of the server.
struct ServedParts {
    registry: Arc<Registry>,
    sagemaker: SageMaker,
    tracer: Option<Tracer>,
    shutdown: Shutdown,
}

/// Returns the state of the handlers.
fn app_state(
    config: &Config,
    metrics: &prometheus::Registry,
    parts: ServedParts,
) -> anyhow::Result<AppState> {
    Ok(AppState::new(AppStateParts {
        calls: CallContext {
            registry: parts.registry,
            limits: config.request_limits(),
            backtest: config.backtest_limits(),
        },
        max_body: config.server.max_body.get(),
        request_timeout: config.server.request_timeout.get(),
        metrics: HttpMetrics::new(metrics).context("registering http metrics")?,
        all_metrics: metrics.clone(),
        observation: Observation {
            logged: config.log.requests,
            slow: config.log.slow.get(),
            tracer: parts.tracer,
        },
        sagemaker: parts.sagemaker,
        shutdown: parts.shutdown,
    }))
}

/// Returns the error of loading the runtime; waits forever if there is none.
async fn load_failure(loading: JoinHandle<anyhow::Result<Runtime>>) -> anyhow::Error {
    match loading.await {
        Ok(Ok(_runtime)) => std::future::pending().await,
        Ok(Err(error)) => error,
        Err(panicked) => anyhow::Error::new(panicked).context("loading the runtime"),
    }
}

/// Binds the port, and logs its address with the CPU plan.
async fn listen(address: SocketAddr, plan: CpuPlan) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("reading the bound address")?;
    tracing::info!(
        %address,
        version = env!("CARGO_PKG_VERSION"),
        cores = plan.cores,
        bound = %plan.bound,
        runtime_threads = plan.runtime_threads,
        workers = plan.workers,
        session_threads = plan.session_threads,
        "listening"
    );
    Ok(listener)
}

fn drain_timing(config: &Config) -> DrainTiming {
    DrainTiming {
        drain_delay: config.shutdown.drain_delay.get(),
        drain_deadline: config.shutdown.drain_deadline.get(),
    }
}

fn server_config(config: &Config) -> ServerConfig {
    let server = &config.server;
    ServerConfig {
        header_timeout: server.header_timeout.get(),
        idle_timeout: server.idle_timeout.get(),
        body_timeout: server.body_timeout.get(),
        body_deadline: server.body_deadline.get(),
        write_timeout: server.write_timeout.get(),
        max_connections: server.max_connections,
        max_header_bytes: server.max_header_bytes.get(),
        http2_max_streams: server.http2_max_streams,
        http2_ping_interval: server.http2_ping_interval.get(),
        http2_ping_timeout: server.http2_ping_timeout.get(),
    }
}

/// Registers the metrics of the CPU plan, the process and the log.
fn register_process_metrics(metrics: &prometheus::Registry, plan: CpuPlan) -> anyhow::Result<()> {
    plan.export(metrics).context("registering the cpu plan")?;
    // Memory, CPU time, threads and open files of this process.
    #[cfg(target_os = "linux")]
    metrics
        .register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))
        .context("registering process metrics")?;
    logging::register(metrics).context("registering metrics of the log")
}

//! The composition root: configuration to running parts.
//!
//! The only place that names concrete adapters: which runtime opens graphs, which sources hold
//! bundles, which server listens.

mod admin;
mod models;
mod sagemaker;

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::call::CallContext;
use crate::config::Config;
use crate::cpu::{CpuLimits, CpuPlan};
use crate::http::{AppState, AppStateParts, HttpMetrics, Observation, SageMaker};
use almanac_engine::Saturation;
use almanac_engine::registry::{LifeMetrics, Opener, Reader, Registry};
use almanac_model::onnx::{OnnxModel, Runtime, adopt};
use almanac_net::shutdown::{DrainTiming, Phase, Shutdown};
use almanac_net::{DrainReport, Server, ServerConfig, ServerMetrics};
use almanac_telemetry::emf::Emf;
use almanac_telemetry::logging;
use almanac_telemetry::traces::Tracer;

/// The CPU plan of this process under `config`.
#[must_use]
pub fn cpu_plan(config: &Config) -> CpuPlan {
    let limits = CpuLimits::detect(config.platform.ecs_metadata.as_deref());
    CpuPlan::new(limits, config.cpu_overrides())
}

/// The ONNX Runtime that `config` names, or the one that the build provides.
///
/// # Errors
/// When there is none, or it cannot be used.
pub fn runtime(config: &Config) -> anyhow::Result<Runtime> {
    let runtime = Runtime::load(config.platform.ort_library.as_deref())?;
    tracing::debug!(
        library = %runtime.library().display(),
        build = runtime.build_info(),
        "onnx runtime loaded"
    );
    Ok(runtime)
}

/// What a model version must pass before it serves.
pub struct Checks {
    /// Makes a bundle of files.
    pub reader: Box<Reader>,
    /// Opens the graph of a bundle, against its manifest.
    pub opener: Box<Opener>,
}

/// The checks of this program, with the runtime that `config` names.
///
/// The first graph loads it, or waits for [`runtime`] to do so in another thread.
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

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

/// Loads every model of every source into `registry`.
///
/// Blocks; one bad model is recorded as failed and does not stop the others.
///
/// # Errors
/// When there is no runtime, or a source cannot be read at all.
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
    registry.settle();
    Ok(())
}

/// Serves until a signal ends it and what was in flight is answered.
///
/// The port is bound first and says that it is not ready; models load meanwhile. `saturation` says
/// when they have more to do than they can.
///
/// # Errors
/// When the address cannot be bound, or there is nothing to serve with.
pub async fn serve(
    config: Config,
    plan: CpuPlan,
    saturation: Saturation,
) -> anyhow::Result<DrainReport> {
    // Its library takes as long as the first bundle, so it is read beside all else that a start does.
    let loading = config.clone();
    let loading = tokio::task::spawn_blocking(move || runtime(&loading));
    let metrics = prometheus::Registry::new();
    plan.export(&metrics).context("registering the cpu plan")?;
    register_process(&metrics).context("registering process metrics")?;
    logging::register(&metrics).context("registering metrics of the log")?;
    let tracer = tracer(&config, &metrics)?;
    let shutdown = Shutdown::new(DrainTiming {
        drain_delay: config.shutdown.drain_delay.get(),
        drain_deadline: config.shutdown.drain_deadline.get(),
    });
    let signals = shutdown.signals().context("installing signal handlers")?;
    let listener = listen(config.server.listen, plan).await?;
    let life = LifeMetrics::new(&metrics).context("registering metrics of models")?;
    let registry = Arc::new(models::registry(&config, &life).with_saturation(saturation));
    let versions = registry.records().register(&metrics);
    versions.context("registering metrics of versions")?;
    let observation = Observation {
        logged: config.log.requests,
        slow: config.log.slow.get(),
        tracer: tracer.clone(),
    };
    let (sagemaker, host) = sagemaker::contract(&config, &registry);
    let served = (Arc::clone(&registry), sagemaker, shutdown.clone());
    let router = crate::http::router(state(&config, &metrics, observation, served)?);
    let server_metrics = ServerMetrics::new(&metrics).context("registering server metrics")?;
    let server = Server::new(server_config(&config), shutdown.clone(), server_metrics);
    let emf = emf(&config, &metrics)?;
    let kept = (registry, life, host);
    let kept = models::keep(config, plan, metrics, kept, shutdown.clone());
    tokio::spawn(signals);
    let report = tokio::select! {
        report = server.serve(listener, router) => Ok(report),
        ended = kept => match ended {
            Err(error) => Err(error),
            Ok(never) => match never {},
        },
        error = failed(loading) => Err(error),
    };
    tell_the_last(emf, tracer, &shutdown).await;
    report
}

/// Why there is no runtime; never ends when there is one.
async fn failed(loading: JoinHandle<anyhow::Result<Runtime>>) -> anyhow::Error {
    match loading.await {
        Ok(Ok(_runtime)) => std::future::pending().await,
        Ok(Err(error)) => error,
        Err(panicked) => anyhow::Error::new(panicked).context("loading the runtime"),
    }
}

/// What the handlers share.
fn state(
    config: &Config,
    metrics: &prometheus::Registry,
    observation: Observation,
    (registry, sagemaker, shutdown): (Arc<Registry>, SageMaker, Shutdown),
) -> anyhow::Result<AppState> {
    Ok(AppState::new(AppStateParts {
        calls: CallContext {
            registry,
            limits: config.request_limits(),
            backtest: config.backtest_limits(),
        },
        max_body: config.server.max_body.get(),
        request_timeout: config.server.request_timeout.get(),
        metrics: HttpMetrics::new(metrics).context("registering http metrics")?,
        all_metrics: metrics.clone(),
        observation,
        sagemaker,
        shutdown,
    }))
}

/// What sends traces, where `config` names a collector.
fn tracer(config: &Config, metrics: &prometheus::Registry) -> anyhow::Result<Option<Tracer>> {
    let Some(traces) = config.traces.to_config() else {
        return Ok(None);
    };
    let tracer = Tracer::start(&traces, metrics).context("starting traces")?;
    tracing::info!(endpoint = %traces.endpoint, sample_ratio = traces.sample_ratio, "traces are sent");
    Ok(Some(tracer))
}

/// What writes metrics for CloudWatch, where `config` asks for them.
fn emf(config: &Config, metrics: &prometheus::Registry) -> anyhow::Result<Option<Emf>> {
    let service = config.traces.service.as_deref();
    let Some(emf) = config.emf.to_config(service, crate::http::ROUTINE) else {
        return Ok(None);
    };
    tracing::info!(
        namespace = emf.namespace,
        service = emf.service,
        interval_seconds = emf.interval.as_secs_f64(),
        "metrics are written"
    );
    // Not behind the lock of the process's own standard output: a reader that stops reading would hold
    // up whoever takes it next, and that is the end of the process.
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let mut output = File::from(output.context("opening standard output")?);
    // Nobody can be told that nobody listens.
    let write = move |lines: &str| drop(output.write_all(lines.as_bytes()));
    let emf = Emf::start(emf, metrics.clone(), write).context("starting to write metrics")?;
    Ok(Some(emf))
}

/// Writes the last metrics and sends the last traces, where there are any.
async fn tell_the_last(emf: Option<Emf>, tracer: Option<Tracer>, shutdown: &Shutdown) {
    if let Some(emf) = emf {
        write_last_metrics(emf).await;
    }
    if let Some(tracer) = tracer {
        send_last_traces(tracer, shutdown).await;
    }
}

/// Writes what happened since the last line, unless nobody reads it.
async fn write_last_metrics(emf: Emf) {
    let flushed = tokio::task::spawn_blocking(move || emf.flush(Duration::from_secs(1))).await;
    if !flushed.unwrap_or(false) {
        tracing::warn!("the last metrics were not written");
    }
}

/// Sends what waits, within what is left of the drain deadline. At the deadline itself a collector
/// that works still has time to take the last message, for one lasts milliseconds.
async fn send_last_traces(tracer: Tracer, shutdown: &Shutdown) {
    let left = shutdown.deadline().map_or(Duration::ZERO, |deadline| {
        deadline.saturating_duration_since(tokio::time::Instant::now())
    });
    let left = match shutdown.phase() {
        Phase::Forced => Duration::ZERO,
        Phase::Running | Phase::NotReady | Phase::Draining => left,
    };
    let patience = left.clamp(Duration::from_millis(500), Duration::from_secs(5));
    let flushed = tokio::task::spawn_blocking(move || tracer.flush(patience)).await;
    if !flushed.unwrap_or(false) {
        tracing::warn!("the last traces were not sent");
    }
}

/// Binds the port, and says so with the plan.
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

fn server_config(config: &Config) -> ServerConfig {
    let server = &config.server;
    ServerConfig {
        header_timeout: server.header_timeout.get(),
        body_timeout: server.body_timeout.get(),
        idle_timeout: server.idle_timeout.get(),
        max_connections: server.max_connections,
        ..ServerConfig::default()
    }
}

/// Memory, CPU time, threads and open files of this process, on Linux.
#[cfg(target_os = "linux")]
fn register_process(metrics: &prometheus::Registry) -> prometheus::Result<()> {
    use prometheus::process_collector::ProcessCollector;
    metrics.register(Box::new(ProcessCollector::for_self()))
}

#[cfg(not(target_os = "linux"))]
fn register_process(_metrics: &prometheus::Registry) -> prometheus::Result<()> {
    Ok(())
}

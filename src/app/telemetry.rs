//! The traces, and the metrics for CloudWatch.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::time::Duration;

use almanac_net::shutdown::{Shutdown, ShutdownPhase};
use almanac_telemetry::emf::Emf;
use almanac_telemetry::traces::Tracer;
use anyhow::Context as _;
use tokio::time::Instant;

use crate::config::Config;

/// Starts to send traces, if `config` names a collector.
pub(super) fn tracer(
    config: &Config,
    metrics: &prometheus::Registry,
) -> anyhow::Result<Option<Tracer>> {
    let Some(traces) = config.traces.to_config() else {
        return Ok(None);
    };
    let tracer = Tracer::start(&traces, metrics).context("starting traces")?;
    tracing::info!(endpoint = %traces.endpoint, sample_ratio = traces.sample_ratio, "traces are sent");
    Ok(Some(tracer))
}

/// Starts to write metrics for CloudWatch, if `config` enables them.
pub(super) fn emf(config: &Config, metrics: &prometheus::Registry) -> anyhow::Result<Option<Emf>> {
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
    // A copy of the descriptor, because a reader that stops reading would block the lock of the
    // process's own standard output, which the end of the process takes.
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let mut output = File::from(output.context("opening standard output")?);
    // There is no one to report a closed standard output to.
    let write = move |lines: &str| drop(output.write_all(lines.as_bytes()));
    let emf = Emf::start(emf, metrics.clone(), write).context("starting to write metrics")?;
    Ok(Some(emf))
}

/// Writes the last metrics and sends the last traces.
pub(super) async fn flush(emf: Option<Emf>, tracer: Option<Tracer>, shutdown: &Shutdown) {
    if let Some(emf) = emf {
        flush_metrics(emf).await;
    }
    if let Some(tracer) = tracer {
        flush_traces(tracer, shutdown).await;
    }
}

/// Writes the metrics since the last line, unless standard output is not read.
async fn flush_metrics(emf: Emf) {
    let flushed = tokio::task::spawn_blocking(move || emf.flush(Duration::from_secs(1))).await;
    if !flushed.unwrap_or(false) {
        tracing::warn!("the last metrics were not written");
    }
}

/// Sends the traces that wait, within the time until the drain deadline. At the deadline itself, a
/// collector that works still has time for the last message, which takes milliseconds.
async fn flush_traces(tracer: Tracer, shutdown: &Shutdown) {
    let remaining = match shutdown.phase() {
        ShutdownPhase::Forced => Duration::ZERO,
        ShutdownPhase::Running | ShutdownPhase::NotReady | ShutdownPhase::Draining => {
            shutdown.deadline().map_or(Duration::ZERO, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            })
        }
    };
    let timeout = remaining.clamp(Duration::from_millis(500), Duration::from_secs(5));
    let flushed = tokio::task::spawn_blocking(move || tracer.flush(timeout)).await;
    if !flushed.unwrap_or(false) {
        tracing::warn!("the last traces were not sent");
    }
}

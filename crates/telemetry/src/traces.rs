//! Traces of requests, sent to a collector over OTLP.
//!
//! Nothing is recorded while a request runs. A background thread creates its spans afterwards, from
//! the times that the response reports anyway, and sends them: a request pays for one copy into a
//! bounded queue. A slow or missing collector loses spans and has no other effect. This module is
//! the only one that uses OpenTelemetry's crates.

mod context;
mod endpoint;
mod export;
mod span;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{SpanId, TraceId};
use prometheus::{IntCounter, IntCounterVec, Opts};
use thiserror::Error;

use crate::outbox::{Outbox, PutOutcome};
use crate::traces::export::Exporter;

pub use crate::traces::context::{SpanIdentity, TraceContext};
pub use crate::traces::endpoint::{Endpoint, EndpointError};
pub use crate::traces::span::{PhaseSpan, RequestSpan};

/// The time for which spans are collected before they are sent, as in OpenTelemetry's batch
/// processors.
const COLLECT_INTERVAL: Duration = Duration::from_secs(5);

/// The maximum number of requests whose spans are sent in one message, so that a message has at
/// most a few hundred kilobytes.
const MAX_BATCH: usize = 256;

/// The configuration of traces.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// The address of the collector.
    pub endpoint: Endpoint,
    /// The share of traces begun here that are recorded, from 0 to 1.
    pub sample_ratio: f64,
    /// The name of the service. `None` leaves it to `OTEL_RESOURCE_ATTRIBUTES`.
    pub service: Option<String>,
    /// The maximum number of requests whose spans wait to be sent.
    pub queue: usize,
}

/// The error returned when the tracer cannot be started.
#[derive(Debug, Error)]
pub enum TracesError {
    /// A metric is already registered.
    #[error("cannot register the metrics of traces: {0}")]
    Metrics(#[from] prometheus::Error),
    /// OpenTelemetry rejects the configuration, which includes its own environment variables.
    #[error("cannot create the span exporter: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The thread that sends spans cannot be started.
    #[error("cannot start the traces thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A tracer, which decides which requests are recorded, and queues their spans.
#[derive(Clone, Debug)]
pub struct Tracer {
    outbox: Arc<Outbox<Vec<RequestSpan>>>,
    /// A trace is recorded if its id, as a number of 63 bits, is below this value.
    threshold: u64,
    queue: usize,
    dropped: IntCounter,
}

/// The numbers of spans, by outcome.
#[derive(Clone, Debug)]
pub(super) struct SpanMetrics {
    pub(super) exported: IntCounter,
    pub(super) failed: IntCounter,
    dropped: IntCounter,
}

impl SpanMetrics {
    fn new(registry: &prometheus::Registry) -> prometheus::Result<Self> {
        let spans = IntCounterVec::new(
            Opts::new("almanac_traces_spans_total", "Recorded spans, by outcome."),
            &["outcome"],
        )?;
        registry.register(Box::new(spans.clone()))?;
        Ok(Self {
            exported: spans.with_label_values(&["exported"]),
            failed: spans.with_label_values(&["failed"]),
            dropped: spans.with_label_values(&["dropped"]),
        })
    }
}

impl Tracer {
    /// Starts the thread that sends spans. It connects to the collector with the first spans.
    ///
    /// # Errors
    /// Returns [`TracesError`] if the configuration is invalid, a metric is already registered, or
    /// the thread cannot be started.
    pub fn start(
        config: &TracesConfig,
        registry: &prometheus::Registry,
    ) -> Result<Self, TracesError> {
        let metrics = SpanMetrics::new(registry)?;
        let dropped = metrics.dropped.clone();
        let mut exporter = Exporter::new(config, metrics)?;
        let outbox = Outbox::start(
            "traces",
            COLLECT_INTERVAL,
            move |requests: &mut Vec<RequestSpan>| {
                while !requests.is_empty() {
                    let n_requests = requests.len().min(MAX_BATCH);
                    exporter.export(requests.drain(..n_requests));
                }
            },
        )?;
        Ok(Self {
            outbox,
            threshold: threshold(config.sample_ratio),
            queue: config.queue,
            dropped,
        })
    }

    /// Returns the identity of a request with the given `context`, or `None` if it is not recorded.
    ///
    /// The system that began the trace decides. If it left the decision open, a share of the traces
    /// is recorded, selected by the trace id so that every service selects the same.
    #[must_use]
    pub fn admit(&self, context: Option<TraceContext>) -> Option<SpanIdentity> {
        let context = context.unwrap_or_else(TraceContext::begin);
        let is_sampled = context
            .sampled
            .unwrap_or_else(|| is_below(context.trace_id, self.threshold));
        is_sampled.then(|| SpanIdentity {
            trace_id: context.trace_id,
            span_id: random_span_id(),
            parent: context.parent,
            state: context.state,
        })
    }

    /// Queues the spans of a request, or drops them if the queue is full.
    pub fn record(&self, request: RequestSpan) {
        let n_spans = request.n_spans();
        let outcome = self.outbox.put(|queued| {
            if queued.len() >= self.queue {
                return PutOutcome::Rejected;
            }
            queued.push(request);
            if queued.len() >= MAX_BATCH.min(self.queue) {
                PutOutcome::Urgent
            } else {
                PutOutcome::Queued
            }
        });
        if outcome == PutOutcome::Rejected {
            self.dropped.inc_by(n_spans);
        }
    }

    /// Waits for up to `timeout` until the queued spans were sent, and returns true if they were.
    /// Blocks.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        self.outbox.flush(timeout)
    }
}

/// Returns the bound below which a share of `ratio` of all trace ids lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a ratio from 0 to 1 gives a bound from 0 to 2^63, and the conversion saturates"
)]
fn threshold(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64
}

/// Returns true if the trace is sampled, as OpenTelemetry's `TraceIdRatioBased` sampler decides.
fn is_below(trace_id: TraceId, threshold: u64) -> bool {
    let bytes = trace_id.to_bytes();
    let low = bytes[8..]
        .iter()
        .fold(0, |low, byte| low << 8 | u64::from(*byte));
    low >> 1 < threshold
}

/// Returns a random span id, which is never 0, the invalid id.
fn random_span_id() -> SpanId {
    SpanId::from_bytes(rand::random::<u64>().max(1).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_records_its_share_of_traces() {
        assert_eq!((threshold(0.0), threshold(1.0)), (0, 1 << 63));
        let n_recorded = |ratio| {
            (0..10_000)
                .filter(|_| is_below(TraceContext::begin().trace_id, threshold(ratio)))
                .count()
        };
        assert_eq!((n_recorded(0.0), n_recorded(1.0)), (0, 10_000));
        // Ten standard deviations of a binomial with n = 10,000 and p = 0.25 are 433.
        assert!(n_recorded(0.25).abs_diff(2_500) < 433);
    }

    /// Returns a tracer whose collector is a port without a listener.
    fn tracer(sample_ratio: f64) -> Tracer {
        let config = TracesConfig {
            endpoint: "http://127.0.0.1:9".parse().unwrap(),
            sample_ratio,
            service: None,
            queue: 2,
        };
        Tracer::start(&config, &prometheus::Registry::new()).unwrap()
    }

    #[test]
    fn the_sampling_decision_of_the_context_is_respected() {
        let context = |sampled| TraceContext {
            sampled,
            ..TraceContext::begin()
        };
        for (ratio, sampled, expected) in [
            (0.0, Some(true), true),
            (0.0, None, false),
            (1.0, Some(false), false),
            (1.0, None, true),
        ] {
            let identity = tracer(ratio).admit(Some(context(sampled)));
            assert_eq!(identity.is_some(), expected, "{ratio} {sampled:?}");
        }
        assert!(tracer(1.0).admit(None).is_some());
        assert!(tracer(0.0).admit(None).is_none());
    }
}

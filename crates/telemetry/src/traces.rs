//! Traces of requests, sent to a collector over OTLP.
//!
//! Nothing is recorded while a request runs. Its spans are made afterwards, from the times that its
//! answer tells anyway, by a thread of their own, which also sends them: a request pays for one copy
//! into a bounded queue. A collector that is slow or gone costs spans and nothing else. This module
//! is the only one that knows OpenTelemetry's crates.

mod context;
mod endpoint;
mod export;
mod span;

pub use context::{Identity, TraceContext};
pub use endpoint::{Endpoint, EndpointError};
pub use span::{Phase, RequestSpan};

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{SpanId, TraceId};
use prometheus::{IntCounter, IntCounterVec, Opts};
use thiserror::Error;

use crate::outbox::{Outbox, Put};
use crate::traces::export::Exporter;

/// How long spans are collected before they are sent, as OpenTelemetry's batch processors do.
const COLLECT: Duration = Duration::from_secs(5);

/// Requests whose spans are sent at once, so that one message holds at most a few hundred kilobytes.
const BATCH: usize = 256;

/// What is needed to send traces.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// Where they go.
    pub endpoint: Endpoint,
    /// The share, from 0 to 1, of traces begun here that are recorded.
    pub sample_ratio: f64,
    /// The name of the service; none leaves it to `OTEL_RESOURCE_ATTRIBUTES`.
    pub service: Option<String>,
    /// Requests whose spans may wait to be sent.
    pub queue: usize,
}

/// Why traces cannot be sent.
#[derive(Debug, Error)]
pub enum TracesError {
    /// A metric is registered already.
    #[error("registering metrics of traces: {0}")]
    Metrics(#[from] prometheus::Error),
    /// OpenTelemetry refuses the configuration, which includes variables of its own.
    #[error("{0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The system gives no thread.
    #[error("no thread to send traces: {0}")]
    Thread(#[from] std::io::Error),
}

/// Decides which requests are recorded, and takes their spans.
#[derive(Clone, Debug)]
pub struct Tracer {
    outbox: Arc<Outbox<Vec<RequestSpan>>>,
    /// Traces whose identifier, as a number of 63 bits, is below this are recorded.
    threshold: u64,
    queue: usize,
    dropped: IntCounter,
}

/// What became of spans.
#[derive(Clone, Debug)]
pub(super) struct SpanMetrics {
    pub(super) exported: IntCounter,
    pub(super) failed: IntCounter,
    dropped: IntCounter,
}

impl SpanMetrics {
    fn new(registry: &prometheus::Registry) -> prometheus::Result<Self> {
        let spans = IntCounterVec::new(
            Opts::new(
                "almanac_traces_spans_total",
                "Spans recorded, by what became of them.",
            ),
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
    /// Starts the thread that sends. Connects to nothing before there is something to send.
    ///
    /// # Errors
    /// [`TracesError`] when the configuration makes no exporter, or there is no thread.
    pub fn start(
        config: &TracesConfig,
        registry: &prometheus::Registry,
    ) -> Result<Self, TracesError> {
        let metrics = SpanMetrics::new(registry)?;
        let dropped = metrics.dropped.clone();
        let mut exporter = Exporter::new(config, metrics)?;
        let outbox = Outbox::start("traces", COLLECT, move |requests: &mut Vec<RequestSpan>| {
            while !requests.is_empty() {
                let batch = requests.drain(..requests.len().min(BATCH));
                exporter.export(batch);
            }
        })?;
        Ok(Self {
            outbox,
            threshold: threshold(config.sample_ratio),
            queue: config.queue,
            dropped,
        })
    }

    /// The place in a trace of a request that came with `context`; none when it is not recorded.
    ///
    /// Whoever began the trace decides. Where nobody has, a share is recorded, chosen by the
    /// trace's identifier so that every service chooses the same.
    #[must_use]
    pub fn admit(&self, context: Option<TraceContext>) -> Option<Identity> {
        let context = context.unwrap_or_else(TraceContext::begin);
        let is_sampled = context
            .sampled
            .unwrap_or_else(|| is_below(context.trace_id, self.threshold));
        is_sampled.then(|| Identity {
            trace_id: context.trace_id,
            span_id: random_span_id(),
            parent: context.parent,
            state: context.state,
        })
    }

    /// Takes the spans of a request, or drops them when too many wait.
    pub fn record(&self, request: RequestSpan) {
        let n_spans = request.n_spans();
        let put = self.outbox.put(|waiting| {
            if waiting.len() >= self.queue {
                return Put::Refused;
            }
            waiting.push(request);
            if waiting.len() >= BATCH.min(self.queue) {
                Put::Urgent
            } else {
                Put::Kept
            }
        });
        if put == Put::Refused {
            self.dropped.inc_by(n_spans);
        }
    }

    /// Sends what waits, for at most `patience`. Whether nothing is left. Blocks.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        self.outbox.flush(patience)
    }
}

/// The bound below which a share of `ratio` of all identifiers lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a ratio from 0 to 1 gives a bound from 0 to 2^63, and the conversion saturates"
)]
fn threshold(ratio: f64) -> u64 {
    (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64
}

/// OpenTelemetry's `TraceIdRatioBased` sampler.
fn is_below(trace_id: TraceId, threshold: u64) -> bool {
    let bytes = trace_id.to_bytes();
    let (_, low) = bytes.split_at(8);
    let low = low.iter().fold(0, |low, byte| low << 8 | u64::from(*byte));
    low >> 1 < threshold
}

/// Random and never 0, which means none.
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
            let all = 0..10_000;
            all.filter(|_| is_below(TraceContext::begin().trace_id, threshold(ratio)))
                .count()
        };
        assert_eq!((n_recorded(0.0), n_recorded(1.0)), (0, 10_000));
        // Ten standard deviations of a binomial with n = 10,000 and p = 0.25 are 433.
        assert!(n_recorded(0.25).abs_diff(2_500) < 433);
    }

    /// A tracer towards a port on which nobody listens.
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
    fn whoever_began_a_trace_decides_whether_it_is_recorded() {
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
            let admitted = tracer(ratio).admit(Some(context(sampled)));
            assert_eq!(admitted.is_some(), expected, "{ratio} {sampled:?}");
        }
        assert!(tracer(1.0).admit(None).is_some());
        assert!(tracer(0.0).admit(None).is_none());
    }
}

//! The spans of a request: one of the server, and below it one for each phase.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::traces::{Identity, random_span_id};

/// A request that has been answered. Names are those of the semantic conventions for HTTP spans.
#[derive(Clone, Debug)]
pub struct RequestSpan {
    /// Its place in a trace.
    pub identity: Identity,
    /// When its head was read.
    pub started: Instant,
    /// When its answer was ready.
    pub ended: Instant,
    /// One of the methods that are known, or `_OTHER`.
    pub method: &'static str,
    /// The pattern of its path; none when there is no such route.
    pub route: Option<String>,
    /// Its path.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The stable code of the problem, or empty.
    pub code: &'static str,
    /// Who sent it.
    pub peer: Option<SocketAddr>,
    /// Its id, as it is logged.
    pub request_id: String,
    /// The model that answered.
    pub model: Option<String>,
    /// How many series it had.
    pub n_series: Option<usize>,
    /// Where its time went.
    pub phases: Vec<Phase>,
}

/// A part of a request's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What was done.
    pub name: &'static str,
    /// When it began.
    pub started: Instant,
    /// How long it took.
    pub duration: Duration,
}

/// Turns instants into the time of day, all by the same reading of the clock, so that spans that
/// nest still do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    instant: Instant,
    since_epoch: Duration,
}

impl Clock {
    pub(super) fn now() -> Self {
        let now = Timestamp::now().duration_since(Timestamp::UNIX_EPOCH);
        Self {
            instant: Instant::now(),
            since_epoch: now.unsigned_abs(),
        }
    }

    fn since_epoch(self, instant: Instant) -> Duration {
        let ago = self.instant.saturating_duration_since(instant);
        self.since_epoch.saturating_sub(ago)
    }
}

impl RequestSpan {
    /// Spans of this request.
    pub(super) fn n_spans(&self) -> u64 {
        1 + u64::try_from(self.phases.len()).unwrap_or(0)
    }

    /// The spans as OpenTelemetry's exporters take them.
    pub(super) fn into_data(
        self,
        clock: Clock,
        scope: &InstrumentationScope,
    ) -> impl Iterator<Item = SpanData> {
        let attributes = self.attributes();
        let Self {
            identity,
            method,
            route,
            phases,
            status,
            ..
        } = self;
        let state = identity
            .state
            .and_then(|state| state.parse::<TraceState>().ok());
        let state = state.unwrap_or_default();
        let context = |span_id| {
            let flags = TraceFlags::SAMPLED;
            SpanContext::new(identity.trace_id, span_id, flags, false, state.clone())
        };
        let data = |span_id, parent_span_id, from: Instant, to: Instant| SpanData {
            start_time: UNIX_EPOCH + clock.since_epoch(from),
            end_time: UNIX_EPOCH + clock.since_epoch(to),
            ..internal(context(span_id), parent_span_id, scope)
        };
        let parent = identity.parent.unwrap_or(SpanId::INVALID);
        let mut spans = Vec::with_capacity(1 + phases.len());
        spans.push(SpanData {
            parent_span_is_remote: identity.parent.is_some(),
            span_kind: SpanKind::Server,
            name: match route {
                Some(route) => Cow::Owned(format!("{method} {route}")),
                None => Cow::Borrowed(method),
            },
            attributes,
            // By the conventions a 4xx is the client's error, not the server's.
            status: if status >= 500 {
                Status::error("")
            } else {
                Status::Unset
            },
            ..data(identity.span_id, parent, self.started, self.ended)
        });
        spans.extend(phases.into_iter().map(|phase| SpanData {
            name: Cow::Borrowed(phase.name),
            ..data(
                random_span_id(),
                identity.span_id,
                phase.started,
                phase.started + phase.duration,
            )
        }));
        spans.into_iter()
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("http.request.method", self.method),
            KeyValue::new("url.path", self.path.clone()),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("http.response.status_code", i64::from(self.status)),
            KeyValue::new("almanac.request_id", self.request_id.clone()),
        ];
        let route = self.route.clone();
        attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
        if let Some(peer) = self.peer {
            attributes.push(KeyValue::new("client.address", peer.ip().to_string()));
            attributes.push(KeyValue::new("client.port", i64::from(peer.port())));
        }
        if !self.code.is_empty() {
            attributes.push(KeyValue::new("error.type", self.code));
        }
        let model = self.model.clone();
        attributes.extend(model.map(|model| KeyValue::new("almanac.model", model)));
        let n_series = self.n_series.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        attributes.extend(n_series.map(|n| KeyValue::new("almanac.series", n)));
        attributes
    }
}

/// A span inside the server, without a name or a time.
fn internal(
    span_context: SpanContext,
    parent_span_id: SpanId,
    scope: &InstrumentationScope,
) -> SpanData {
    SpanData {
        span_context,
        parent_span_id,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed(""),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: scope.clone(),
    }
}

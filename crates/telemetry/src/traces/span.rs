//! The spans of a request: a server span, and a child span for each phase.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::traces::{SpanIdentity, random_span_id};

/// An answered request. The fields follow the semantic conventions for HTTP spans.
#[derive(Clone, Debug)]
pub struct RequestSpan {
    /// The identity of the request in its trace.
    pub identity: SpanIdentity,
    /// The time at which its head was read.
    pub started: Instant,
    /// The time at which its response was ready.
    pub ended: Instant,
    /// The method, or `_OTHER` for an unknown one.
    pub method: &'static str,
    /// The pattern of the route, if one matched.
    pub route: Option<String>,
    /// The path of the request.
    pub path: String,
    /// The status code of the response.
    pub status: u16,
    /// The error code, or an empty text.
    pub code: &'static str,
    /// The address of the client.
    pub peer: Option<SocketAddr>,
    /// The request id, as in the log.
    pub request_id: String,
    /// The model that answered the request.
    pub model: Option<String>,
    /// The number of series in the request.
    pub n_series: Option<usize>,
    /// The phases of the request.
    pub phases: Vec<PhaseSpan>,
}

/// A phase of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    /// The name of the phase.
    pub name: &'static str,
    /// The time at which the phase began.
    pub started: Instant,
    /// The duration of the phase.
    pub duration: Duration,
}

/// A conversion of instants to the time of day. One reading of the clock is used for all spans, so
/// that nested spans stay nested.
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
        let age = self.instant.saturating_duration_since(instant);
        self.since_epoch.saturating_sub(age)
    }
}

impl RequestSpan {
    /// Returns the number of spans of this request.
    pub(super) fn n_spans(&self) -> u64 {
        1 + u64::try_from(self.phases.len()).unwrap_or(0)
    }

    /// Converts the request to spans for OpenTelemetry's exporters.
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
            .and_then(|state| state.parse::<TraceState>().ok())
            .unwrap_or_default();
        let context = |span_id| {
            let flags = TraceFlags::SAMPLED;
            SpanContext::new(identity.trace_id, span_id, flags, false, state.clone())
        };
        let span = |span_id, parent_span_id, started: Instant, ended: Instant| SpanData {
            start_time: UNIX_EPOCH + clock.since_epoch(started),
            end_time: UNIX_EPOCH + clock.since_epoch(ended),
            ..unnamed_span(context(span_id), parent_span_id, scope)
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
            status: span_status(status),
            ..span(identity.span_id, parent, self.started, self.ended)
        });
        spans.extend(phases.into_iter().map(|phase| SpanData {
            name: Cow::Borrowed(phase.name),
            ..span(
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

/// Returns the status of a span. In the conventions a 4xx is an error of the client, not of the
/// server.
fn span_status(status: u16) -> Status {
    if status >= 500 {
        Status::error("")
    } else {
        Status::Unset
    }
}

/// Returns an internal span without a name and times.
fn unnamed_span(
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

//! Observation of every request: its id, its metrics, its log line, its spans.

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tower::Service;

use crate::call::CallCode;
use crate::http::layers::metrics::{CountedResponse, InFlight, RouteTable};
use crate::http::layers::observation::{Observation, ROUTINE};
use crate::http::layers::timing::{Phases, server_timing};
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use almanac_telemetry::logging::LoggedRequests;

use almanac_telemetry::traces::{RequestSpan, SpanIdentity, TraceContext};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const AMAZON_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The route label of a request that no route matches.
const NO_ROUTE: &str = "other";

/// The shared state of the layer.
#[derive(Debug)]
pub(in crate::http) struct Observer {
    state: AppState,
    routes: RouteTable,
}

impl Observer {
    /// Creates the observer of a service with routes of these patterns.
    pub(in crate::http) fn new<'a>(
        state: &AppState,
        patterns: impl Iterator<Item = &'a str>,
    ) -> Self {
        let patterns = patterns.chain([NO_ROUTE]).map(str::to_owned);
        Self {
            routes: state.metrics.routes(patterns),
            state: state.clone(),
        }
    }
}

/// Observes the requests of a service, and responds for a handler that panics.
#[derive(Clone, Debug)]
pub(in crate::http) struct Observe<S> {
    pub(in crate::http) observer: Arc<Observer>,
    pub(in crate::http) inner: S,
}

impl<S> Service<Request> for Observe<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Observed<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let seen = ObservedRequest::new(&self.observer, &request);
        Observed {
            answer: self.inner.call(request),
            seen: Some(seen),
        }
    }
}

pin_project! {
    /// The future of an observed response.
    #[derive(Debug)]
    pub(in crate::http) struct Observed<F> {
        #[pin]
        answer: F,
        seen: Option<ObservedRequest>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Observed<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| this.answer.poll(cx)));
        let mut response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => response,
            Ok(Poll::Ready(Err(never))) => match never {},
            Err(panic) => answer_panic(panic.as_ref()),
        };
        if let Some(seen) = this.seen.take() {
            seen.answered(&mut response);
        }
        Poll::Ready(Ok(response))
    }
}

/// A request without a response. Dropped with the future when the client disconnects.
#[derive(Debug)]
struct ObservedRequest {
    started: Instant,
    method: Method,
    route: Option<MatchedPath>,
    peer: Option<SocketAddr>,
    id: HeaderValue,
    context: Option<TraceContext>,
    recorded: Option<Recorded>,
    /// Counts the request until it is dropped.
    _in_flight: InFlight,
    observer: Arc<Observer>,
}

/// The identity of a request that is traced.
#[derive(Debug)]
struct Recorded {
    identity: SpanIdentity,
    path: String,
}

/// The outcome of a request.
struct RequestOutcome {
    status: u16,
    /// The code of the problem; empty if there is none.
    code: &'static str,
    ended: Instant,
    duration: Duration,
}

impl ObservedRequest {
    fn new(observer: &Arc<Observer>, request: &Request) -> Self {
        let started = Instant::now();
        let state = &observer.state;
        let (headers, extensions) = (request.headers(), request.extensions());
        // The pattern and not the path, so that clients cannot invent label values.
        let route = extensions.get::<MatchedPath>().cloned();
        let context = trace_context(headers);
        let tracer = state.observation.tracer.as_ref();
        let recorded = tracer
            .filter(|_| !is_routine(route.as_ref()))
            .and_then(|tracer| tracer.admit(context.clone()))
            .map(|identity| Recorded {
                identity,
                path: request.uri().path().to_owned(),
            });
        Self {
            started,
            method: request.method().clone(),
            route,
            peer: extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|ConnectInfo(peer)| *peer),
            id: request_id(headers),
            context,
            recorded,
            _in_flight: state.metrics.in_flight(),
            observer: Arc::clone(observer),
        }
    }

    fn answered(self, response: &mut Response) {
        let ended = Instant::now();
        let duration = ended.saturating_duration_since(self.started);
        let metrics = &self.observer.state.metrics;
        let phases = response.extensions_mut().remove::<Phases>();
        if let Some(phases) = &phases {
            metrics.passed(phases);
        }
        let headers = response.headers_mut();
        headers.insert(SERVER_TIMING, server_timing(phases.as_ref(), duration));
        headers.insert(REQUEST_ID, self.id.clone());
        let status = response.status();
        let code = response.extensions().get::<Code>().copied();
        self.observer.routes.answered(&CountedResponse {
            method: &self.method,
            pattern: self.route(),
            status,
            code,
            duration,
        });
        let outcome = RequestOutcome {
            status: status.as_u16(),
            code: code.map_or("", Code::as_str),
            ended,
            duration,
        };
        self.log(&outcome);
        self.trace(&outcome, phases.as_ref());
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str)
    }

    fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    fn log(&self, answer: &RequestOutcome) {
        let &RequestOutcome {
            status,
            code,
            duration,
            ..
        } = answer;
        let recorded = self.recorded.as_ref();
        let trace_id = recorded
            .map(|recorded| recorded.identity.trace_id)
            .or_else(|| self.context.as_ref().map(|context| context.trace_id))
            .map(tracing::field::display);
        let (method, route, id) = (self.method.as_str(), self.route(), self.id());
        let seconds = duration.as_secs_f64();
        let peer = self.peer.map(tracing::field::display);
        // The level of an event is part of its call site, hence the macro.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    route,
                    status,
                    code,
                    duration_seconds = seconds,
                    request_id = id,
                    trace_id,
                    peer,
                    "request"
                )
            };
        }
        if self.is_logged(status, duration) {
            line!(info);
        } else {
            line!(debug);
        }
    }

    fn trace(&self, answer: &RequestOutcome, phases: Option<&Phases>) {
        let tracer = self.observer.state.observation.tracer.as_ref();
        let Some((tracer, recorded)) = tracer.zip(self.recorded.as_ref()) else {
            return;
        };
        tracer.record(RequestSpan {
            identity: recorded.identity.clone(),
            started: self.started,
            ended: answer.ended,
            method: known_method(&self.method),
            route: self.route.as_ref().map(|route| route.as_str().to_owned()),
            path: recorded.path.clone(),
            status: answer.status,
            code: answer.code,
            peer: self.peer,
            request_id: self.id().to_owned(),
            model: phases.map(|phases| phases.model.engine.manifest().name.clone()),
            n_series: phases.map(|phases| phases.n_series),
            phases: phases.into_iter().flat_map(Phases::placed).collect(),
        });
    }

    /// Returns true if the request is logged at info level, and not at debug level.
    fn is_logged(&self, status: u16, duration: Duration) -> bool {
        let Observation { logged, slow, .. } = &self.observer.state.observation;
        let is_failed = status >= 400;
        status >= 500
            || !is_routine(self.route.as_ref())
                && match logged {
                    LoggedRequests::All => true,
                    LoggedRequests::Slow => is_failed || duration >= *slow,
                    LoggedRequests::Failed => is_failed,
                }
    }
}

fn is_routine(route: Option<&MatchedPath>) -> bool {
    route.is_some_and(|route| ROUTINE.contains(&route.as_str()))
}

/// Returns the id of the client if it is fit for a log, otherwise 128 random bits in hexadecimal.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(|| {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; 32];
        for (pair, byte) in id.chunks_exact_mut(2).zip(rand::random::<[u8; 16]>()) {
            pair.copy_from_slice(&[
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]);
        }
        HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static("0"))
    })
}

/// Returns the trace context of the client or of a load balancer.
fn trace_context(headers: &HeaderMap) -> Option<TraceContext> {
    let only = |name: HeaderName| {
        let mut all = headers.get_all(name).iter();
        let first = all.next()?.to_str().ok()?;
        // Two contradicting headers are worse than none.
        all.next().is_none().then_some(first)
    };
    let standard = only(TRACEPARENT).and_then(TraceContext::from_traceparent);
    standard
        .map(|context| {
            let state = headers.get_all(TRACESTATE).iter();
            context.with_state(state.filter_map(|state| state.to_str().ok()))
        })
        .or_else(|| only(AMAZON_TRACE_ID).and_then(TraceContext::from_xray))
}

/// Returns the method as the semantic conventions write it.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

/// Responds for a handler that panicked. The cause is logged, and not sent to the client.
fn answer_panic(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let reason = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(reason, "a handler panicked");
    Problem::new(CallCode::Internal, "the server failed on this request").into_response()
}

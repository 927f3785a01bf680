//! Requests by route and outcome, without a lookup of labels for each request.

use std::array::from_fn;
use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

use crate::http::problem::Code;
use almanac_telemetry::metrics::DURATION_BUCKETS;

/// The methods with a label of their own. Clients may invent methods, but not label values.
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS];

/// The number of outcomes: a success, and every error code.
const N_OUTCOMES: usize = 1 + Code::COUNT;

/// The metrics of answered requests.
#[derive(Clone, Debug)]
pub(in crate::http) struct RequestMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
}

/// The metrics of each route, by its pattern. A time series appears with its first request.
#[derive(Debug)]
pub(in crate::http) struct RouteTable {
    metrics: RequestMetrics,
    routes: Vec<RouteMetrics>,
}

/// A response, as it is counted.
#[derive(Debug)]
pub(in crate::http) struct CountedResponse<'a> {
    pub(in crate::http) method: &'a Method,
    /// The pattern of the route.
    pub(in crate::http) pattern: &'a str,
    pub(in crate::http) status: StatusCode,
    /// The code of the problem, if it is one.
    pub(in crate::http) code: Option<Code>,
    /// The time since the head of the request.
    pub(in crate::http) duration: Duration,
}

/// The metrics of one route.
#[derive(Debug)]
struct RouteMetrics {
    pattern: String,
    duration: OnceLock<Histogram>,
    answered: [[OnceLock<IntCounter>; N_OUTCOMES]; METHODS.len() + 1],
}

impl RequestMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "almanac_http_requests_total",
                "Requests answered, by route and outcome.",
            ),
            &["method", "route", "status", "code"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "almanac_http_request_seconds",
                "Seconds from a request's head to its answer, by route.",
            )
            .buckets(DURATION_BUCKETS.to_vec()),
            &["route"],
        )?;
        registry.register(Box::new(duration.clone()))?;
        Ok(Self { requests, duration })
    }
}

impl RouteTable {
    pub(super) fn new(metrics: &RequestMetrics, patterns: impl Iterator<Item = String>) -> Self {
        let route = |pattern| RouteMetrics {
            pattern,
            duration: OnceLock::new(),
            answered: from_fn(|_| from_fn(|_| OnceLock::new())),
        };
        Self {
            metrics: metrics.clone(),
            routes: patterns.map(route).collect(),
        }
    }

    /// Counts a response of the route with `pattern`.
    pub(in crate::http) fn answered(&self, response: &CountedResponse<'_>) {
        let &CountedResponse {
            method,
            pattern,
            status,
            code,
            duration,
        } = response;
        let seconds = duration.as_secs_f64();
        let RequestMetrics {
            requests,
            duration: durations,
        } = &self.metrics;
        let method = METHODS.iter().position(|known| known == method);
        let count = || {
            let method = method.map_or("other", |index| METHODS[index].as_str());
            let code = code.map_or("", Code::as_str);
            requests.with_label_values(&[method, pattern, status.as_str(), code])
        };
        let Some(route) = self.routes.iter().find(|route| route.pattern == pattern) else {
            count().inc();
            durations.with_label_values(&[pattern]).observe(seconds);
            return;
        };
        route
            .duration
            .get_or_init(|| durations.with_label_values(&[pattern]))
            .observe(seconds);
        let outcome = match code {
            None if status == StatusCode::OK => 0,
            Some(code) if status == code.status() => 1 + code.index(),
            // Rare: not ready, or a method that is not allowed.
            _ => return count().inc(),
        };
        route.answered[method.unwrap_or(METHODS.len())][outcome]
            .get_or_init(count)
            .inc();
    }
}

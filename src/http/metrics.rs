//! What HTTP counts, and `GET /metrics`.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::telemetry::metrics::{BYTE_BUCKETS, DURATION_BUCKETS, SIZE_BUCKETS};

/// The metrics of HTTP, in the registry they were made with.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGauge,
    /// Seconds to read and check a body.
    pub(super) parse: Histogram,
    /// Bytes of a body.
    pub(super) body_bytes: Histogram,
    /// Series of a request.
    pub(super) series: Histogram,
}

/// Counts a request as in flight until it is dropped, answered or not.
#[derive(Debug)]
pub(super) struct InFlight(IntGauge);

impl HttpMetrics {
    /// Registers the metrics in `registry`.
    ///
    /// # Errors
    /// The registry's, when a name is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
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
        let in_flight =
            IntGauge::new("almanac_http_requests_in_flight", "Requests being handled.")?;
        registry.register(Box::new(in_flight.clone()))?;
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let metric = Histogram::with_opts(options)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        Ok(Self {
            requests,
            duration,
            in_flight,
            parse: histogram(
                "almanac_http_parse_seconds",
                "Seconds to read and check a forecast request.",
                &DURATION_BUCKETS,
            )?,
            body_bytes: histogram(
                "almanac_http_body_bytes",
                "Bytes of a forecast request's body.",
                &BYTE_BUCKETS,
            )?,
            series: histogram(
                "almanac_http_request_series",
                "Series in a forecast request.",
                &SIZE_BUCKETS,
            )?,
        })
    }

    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(super) fn answered(
        &self,
        method: &Method,
        route: &str,
        (status, code): (StatusCode, &str),
        duration: Duration,
    ) {
        // Methods are the client's to invent; labels are not.
        let method = match *method {
            Method::GET | Method::POST | Method::HEAD | Method::OPTIONS => method.as_str(),
            _ => "other",
        };
        self.requests
            .with_label_values(&[method, route, status.as_str(), code])
            .inc();
        self.duration
            .with_label_values(&[route])
            .observe(duration.as_secs_f64());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Gives all metrics in the Prometheus text format
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Every metric of the process", body = String, content_type = "text/plain"),
))]
pub(super) async fn get_metrics(
    State(state): State<AppState>,
) -> Result<impl IntoResponse, Problem> {
    let text = TextEncoder::new()
        .encode_to_string(&state.all_metrics.gather())
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok((
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    ))
}

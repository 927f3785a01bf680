//! The metrics of HTTP.

mod routes;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntGauge, Registry};

pub(in crate::http) use routes::{CountedResponse, RouteTable};

use crate::http::layers::metrics::routes::RequestMetrics;
use crate::http::layers::timing::Phases;
use almanac_telemetry::metrics::{BYTE_BUCKETS, DURATION_BUCKETS, SIZE_BUCKETS};

/// The metrics of HTTP, registered in the registry of their constructor.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: RequestMetrics,
    in_flight: IntGauge,
    /// The phases, in the order of [`Phases::NAMES`].
    phases: [Histogram; Phases::NAMES.len()],
    /// The sizes of bodies, in bytes.
    pub(in crate::http) body_bytes: Histogram,
    /// The numbers of series of requests.
    pub(in crate::http) series: Histogram,
}

/// Counts a request as in flight until it is dropped, answered or not.
#[derive(Debug)]
pub(in crate::http) struct InFlight(IntGauge);

impl HttpMetrics {
    /// Registers the metrics in `registry`.
    ///
    /// # Errors
    /// The error of the registry, when a name is taken.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = RequestMetrics::new(registry)?;
        let phases = HistogramVec::new(
            HistogramOpts::new(
                "almanac_http_phase_seconds",
                "Seconds that a forecast spent in each phase of server-timing.",
            )
            .buckets(DURATION_BUCKETS.to_vec()),
            &["phase"],
        )?;
        registry.register(Box::new(phases.clone()))?;
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
            in_flight,
            phases: Phases::NAMES.map(|phase| phases.with_label_values(&[phase])),
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

    pub(in crate::http) fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Returns the metrics of the routes with `patterns`, looked up once for all requests.
    pub(in crate::http) fn routes(&self, patterns: impl Iterator<Item = String>) -> RouteTable {
        RouteTable::new(&self.requests, patterns)
    }

    /// Observes the phases of a forecast.
    pub(in crate::http) fn passed(&self, phases: &Phases) {
        for (histogram, duration) in self.phases.iter().zip(phases.durations()) {
            histogram.observe(duration.as_secs_f64());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

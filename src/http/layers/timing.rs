//! The time limit of a request, and the phases of its duration.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tower::Service;

use crate::call::CallCode;
use crate::http::problem::Problem;
use almanac_engine::registry::LiveModel;
use almanac_telemetry::traces;

/// The phases of a forecast. A response extension, from which a header, metrics and spans are made.
#[derive(Clone, Debug)]
pub(in crate::http) struct Phases {
    /// The version that answered.
    pub(in crate::http) model: Arc<LiveModel>,
    /// The number of series.
    pub(in crate::http) n_series: usize,
    /// The time at which the body was complete.
    pub(in crate::http) started: Instant,
    /// The time spent on parsing and checking the body.
    pub(in crate::http) parse: Duration,
    /// The time spent waiting for a worker.
    pub(in crate::http) queue: Duration,
    /// The time from the start of the first batch to the end of the last.
    pub(in crate::http) inference: Duration,
    /// The time at which the forecasts were complete.
    pub(in crate::http) writing: Instant,
    /// The time spent on writing the response.
    pub(in crate::http) write: Duration,
}

impl Phases {
    /// The names of the phases, in headers, metrics and spans.
    pub(in crate::http) const NAMES: [&'static str; 4] = ["parse", "queue", "inference", "write"];

    /// Returns the duration of each phase, in the order of the names.
    pub(in crate::http) const fn durations(&self) -> [Duration; 4] {
        [self.parse, self.queue, self.inference, self.write]
    }

    /// Returns each phase with its start. All but the last follow each other without a gap.
    pub(in crate::http) fn placed(&self) -> impl Iterator<Item = traces::PhaseSpan> {
        let waiting = self.started + self.parse;
        let running = waiting + self.queue;
        let starts = [self.started, waiting, running, self.writing];
        let phases = Self::NAMES.into_iter().zip(starts).zip(self.durations());
        phases.map(|((name, started), duration)| traces::PhaseSpan {
            name,
            started,
            duration,
        })
    }
}

/// Returns the `server-timing` header (W3C Server Timing), with durations in milliseconds.
pub(in crate::http) fn server_timing(phases: Option<&Phases>, total: Duration) -> HeaderValue {
    // Room for four phases and the total, of up to ten seconds each.
    let mut header = Vec::with_capacity(104);
    for (name, duration) in phases
        .into_iter()
        .flat_map(|phases| Phases::NAMES.into_iter().zip(phases.durations()))
    {
        header.extend_from_slice(name.as_bytes());
        write_duration(duration, &mut header);
        header.extend_from_slice(b", ");
    }
    header.extend_from_slice(b"total");
    write_duration(total, &mut header);
    HeaderValue::try_from(header).unwrap_or_else(|_| HeaderValue::from_static("total"))
}

/// Writes milliseconds with three decimals, from the whole microseconds.
fn write_duration(duration: Duration, header: &mut Vec<u8>) {
    header.extend_from_slice(b";dur=");
    let mut digits = [b'0'; 24];
    let mut microseconds = duration.as_micros();
    let mut first = digits.len();
    let mut n_digits = 0;
    while microseconds > 0 || n_digits < 4 {
        if n_digits == 3 {
            first -= 1;
            digits[first] = b'.';
        }
        first -= 1;
        digits[first] = b'0' + u8::try_from(microseconds % 10).unwrap_or(0);
        microseconds /= 10;
        n_digits += 1;
        if first == 0 {
            break;
        }
    }
    header.extend_from_slice(&digits[first..]);
}

/// Responds with `request_timeout` if the handler takes longer than its limit.
#[derive(Clone, Debug)]
pub(in crate::http) struct LimitDuration<S> {
    pub(in crate::http) inner: S,
    pub(in crate::http) limit: Duration,
    /// The limit of requests that load or unload a model, on a multi-model endpoint.
    pub(in crate::http) hosting: Duration,
}

impl<S> Service<Request> for LimitDuration<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Limited<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let limit = if is_hosting(&request) {
            self.hosting
        } else {
            self.limit
        };
        Limited {
            answer: tokio::time::timeout(limit, self.inner.call(request)),
            limit,
        }
    }
}

fn is_hosting(request: &Request) -> bool {
    let path = request.uri().path();
    match *request.method() {
        Method::POST => path == "/models",
        Method::DELETE => path.starts_with("/models/"),
        _ => false,
    }
}

pin_project! {
    /// The future of a response, or of a problem when the limit is exceeded.
    #[derive(Debug)]
    pub(in crate::http) struct Limited<F> {
        #[pin]
        answer: Timeout<F>,
        limit: Duration,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Limited<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.answer.poll(cx));
        Poll::Ready(answered.unwrap_or_else(|_elapsed| {
            let seconds = this.limit.as_secs_f64();
            let detail =
                format!("no response within {seconds} s; send a smaller request, or retry later");
            Ok(Problem::new(CallCode::RequestTimeout, detail).into_response())
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(duration: Duration) -> String {
        let header = server_timing(None, duration);
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn durations_are_milliseconds_with_three_decimals() {
        for (nanoseconds, expected) in [
            (0, "total;dur=0.000"),
            (999, "total;dur=0.000"),
            (12_345, "total;dur=0.012"),
            (1_000_000, "total;dur=1.000"),
            (12_034_056_000, "total;dur=12034.056"),
        ] {
            assert_eq!(written(Duration::from_nanos(nanoseconds)), expected);
        }
        assert!(written(Duration::MAX).len() < 40);
    }

    proptest! {
        #[test]
        fn a_duration_is_read_back(microseconds in 0_u64..=1 << 50) {
            let text = written(Duration::from_micros(microseconds));
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<u64>().unwrap(), microseconds);
            prop_assert_eq!(text.len() - text.find('.').unwrap(), 4);
        }
    }
}

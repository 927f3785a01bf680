//! The deadline, the priority and the sticky key of a request: three headers.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};

use crate::http::problem::{Code, Problem};
use almanac_engine::registry::Draw;
use almanac_engine::{Priority, Terms};

/// The maximum time that the client waits, in milliseconds.
const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The urgency of a request (RFC 9218, section 4): `u=0` to `u=7`, 3 when absent.
const PRIORITY: HeaderName = HeaderName::from_static("priority");

/// Requests with the same value, such as the id of their series, are answered by the same version of a
/// model with a canary.
const STICKY: HeaderName = HeaderName::from_static("x-almanac-sticky");

/// Returns how `headers` choose between the versions of a canary.
pub(crate) fn draw(headers: &HeaderMap) -> Draw<'_> {
    headers
        .get(STICKY)
        .map_or(Draw::Random, |key| Draw::Sticky(key.as_bytes()))
}

/// Returns the deadline and the priority of a request with `headers` that arrived at `received` and may
/// take at most `max_duration`.
///
/// # Errors
/// [`Code::InvalidHeader`] when the timeout is not a number of milliseconds. An invalid priority is
/// ignored, as its standard demands.
pub(crate) fn terms(
    headers: &HeaderMap,
    received: Instant,
    max_duration: Duration,
) -> Result<Terms, Problem> {
    let timeout = match headers.get(REQUEST_TIMEOUT) {
        None => max_duration,
        Some(value) => {
            let text = value.to_str().unwrap_or("not text");
            let milliseconds = text.trim().parse().ok().filter(|count| *count > 0);
            let milliseconds = milliseconds.ok_or_else(|| {
                let detail = format!(
                    "{REQUEST_TIMEOUT} is {text:?}; send a whole number of milliseconds, 1 or more"
                );
                Problem::new(Code::InvalidHeader, detail).received(text)
            })?;
            max_duration.min(Duration::from_millis(milliseconds))
        }
    };
    let urgency = headers
        .get(PRIORITY)
        .and_then(|value| urgency(value.to_str().ok()?));
    Ok(Terms {
        deadline: received + timeout,
        priority: urgency.map(|urgency| match urgency {
            0..=4 => Priority::Interactive,
            _ => Priority::Bulk,
        }),
    })
}

/// Returns the urgency of a `priority` field, which is a dictionary of structured fields (RFC 9651).
fn urgency(field: &str) -> Option<u8> {
    field
        .split(',')
        .filter_map(|member| {
            let (value, _parameters) = member.split_once(';').unwrap_or((member, ""));
            value.trim().strip_prefix("u=")?.parse().ok()
        })
        .rfind(|urgency| *urgency <= 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_DURATION: Duration = Duration::from_secs(30);

    fn read(name: &'static str, value: &str) -> Result<(Duration, Option<Priority>), Code> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let received = Instant::now();
        terms(&headers, received, MAX_DURATION)
            .map(|terms| (terms.deadline - received, terms.priority))
            .map_err(|problem| problem.code)
    }

    #[test]
    fn a_timeout_shortens_the_maximum_and_never_lengthens_it() {
        let timeout = |value| read("x-request-timeout-ms", value);
        assert_eq!(timeout("250"), Ok((Duration::from_millis(250), None)));
        assert_eq!(timeout("9999999"), Ok((MAX_DURATION, None)));
        for wrong in ["0", "-1", "1.5", "250ms", ""] {
            assert_eq!(timeout(wrong), Err(Code::InvalidHeader), "{wrong}");
        }
    }

    #[test]
    fn urgency_selects_the_lane() {
        let lane = |value| read("priority", value).unwrap().1;
        assert_eq!(lane("u=1"), Some(Priority::Interactive));
        assert_eq!(lane("i, u=7"), Some(Priority::Bulk));
        assert_eq!(lane("u=5;x=1"), Some(Priority::Bulk));
        for unreadable in ["u=9", "u=a", "i", "urgent"] {
            assert_eq!(lane(unreadable), None, "{unreadable}");
        }
    }
}

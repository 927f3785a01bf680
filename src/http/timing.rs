//! How long a request takes: the bound on it, and where the time went.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;

/// Where the time of a forecast went; a response extension until it becomes a header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phases {
    /// Reading the body and checking it.
    pub(super) parse: Duration,
    /// Waiting for a worker.
    pub(super) queue: Duration,
    /// From the start of the first batch to the end of the last.
    pub(super) inference: Duration,
    /// Writing the answer.
    pub(super) write: Duration,
}

/// The `server-timing` header (W3C Server Timing), durations in milliseconds.
pub(super) fn server_timing(phases: Option<Phases>, total: Duration) -> String {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    let total = milliseconds(total);
    match phases {
        None => format!("total;dur={total:.3}"),
        Some(Phases {
            parse,
            queue,
            inference,
            write,
        }) => format!(
            "parse;dur={:.3}, queue;dur={:.3}, inference;dur={:.3}, write;dur={:.3}, total;dur={total:.3}",
            milliseconds(parse),
            milliseconds(queue),
            milliseconds(inference),
            milliseconds(write),
        ),
    }
}

/// Answers in place of a handler that takes longer than the configured time.
pub(super) async fn limit_duration(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let limit = state.request_timeout;
    tokio::time::timeout(limit, next.run(request))
        .await
        .unwrap_or_else(|_elapsed| {
            let seconds = limit.as_secs_f64();
            let detail =
                format!("there was no answer within {seconds} s; ask for less at once, or later");
            Problem::new(Code::RequestTimeout, detail).into_response()
        })
}

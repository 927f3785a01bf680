//! Bodies with timeouts: request bodies that must keep arriving, and responses that must be read.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::activity::Activity;

/// The maximum size of a chunk of an HTTP/2 response that is passed to hyper at once; the default
/// size of a frame.
///
/// hyper buffers a whole chunk as soon as the client has room for one byte of it, so a larger chunk
/// would count as sent long before it is.
const MAX_CHUNK_BYTES: usize = 16 * 1024;

/// The error returned when a request body arrives too slowly.
///
/// The server applies these timeouts to every request body, so a handler needs no timeout layer.
/// The error is a source of the error that the handler's extractor returns, where
/// [`BodyTimeout::find`] finds it. The timers run only while the handler waits for the body: a
/// handler that is slow to read is not the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyTimeout {
    /// Nothing arrived within the limit.
    #[error("no more of the request body arrived within {limit:?}")]
    Stalled {
        /// The limit, [`ServerConfig::body_timeout`](crate::ServerConfig::body_timeout).
        limit: Duration,
    },
    /// The whole body did not arrive within the limit.
    #[error("the request body was not complete within {limit:?}")]
    Overdue {
        /// The limit, [`ServerConfig::body_deadline`](crate::ServerConfig::body_deadline).
        limit: Duration,
    },
}

impl BodyTimeout {
    /// Finds a timeout in an error and its sources.
    #[must_use]
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(timeout) = error.downcast_ref::<Self>() {
                return Some(*timeout);
            }
            next = error.source();
        }
        None
    }
}

/// The timeouts of a request body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// The maximum time between two reads.
    pub(super) stall: Duration,
    /// The maximum time for the whole body.
    pub(super) total: Duration,
}

pin_project! {
    /// The body of a request, with the timeouts of [`BodyLimits`].
    pub(super) struct RequestBody {
        #[pin]
        inner: Incoming,
        limits: BodyLimits,
        deadline: Instant,
        // Set while nothing has arrived.
        #[pin]
        wait: Option<Sleep>,
        // `None` once the body has ended.
        guard: Option<UploadGuard>,
    }
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, limits: BodyLimits, activity: &Arc<Activity>) -> Self {
        let guard = (!inner.is_end_stream()).then(|| UploadGuard::new(activity));
        Self {
            inner,
            limits,
            deadline: Instant::now() + limits.total,
            wait: None,
            guard,
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if this.guard.is_none() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.inner.as_mut().poll_frame(cx) {
            this.wait.set(None);
            if !matches!(frame, Some(Ok(_))) {
                *this.guard = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        if this.wait.is_none() {
            let stalled_at = Instant::now() + this.limits.stall;
            this.wait
                .set(Some(sleep_until(stalled_at.min(*this.deadline))));
        }
        if let Some(wait) = this.wait.as_mut().as_pin_mut() {
            ready!(wait.poll(cx));
        }
        *this.guard = None;
        let timeout = if Instant::now() >= *this.deadline {
            BodyTimeout::Overdue {
                limit: this.limits.total,
            }
        } else {
            BodyTimeout::Stalled {
                limit: this.limits.stall,
            }
        };
        Poll::Ready(Some(Err(timeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.guard.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A guard that marks the connection as busy while a request body is being read.
#[derive(Debug)]
struct UploadGuard(Arc<Activity>);

impl UploadGuard {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.begin_upload();
        Self(Arc::clone(activity))
    }
}

impl Drop for UploadGuard {
    fn drop(&mut self) {
        self.0.end_upload();
    }
}

/// A guard that marks the connection as busy from the head of a request to the end of its response.
#[derive(Debug)]
pub(super) struct RequestGuard {
    activity: Arc<Activity>,
    number: u64,
}

impl RequestGuard {
    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        let number = activity.begin_request();
        Self {
            activity: Arc::clone(activity),
            number,
        }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.activity.end_request(self.number);
    }
}

/// The body of a response, which ends the request when dropped.
#[derive(Debug)]
pub(super) struct ResponseBody {
    inner: Body,
    /// The rest of a chunk that was too large.
    rest: Bytes,
    /// True for HTTP/2, which has a window for every stream that the timer of the socket does not
    /// see.
    is_http2: bool,
    guard: RequestGuard,
}

impl ResponseBody {
    pub(super) fn new(inner: Body, is_http2: bool, guard: RequestGuard) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
            is_http2,
            guard,
        }
    }

    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            let n_bytes = self.rest.len().min(MAX_CHUNK_BYTES);
            return Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(n_bytes)))));
        }
        match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(mut data) => {
                    if data.len() > MAX_CHUNK_BYTES {
                        self.rest = data.split_off(MAX_CHUNK_BYTES);
                    }
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
                Err(frame) => Poll::Ready(Some(Ok(frame))),
            },
            other => Poll::Ready(other),
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.is_http2 {
            return Pin::new(&mut self.inner).poll_frame(cx);
        }
        self.guard.activity.end_chunk(self.guard.number);
        let frame = ready!(self.poll_chunk(cx));
        if matches!(frame, Some(Ok(_))) {
            self.guard.activity.begin_chunk(self.guard.number);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest_bytes = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest_bytes);
        }
        hint.set_lower(inner.lower() + rest_bytes);
        hint
    }
}

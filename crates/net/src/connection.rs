//! One connection from its first byte to its end, over any IO.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::activity::{Activity, Alarm};
use super::body::BodyLimits;
use super::clock::{Due, Limits, Protocol};
use super::config::ServerConfig;
use super::io::WatchedIo;
use super::metrics::CloseReason;
use super::service::ConnectionService;
use crate::shutdown::{Phase, Shutdown};

/// Least size of hyper's buffer for an HTTP/1 connection, which also bounds how much of a body is read at a time.
const BUFFER_BYTES: usize = 128 * 1024;

/// hyper has no answer for a head that is late, so this one is written by hand.
const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How long to try to deliver it.
const REQUEST_TIMEOUT_GRACE: Duration = Duration::from_secs(1);

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Connections {
    router: Router,
    shutdown: Shutdown,
    limits: Limits,
    body_limits: BodyLimits,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) reason: CloseReason,
    /// Requests that were still in flight.
    pub(super) n_requests: usize,
}

impl Ending {
    const ERROR: Self = Self {
        reason: CloseReason::Error,
        n_requests: 0,
    };

    fn in_order(activity: &Activity) -> Self {
        let reason = activity.finish_reason().unwrap_or(CloseReason::Finished);
        Self {
            reason,
            n_requests: 0,
        }
    }

    fn cut(activity: &Activity, reason: CloseReason) -> Self {
        Self {
            reason,
            n_requests: activity.n_requests(),
        }
    }
}

impl Connections {
    pub(super) fn new(config: &ServerConfig, router: Router, shutdown: Shutdown) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            // Ours replaces it; see `clock.rs`.
            .header_read_timeout(None)
            .max_header_size(config.max_header_bytes)
            .max_buf_size(BUFFER_BYTES.max(config.max_header_bytes));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(config.http2_max_streams)
            .max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(config.http2_ping_interval)
            .keep_alive_timeout(config.http2_ping_timeout);
        Self {
            router,
            shutdown,
            limits: Limits::new(config),
            body_limits: BodyLimits {
                stall: config.body_timeout,
                total: config.body_deadline,
            },
            http1,
            http2,
        }
    }

    /// Serves one connection until it ends, is due to end, or the shutdown is forced.
    pub(super) async fn serve<I>(&self, io: I, peer: SocketAddr) -> Ending
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::new());
        let mut driver = Driver {
            alarm: Alarm::new(self.limits),
            activity: Arc::clone(&activity),
            shutdown: &self.shutdown,
        };
        let mut opening = Opening {
            io: WatchedIo::new(io, Arc::clone(&activity)),
            is_over: false,
        };
        let protocol = match driver.run(&mut opening).await {
            Ok(Ok(Some(protocol))) => protocol,
            Ok(Ok(None)) => return Ending::in_order(&activity),
            Ok(Err(_)) => return Ending::ERROR,
            // No 408: all that came are some letters of the preface of HTTP/2.
            Err(cut) => return cut,
        };
        activity.recognise(protocol);
        let service = ConnectionService {
            router: self.router.clone(),
            peer,
            protocol,
            body_limits: self.body_limits,
            activity: Arc::clone(&activity),
            shutdown: self.shutdown.clone(),
        };
        let io = TokioIo::new(opening.io);
        let outcome = match protocol {
            Protocol::Http1 => {
                let mut connection = self.http1.serve_connection(io, service);
                let outcome = driver.run(&mut connection).await;
                if let Err(Ending {
                    reason: CloseReason::HeaderTimeout,
                    ..
                }) = outcome
                    && !activity.is_write_blocked()
                {
                    refuse_late_head(connection.into_parts().io.into_inner()).await;
                }
                outcome
            }
            Protocol::Http2 => {
                let mut connection = self.http2.serve_connection(io, service);
                driver.run(&mut connection).await
            }
        };
        match outcome {
            Ok(Ok(())) => Ending::in_order(&activity),
            Ok(Err(error)) => {
                tracing::debug!(%peer, error = &error as &dyn std::error::Error, "connection failed");
                Ending::ERROR
            }
            Err(cut) => {
                tracing::debug!(%peer, reason = cut.reason.as_str(), "connection cut");
                cut
            }
        }
    }
}

async fn refuse_late_head<I>(mut io: I)
where
    I: AsyncWrite + Unpin,
{
    let answer = async {
        io.write_all(REQUEST_TIMEOUT).await?;
        io.shutdown().await
    };
    // The client may be gone or deaf; nothing is owed to it any more.
    drop(timeout(REQUEST_TIMEOUT_GRACE, answer).await);
}

/// Something that can be asked to end early.
trait Finish: Future + Unpin {
    fn finish(&mut self);
}

/// The opening of a connection: its protocol is not known yet.
#[derive(Debug)]
struct Opening<I> {
    io: WatchedIo<I>,
    is_over: bool,
}

impl<I> Future for Opening<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    type Output = io::Result<Option<Protocol>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_over {
            return Poll::Ready(Ok(None));
        }
        self.io.poll_protocol(cx)
    }
}

impl<I> Finish for Opening<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    fn finish(&mut self) {
        self.is_over = true;
    }
}

impl<I> Finish for http1::Connection<TokioIo<WatchedIo<I>>, ConnectionService>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<I> Finish for http2::Connection<TokioIo<WatchedIo<I>>, ConnectionService, TokioExecutor>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    fn finish(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

/// Polls a connection beside its clocks and the shutdown.
#[derive(Debug)]
struct Driver<'a> {
    alarm: Alarm,
    activity: Arc<Activity>,
    shutdown: &'a Shutdown,
}

impl Driver<'_> {
    /// Runs `connection` to its end, or says how to cut it off.
    async fn run<C>(&mut self, connection: &mut C) -> Result<C::Output, Ending>
    where
        C: Finish,
    {
        let Self {
            alarm,
            activity,
            shutdown,
        } = self;
        let mut next_phase = Phase::Draining;
        loop {
            tokio::select! {
                // The connection first: it reads what has come before anybody calls it idle, and the alarm must be
                // polled after it.
                biased;
                output = &mut *connection => return Ok(output),
                due = poll_fn(|cx| alarm.poll_due(cx, activity)) => match due {
                    Due::Finish(reason) => {
                        activity.finish(reason);
                        connection.finish();
                    }
                    Due::Cut(reason) => return Err(Ending::cut(activity, reason)),
                },
                () = shutdown.reached(next_phase) => {
                    if next_phase == Phase::Forced {
                        return Err(Ending::cut(activity, CloseReason::Aborted));
                    }
                    activity.drain();
                    next_phase = Phase::Forced;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

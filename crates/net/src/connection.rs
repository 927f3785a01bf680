//! One connection, over any IO, from its first byte to its end.

use std::error::Error;
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

use crate::activity::{Activity, ConnectionTimer};
use crate::body::BodyLimits;
use crate::clock::{ConnectionLimits, Protocol, TimeoutAction};
use crate::config::ServerConfig;
use crate::io::WatchedIo;
use crate::metrics::CloseReason;
use crate::service::ConnectionService;
use crate::shutdown::{Shutdown, ShutdownPhase};

/// The minimum size of hyper's buffer for an HTTP/1 connection, which also bounds how much of a
/// body is read at a time.
const MIN_BUFFER_BYTES: usize = 128 * 1024;

/// The response to a request head that is late. hyper has none, so this one is written by hand.
const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The time limit for sending [`REQUEST_TIMEOUT`].
const REQUEST_TIMEOUT_GRACE: Duration = Duration::from_secs(1);

/// The state that all connections of a server share.
#[derive(Debug)]
pub(super) struct Connections {
    router: Router,
    shutdown: Shutdown,
    limits: ConnectionLimits,
    body_limits: BodyLimits,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

/// The way in which a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionOutcome {
    pub(super) reason: CloseReason,
    /// The number of requests that were still in flight.
    pub(super) n_requests: usize,
}

impl ConnectionOutcome {
    const ERROR: Self = Self {
        reason: CloseReason::Error,
        n_requests: 0,
    };

    fn graceful(activity: &Activity) -> Self {
        let reason = activity.close_reason().unwrap_or(CloseReason::Finished);
        Self {
            reason,
            n_requests: 0,
        }
    }

    fn forced(activity: &Activity, reason: CloseReason) -> Self {
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
            // Replaced by the timers of this crate; see `clock.rs`.
            .header_read_timeout(None)
            .max_header_size(config.max_header_bytes)
            .max_buf_size(MIN_BUFFER_BYTES.max(config.max_header_bytes));
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
            limits: ConnectionLimits::new(config),
            body_limits: BodyLimits {
                stall: config.body_timeout,
                total: config.body_deadline,
            },
            http1,
            http2,
        }
    }

    /// Serves one connection until it ends, a timeout closes it, or the shutdown is forced.
    pub(super) async fn serve<I>(&self, io: I, peer: SocketAddr) -> ConnectionOutcome
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::new());
        let mut driver = Driver {
            timer: ConnectionTimer::new(self.limits),
            activity: Arc::clone(&activity),
            shutdown: &self.shutdown,
        };
        let mut detection = ProtocolDetection {
            io: WatchedIo::new(io, Arc::clone(&activity)),
            is_closed: false,
        };
        let protocol = match driver.run(&mut detection).await {
            Ok(Ok(Some(protocol))) => protocol,
            Ok(Ok(None)) => return ConnectionOutcome::graceful(&activity),
            Ok(Err(_)) => return ConnectionOutcome::ERROR,
            // No 408 is sent: only a part of the HTTP/2 preface was received.
            Err(forced) => return forced,
        };
        activity.set_protocol(protocol);
        let service = ConnectionService {
            router: self.router.clone(),
            peer,
            protocol,
            body_limits: self.body_limits,
            activity: Arc::clone(&activity),
            shutdown: self.shutdown.clone(),
        };
        let outcome = match protocol {
            Protocol::Http1 => self.serve_http1(&mut driver, detection.io, service).await,
            Protocol::Http2 => {
                let io = TokioIo::new(detection.io);
                let mut connection = self.http2.serve_connection(io, service);
                driver.run(&mut connection).await
            }
        };
        match outcome {
            Ok(Ok(())) => ConnectionOutcome::graceful(&activity),
            Ok(Err(error)) => {
                tracing::debug!(%peer, error = &error as &dyn Error, "connection failed");
                ConnectionOutcome::ERROR
            }
            Err(forced) => {
                tracing::debug!(%peer, reason = forced.reason.as_str(), "connection dropped");
                forced
            }
        }
    }

    /// Serves an HTTP/1 connection, and answers a late request head with 408.
    async fn serve_http1<I>(
        &self,
        driver: &mut Driver<'_>,
        io: WatchedIo<I>,
        service: ConnectionService,
    ) -> Result<hyper::Result<()>, ConnectionOutcome>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut connection = self.http1.serve_connection(TokioIo::new(io), service);
        let outcome = driver.run(&mut connection).await;
        if let Err(ConnectionOutcome {
            reason: CloseReason::HeaderTimeout,
            ..
        }) = outcome
            && !driver.activity.is_write_blocked()
        {
            reject_late_head(connection.into_parts().io.into_inner()).await;
        }
        outcome
    }
}

async fn reject_late_head<I>(mut io: I)
where
    I: AsyncWrite + Unpin,
{
    let send_response = async {
        io.write_all(REQUEST_TIMEOUT).await?;
        io.shutdown().await
    };
    // The client may be gone or not reading; the connection is closed either way.
    drop(timeout(REQUEST_TIMEOUT_GRACE, send_response).await);
}

/// A connection that can be requested to close once its requests are finished.
trait GracefulClose: Future + Unpin {
    fn close_gracefully(&mut self);
}

/// The first stage of a connection, in which its protocol is not known yet.
#[derive(Debug)]
struct ProtocolDetection<I> {
    io: WatchedIo<I>,
    is_closed: bool,
}

impl<I> Future for ProtocolDetection<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    type Output = io::Result<Option<Protocol>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_closed {
            return Poll::Ready(Ok(None));
        }
        self.io.poll_protocol(cx)
    }
}

impl<I> GracefulClose for ProtocolDetection<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    fn close_gracefully(&mut self) {
        self.is_closed = true;
    }
}

impl<I> GracefulClose for http1::Connection<TokioIo<WatchedIo<I>>, ConnectionService>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    fn close_gracefully(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<I> GracefulClose for http2::Connection<TokioIo<WatchedIo<I>>, ConnectionService, TokioExecutor>
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    fn close_gracefully(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

/// Polls a connection together with its timer and the shutdown.
#[derive(Debug)]
struct Driver<'a> {
    timer: ConnectionTimer,
    activity: Arc<Activity>,
    shutdown: &'a Shutdown,
}

impl Driver<'_> {
    /// Runs `connection` to its end.
    ///
    /// # Errors
    /// The outcome of a connection that has to be dropped.
    async fn run<C>(&mut self, connection: &mut C) -> Result<C::Output, ConnectionOutcome>
    where
        C: GracefulClose,
    {
        let Self {
            timer,
            activity,
            shutdown,
        } = self;
        let mut next_phase = ShutdownPhase::Draining;
        loop {
            tokio::select! {
                // The connection is polled first: it reads the bytes that have arrived before the
                // timer may consider it idle, and the timer must be polled after it.
                biased;
                output = &mut *connection => return Ok(output),
                action = poll_fn(|cx| timer.poll_action(cx, activity)) => match action {
                    TimeoutAction::CloseGracefully(reason) => {
                        activity.begin_close(reason);
                        connection.close_gracefully();
                    }
                    TimeoutAction::Drop(reason) => {
                        return Err(ConnectionOutcome::forced(activity, reason));
                    }
                },
                () = shutdown.wait_for(next_phase) => {
                    if next_phase == ShutdownPhase::Forced {
                        return Err(ConnectionOutcome::forced(activity, CloseReason::Aborted));
                    }
                    activity.begin_drain();
                    next_phase = ShutdownPhase::Forced;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The accept loop, and the draining of connections when the server stops.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::accept::{Backoff, Listener};
use crate::config::ServerConfig;
use crate::connection::Connections;
use crate::metrics::{CloseReason, ServerMetrics};
use crate::shutdown::{Shutdown, ShutdownPhase};

/// The time that a connection has to notice that it was aborted. A connection that takes longer has
/// a handler that blocks its thread.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// The minimum time between two log lines about the connection limit.
const LIMIT_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The connections and requests that were lost in a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainReport {
    /// The number of connections that were aborted.
    pub n_connections_aborted: usize,
    /// The number of requests that were in flight on them.
    pub n_requests_aborted: usize,
}

impl DrainReport {
    /// Returns true if every accepted request was answered, so that the process may exit with 0.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// A server that has not started yet.
///
/// ```
/// use almanac_net::{Server, ServerConfig, ServerMetrics};
/// use almanac_net::shutdown::{DrainTiming, Shutdown};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::new(DrainTiming::default());
/// tokio::spawn(shutdown.install_signal_handlers()?);
/// let metrics = ServerMetrics::new(&prometheus::Registry::new())?;
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
/// let server = Server::new(ServerConfig::default(), shutdown, metrics);
/// let report = server.serve(listener, axum::Router::new()).await;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    config: ServerConfig,
    shutdown: Shutdown,
    metrics: ServerMetrics,
}

impl Server {
    /// Creates a server with the bounds of `config`, which stops when `shutdown` begins.
    #[must_use]
    pub fn new(config: ServerConfig, shutdown: Shutdown, metrics: ServerMetrics) -> Self {
        Self {
            config,
            shutdown,
            metrics,
        }
    }

    /// Serves `router` until the shutdown is complete. A failure to accept does not end the server.
    ///
    /// Handlers obtain the address of their peer from `axum::extract::ConnectInfo<SocketAddr>`. The
    /// server also advances the shutdown from phase to phase, so nothing else has to.
    pub async fn serve(self, listener: TcpListener, router: Router) -> DrainReport {
        self.serve_from(listener, router).await
    }

    pub(super) async fn serve_from<L>(self, listener: L, router: Router) -> DrainReport
    where
        L: Listener,
    {
        let shutdown = self.shutdown.clone();
        let advance_shutdown = async {
            shutdown.run_to_completion().await;
            pending::<Infallible>().await
        };
        let running = RunningServer::new(self, router);
        tokio::select! {
            report = running.accept_and_drain(listener) => report,
            never = advance_shutdown => match never {},
        }
    }
}

/// A server that accepts connections.
#[derive(Debug)]
struct RunningServer {
    connections: Arc<Connections>,
    shutdown: Shutdown,
    metrics: ServerMetrics,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    aborted: Arc<AbortCounts>,
}

#[derive(Debug, Default)]
struct AbortCounts {
    n_connections: AtomicUsize,
    n_requests: AtomicUsize,
}

impl RunningServer {
    fn new(server: Server, router: Router) -> Self {
        let Server {
            config,
            shutdown,
            metrics,
        } = server;
        Self {
            connections: Arc::new(Connections::new(&config, router, shutdown.clone())),
            shutdown,
            metrics,
            slots: Arc::new(Semaphore::new(
                config.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            tasks: TaskTracker::new(),
            aborted: Arc::default(),
        }
    }

    async fn accept_and_drain<L>(self, mut listener: L) -> DrainReport
    where
        L: Listener,
    {
        tokio::select! {
            biased;
            () = self.shutdown.wait_for(ShutdownPhase::Draining) => {}
            never = self.accept(&mut listener) => match never {},
        }
        self.accept_backlog(&mut listener).await;
        drop(listener);
        self.drain().await
    }

    async fn accept<L>(&self, listener: &mut L) -> Infallible
    where
        L: Listener,
    {
        let mut backoff = Backoff::new();
        let mut limit_logged_at = None;
        loop {
            let slot = self.acquire_slot(&mut limit_logged_at).await;
            match poll_fn(|cx| listener.poll_accept(cx)).await {
                Ok((io, peer)) => {
                    backoff.reset();
                    self.spawn(io, peer, slot);
                }
                Err(error) => {
                    self.metrics.count_accept_error();
                    if let Some(pause) = backoff.pause(&error) {
                        tracing::warn!(%error, ?pause, "accept failed");
                        sleep(pause).await;
                    }
                }
            }
        }
    }

    /// Waits until the connection limit allows one more connection.
    async fn acquire_slot(&self, limit_logged_at: &mut Option<Instant>) -> OwnedSemaphorePermit {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return slot;
        }
        self.metrics.count_accept_pause();
        if limit_logged_at.is_none_or(|at| at.elapsed() >= LIMIT_LOG_INTERVAL) {
            *limit_logged_at = Some(Instant::now());
            tracing::warn!("connection limit reached, accepting paused");
        }
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(slot) => slot,
            // The semaphore is never closed.
            Err(_closed) => pending().await,
        }
    }

    /// Accepts the connections that are already in the backlog. Their clients have an established
    /// connection, which closing the listener would reset.
    async fn accept_backlog<L>(&self, listener: &mut L)
    where
        L: Listener,
    {
        while let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            let accepted = poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await;
            let Poll::Ready(Ok((io, peer))) = accepted else {
                return;
            };
            self.spawn(io, peer, slot);
        }
    }

    fn spawn<I>(&self, io: I, peer: SocketAddr, slot: OwnedSemaphorePermit)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let open = self.metrics.open_connection();
        let connections = Arc::clone(&self.connections);
        let aborted = Arc::clone(&self.aborted);
        self.tasks.spawn(async move {
            let outcome = connections.serve(io, peer).await;
            if outcome.reason == CloseReason::Aborted {
                aborted.n_connections.fetch_add(1, Ordering::Relaxed);
                aborted
                    .n_requests
                    .fetch_add(outcome.n_requests, Ordering::Relaxed);
            }
            open.close(outcome.reason);
            drop(slot);
        });
    }

    async fn drain(self) -> DrainReport {
        self.tasks.close();
        tracing::info!(n_connections = self.tasks.len(), "draining connections");
        tokio::select! {
            biased;
            () = self.tasks.wait() => {}
            () = self.shutdown.wait_for(ShutdownPhase::Forced) => {
                // A task that does not end now is blocked in a handler; it ends with the process.
                drop(timeout(ABORT_GRACE, self.tasks.wait()).await);
            }
        }
        let n_blocked = self.tasks.len();
        let report = DrainReport {
            n_connections_aborted: self.aborted.n_connections.load(Ordering::Relaxed) + n_blocked,
            n_requests_aborted: self.aborted.n_requests.load(Ordering::Relaxed) + n_blocked,
        };
        self.metrics
            .count_aborted_requests(report.n_requests_aborted);
        if report.is_clean() {
            tracing::info!("connections drained");
        } else {
            tracing::warn!(
                n_connections = report.n_connections_aborted,
                n_requests = report.n_requests_aborted,
                "connections aborted"
            );
        }
        report
    }
}

#[cfg(test)]
mod tests;

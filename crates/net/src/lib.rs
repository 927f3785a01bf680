//! The HTTP server: accepts connections, keeps their clocks, and lets them go in good order.
//!
//! HTTP/1.1 and HTTP/2 with prior knowledge share one port; TLS is the load balancer's. The loop is our own because
//! neither `axum::serve` nor hyper's timer can tell an idle connection from a slow one (`clock.rs` says how they
//! behave). What is bounded, and by what:
//!
//! | what                                     | bound                              | then                          |
//! |------------------------------------------|------------------------------------|-------------------------------|
//! | request head, first to last byte         | [`ServerConfig::header_timeout`]   | 408 and close                 |
//! | HTTP/2 preface                           | [`ServerConfig::header_timeout`]   | close                         |
//! | connection without a request             | [`ServerConfig::idle_timeout`]     | close, GOAWAY                 |
//! | wait for more of a request body          | [`ServerConfig::body_timeout`]     | [`BodyTimeout`] at the reader |
//! | whole request body                       | [`ServerConfig::body_deadline`]    | [`BodyTimeout`] at the reader |
//! | wait for the client to take of an answer | [`ServerConfig::write_timeout`]    | close                         |
//! | size of a request head                   | [`ServerConfig::max_header_bytes`] | 431 and close                 |
//! | connections                              | [`ServerConfig::max_connections`]  | wait in the backlog           |
//!
//! A request in flight is bounded by none of the first three: how long a handler may take is the router's business, as
//! are the sizes of bodies. A head that an HTTP/2 client dribbles out in frames is met by the idle clock.

mod accept;
mod activity;
mod body;
mod clock;
mod config;
mod connection;
mod io;
mod metrics;
mod service;
pub mod shutdown;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

pub use self::body::BodyTimeout;
pub use self::config::ServerConfig;
pub use self::metrics::{CloseReason, ServerMetrics};

use self::accept::{Backoff, Listener};
use self::connection::Connections;
use crate::shutdown::{Phase, Shutdown};

/// How long a connection may take to notice that it is aborted; longer means a handler that blocks its thread.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// How often to log that the server is full.
const FULL_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What was lost in a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainReport {
    /// Connections that had to be cut.
    pub n_connections_aborted: usize,
    /// Requests that were in flight on them.
    pub n_requests_aborted: usize,
}

impl DrainReport {
    /// Whether every request that was accepted was answered, so that the process may exit with 0.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// A server that has not started.
///
/// ```
/// use almanac_net::{Server, ServerConfig, ServerMetrics};
/// use almanac_net::shutdown::{DrainTiming, Shutdown};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::new(DrainTiming::default());
/// tokio::spawn(shutdown.signals()?);
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
    /// A server under the given bounds, which stops when `shutdown` says so.
    #[must_use]
    pub fn new(config: ServerConfig, shutdown: Shutdown, metrics: ServerMetrics) -> Self {
        Self {
            config,
            shutdown,
            metrics,
        }
    }

    /// Serves until a shutdown is over. No failure to accept ends it.
    ///
    /// Handlers find their peer as `axum::extract::ConnectInfo<SocketAddr>`. The shutdown needs no other conductor than
    /// this.
    pub async fn serve(self, listener: TcpListener, router: Router) -> DrainReport {
        self.serve_from(listener, router).await
    }

    async fn serve_from<L>(self, listener: L, router: Router) -> DrainReport
    where
        L: Listener,
    {
        let shutdown = self.shutdown.clone();
        let conduct = async {
            shutdown.conduct().await;
            pending::<Infallible>().await
        };
        let run = Run::new(self, router);
        tokio::select! {
            report = run.accept_and_drain(listener) => report,
            never = conduct => match never {},
        }
    }
}

/// A server at work.
#[derive(Debug)]
struct Run {
    connections: Arc<Connections>,
    shutdown: Shutdown,
    metrics: ServerMetrics,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    aborted: Arc<Aborted>,
}

#[derive(Debug, Default)]
struct Aborted {
    n_connections: AtomicUsize,
    n_requests: AtomicUsize,
}

impl Run {
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
            () = self.shutdown.reached(Phase::Draining) => {}
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
        let mut full_logged_at = None;
        loop {
            let slot = self.slot(&mut full_logged_at).await;
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

    /// Waits for the right to open one more connection.
    async fn slot(&self, full_logged_at: &mut Option<Instant>) -> OwnedSemaphorePermit {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return slot;
        }
        self.metrics.count_accept_pause();
        if full_logged_at.is_none_or(|at| at.elapsed() >= FULL_LOG_INTERVAL) {
            *full_logged_at = Some(Instant::now());
            tracing::warn!("all connections open, accepting no more");
        }
        match Arc::clone(&self.slots).acquire_owned().await {
            Ok(slot) => slot,
            // Nobody closes the semaphore.
            Err(_closed) => pending().await,
        }
    }

    /// Takes what is already in the backlog: its clients have a connection, and closing the listener would reset it.
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
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let open = self.metrics.open_connection();
        let connections = Arc::clone(&self.connections);
        let aborted = Arc::clone(&self.aborted);
        self.tasks.spawn(async move {
            let ending = connections.serve(io, peer).await;
            if ending.reason == CloseReason::Aborted {
                aborted.n_connections.fetch_add(1, Ordering::Relaxed);
                aborted
                    .n_requests
                    .fetch_add(ending.n_requests, Ordering::Relaxed);
            }
            open.close(ending.reason);
            drop(slot);
        });
    }

    async fn drain(self) -> DrainReport {
        self.tasks.close();
        tracing::info!(n_connections = self.tasks.len(), "draining connections");
        tokio::select! {
            biased;
            () = self.tasks.wait() => {}
            () = self.shutdown.reached(Phase::Forced) => {
                // A task that does not end now is stuck in a handler; it goes down with the process.
                drop(timeout(ABORT_GRACE, self.tasks.wait()).await);
            }
        }
        let n_stuck = self.tasks.len();
        let report = DrainReport {
            n_connections_aborted: self.aborted.n_connections.load(Ordering::Relaxed) + n_stuck,
            n_requests_aborted: self.aborted.n_requests.load(Ordering::Relaxed) + n_stuck,
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
mod testing;
#[cfg(test)]
mod tests;

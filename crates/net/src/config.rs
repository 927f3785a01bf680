//! The bounds and timeouts of the server.

use std::time::Duration;

/// The bounds that the server sets on its clients. Every value bounds time or memory.
///
/// The values are not validated. A duration of zero closes connections at once.
///
/// ```
/// use almanac_net::ServerConfig;
///
/// let config = ServerConfig { max_connections: 100, ..ServerConfig::default() };
/// assert_eq!(config.idle_timeout.as_secs(), 75);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The maximum time from the first byte of a request head to its last; 10 s by default.
    ///
    /// A head fits in a few packets, so a client that takes longer is broken or holds the
    /// connection on purpose. The limit covers the whole head: further bytes do not extend it.
    pub header_timeout: Duration,
    /// The time that a connection without a request stays open; 75 s by default.
    ///
    /// It must be longer than the idle timeout of the load balancer (60 s for an AWS Application
    /// Load Balancer). Otherwise the balancer may send a request into a connection that is being
    /// closed, and answer its client with 502.
    pub idle_timeout: Duration,
    /// The maximum time between two reads of a request body; 10 s by default.
    pub body_timeout: Duration,
    /// The maximum time from the head of a request to the end of its body; 120 s by default.
    ///
    /// Without it, a client that sends a byte every nine seconds would hold a connection forever.
    pub body_deadline: Duration,
    /// The maximum time that a client may read nothing of a response that is ready for it; 30 s by
    /// default.
    pub write_timeout: Duration,
    /// The maximum number of open connections; 960 by default.
    ///
    /// The default leaves 64 of the usual 1024 file descriptors for models, logs and outgoing
    /// connections. At the limit nothing is accepted: connections, including those of health
    /// checks, wait in the backlog of the listener.
    pub max_connections: usize,
    /// The maximum size of a request head, in bytes; 64 KiB by default, as an AWS Application Load
    /// Balancer allows. A larger head is answered with 431.
    pub max_header_bytes: usize,
    /// The maximum number of requests in flight on one HTTP/2 connection; 128 by default, as an AWS
    /// Application Load Balancer allows its own clients.
    pub http2_max_streams: u32,
    /// The interval between pings of an HTTP/2 client; 30 s by default.
    ///
    /// Pings detect peers that disappeared while their request is in flight.
    pub http2_ping_interval: Duration,
    /// The maximum time that an HTTP/2 client may take to answer a ping; 20 s by default.
    pub http2_ping_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(10),
            body_deadline: Duration::from_secs(120),
            write_timeout: Duration::from_secs(30),
            max_connections: 960,
            max_header_bytes: 64 * 1024,
            http2_max_streams: 128,
            http2_ping_interval: Duration::from_secs(30),
            http2_ping_timeout: Duration::from_secs(20),
        }
    }
}

//! Bounds and clocks of the server; plain values, read from flags and environment elsewhere.

use std::time::Duration;

/// What the server allows its clients; every value bounds time or memory.
///
/// Nothing is checked here. A zero duration closes connections at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Longest time from the first byte of a request head to its last; 10 s. A head fits in a few packets, so a client
    /// that takes longer is broken or holds the connection on purpose. The clock covers the whole head: a byte every
    /// few seconds does not move it.
    pub header_timeout: Duration,
    /// How long a connection without a request stays open; 75 s. Must be longer than the load balancer's own idle
    /// timeout (60 s for an AWS Application Load Balancer), or the balancer sends a request into a connection that is
    /// being closed and answers its client with 502.
    pub idle_timeout: Duration,
    /// Longest wait for the next bytes of a request body; 10 s.
    pub body_timeout: Duration,
    /// Longest time from the head of a request to the end of its body; 120 s. Without it, a byte every nine seconds
    /// would hold a connection for ever.
    pub body_deadline: Duration,
    /// Longest time a client may take no byte of an answer that waits for it; 30 s.
    pub write_timeout: Duration,
    /// Most connections open at once; 960, which leaves 64 of the usual 1024 file descriptors for models, logs and
    /// outgoing connections. Above it nothing is accepted: connections, health checks among them, wait in the
    /// listener's backlog.
    pub max_connections: usize,
    /// Largest request head in bytes; 64 KiB, as an AWS Application Load Balancer allows. A larger one is answered
    /// with 431.
    pub max_header_bytes: usize,
    /// Most requests in flight on one HTTP/2 connection; 128, as many as an AWS Application Load Balancer gives its
    /// own clients.
    pub http2_max_streams: u32,
    /// How often an HTTP/2 client is pinged; 30 s. Finds peers that vanished while their request is in flight.
    pub http2_ping_interval: Duration,
    /// How long the answer to such a ping may take; 20 s.
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

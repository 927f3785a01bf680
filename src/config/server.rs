//! The settings of the HTTP server and of the end of the process.

use std::net::SocketAddr;

use crate::config::settings::settings;
use crate::config::{Bytes, ConfigError, Span};

settings! {
    /// The HTTP server.
    pub struct ServerSettings(ServerLayer) in "server" under "Server" {
        /// Address and port to listen on
        listen: SocketAddr = "0.0.0.0:8080", Serve("--listen <ADDRESS>");
        /// Time limit for a request head, from its first byte to its end
        header_timeout: Span = "10s", Serve("--header-timeout <DURATION>");
        /// Time limit between two chunks of a request body
        body_timeout: Span = "10s", Serve("--body-timeout <DURATION>");
        /// Time limit for a whole request body
        // An asynchronous SageMaker endpoint takes up to an hour for a request.
        body_deadline: Span = "120s", Serve("--body-deadline <DURATION>"),
            Span::seconds(1)..=Span::seconds(3_600);
        /// Time limit from the head of a request to its response
        request_timeout: Span = "30s", Serve("--request-timeout <DURATION>");
        /// Time after which a connection is closed if the client reads nothing of a response
        write_timeout: Span = "30s", Serve("--write-timeout <DURATION>"),
            Span::seconds(1)..=Span::seconds(3_600);
        /// Time after which an unused connection is closed; keep it above a load balancer's 60 s
        // An AWS load balancer drops an idle connection after 60 s. If the server closes it first,
        // the load balancer responds with 502.
        idle_timeout: Span = "75s", Serve("--idle-timeout <DURATION>");
        /// Maximum number of open connections; further connections wait in the kernel's backlog
        // Leaves room among the 1,024 files that a process may usually open.
        max_connections: usize = "960", Serve("--max-connections <N>"), 1..;
        /// Maximum size of a request head
        // The default is that of an AWS Application Load Balancer. hyper's buffer has at least 8 KiB,
        // and each connection may fill one.
        max_header_bytes: Bytes = "64KiB", Serve("--max-header-bytes <SIZE>"),
            Bytes::kibibytes(8)..=Bytes::mebibytes(1);
        /// Maximum number of concurrent requests on one HTTP/2 connection
        // An AWS Application Load Balancer allows its own clients 128.
        http2_max_streams: u32 = "128", Serve("--http2-max-streams <N>"), 1..=1_000;
        /// Interval between pings of an HTTP/2 client
        // Pings detect peers that disappeared while their request is in flight.
        http2_ping_interval: Span = "30s", Serve("--http2-ping-interval <DURATION>"),
            Span::seconds(1)..=Span::seconds(3_600);
        /// Time limit for an HTTP/2 client to answer a ping
        http2_ping_timeout: Span = "20s", Serve("--http2-ping-timeout <DURATION>"),
            Span::seconds(1)..=Span::seconds(3_600);
        /// Maximum size of a request body
        // SageMaker sends payloads of up to 25 MB.
        max_body: Bytes = "32MiB", Serve("--max-body <SIZE>");
    }
}

settings! {
    /// The end of the process.
    pub struct ShutdownSettings(ShutdownLayer) in "shutdown" under "Shutdown" {
        /// Time after SIGTERM during which the server keeps serving but is not ready
        // Load balancers stop sending a few seconds after a target becomes not ready.
        drain_delay: Span = "5s", Serve("--drain-delay <DURATION>");
        /// Time after SIGTERM at which requests that still run are aborted
        // ECS, Kubernetes and SageMaker kill a process 30 s after the signal.
        drain_deadline: Span = "25s", Serve("--drain-deadline <DURATION>");
    }
}

impl ServerSettings {
    /// Rejects a time limit for a body that is below the time limit for a part of it.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.body_deadline >= self.body_timeout {
            return Ok(());
        }
        let rule = format!(
            "it must be at least server.body_timeout, {}",
            self.body_timeout
        );
        Err(ConfigError::value(
            "server.body_deadline",
            self.body_deadline,
            rule,
        ))
    }
}

impl ShutdownSettings {
    /// Rejects a delay that does not end before the deadline.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.drain_delay <= self.drain_deadline {
            return Ok(());
        }
        let rule = format!(
            "it must be at most shutdown.drain_deadline, {}",
            self.drain_deadline
        );
        Err(ConfigError::value(
            "shutdown.drain_delay",
            self.drain_delay,
            rule,
        ))
    }
}

//! An HTTP server with bounds on every connection, and the shutdown of the process.
//!
//! HTTP/1.1 and HTTP/2 with prior knowledge share one port; TLS is terminated by the load balancer.
//! The crate has its own accept loop and connection timers because neither `axum::serve` nor
//! hyper's timer distinguishes an idle connection from a slow one (see `clock.rs`). The bounds:
//!
//! | what is bounded                          | bound                                | when exceeded                 |
//! |------------------------------------------|--------------------------------------|-------------------------------|
//! | request head, from first to last byte    | [`ServerConfig::header_timeout`]     | 408 and close                 |
//! | HTTP/2 preface                           | [`ServerConfig::header_timeout`]     | close                         |
//! | connection without a request             | [`ServerConfig::idle_timeout`]       | close, GOAWAY                 |
//! | pause within a request body              | [`ServerConfig::body_timeout`]       | [`BodyTimeout`] at the reader |
//! | whole request body                       | [`ServerConfig::body_deadline`]      | [`BodyTimeout`] at the reader |
//! | pause within the reading of a response   | [`ServerConfig::write_timeout`]      | close                         |
//! | size of a request head                   | [`ServerConfig::max_header_bytes`]   | 431 and close                 |
//! | connections                              | [`ServerConfig::max_connections`]    | wait in the backlog           |
//! | requests on an HTTP/2 connection         | [`ServerConfig::http2_max_streams`]  | stream refused                |
//! | answer to an HTTP/2 ping                 | [`ServerConfig::http2_ping_timeout`] | close                         |
//!
//! The first three bounds do not apply while a request is in flight: the time that a handler may
//! take and the size of a body are limited by the router. A request head that an HTTP/2 client
//! sends slowly, in several frames, is limited by the idle timeout.

mod accept;
mod activity;
mod body;
mod clock;
mod config;
mod connection;
mod io;
mod metrics;
mod server;
mod service;
pub mod shutdown;

pub use crate::body::BodyTimeout;
pub use crate::config::ServerConfig;
pub use crate::metrics::{CloseReason, ServerMetrics};
pub use crate::server::{DrainReport, Server};

#[cfg(test)]
mod testing;

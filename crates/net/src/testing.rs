//! Shared fixtures of the tests: a router, clients over in-memory streams, and HTTP/2 frames.

use std::error::Error as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::accept::Listener;
use crate::connection::{ConnectionOutcome, Connections};
use crate::shutdown::{DrainTiming, Shutdown};
use crate::{BodyTimeout, DrainReport, Server, ServerConfig, ServerMetrics};

pub(super) const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 4711);
pub(super) const LARGE_BYTES: usize = 1024 * 1024;
pub(super) const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
pub(super) const GET_SLOW: &str = "GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a router whose `/slow` takes five minutes and whose `/stuck` never answers.
pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(async || "ok"))
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        )
        .route("/large", get(async || vec![b'x'; LARGE_BYTES]))
        .route("/stuck", get(async || std::future::pending::<()>().await))
        .route("/echo", post(echo))
        .route(
            "/slow",
            get(async || {
                sleep(secs(300)).await;
                "done"
            }),
        )
}

/// Echoes the body, or the timeout that ended it, found in the way of the program's handlers.
async fn echo(body: Result<Bytes, BytesRejection>) -> (StatusCode, Bytes) {
    match body {
        Ok(body) => (StatusCode::OK, body),
        Err(rejection) => {
            let timeout = rejection.source().and_then(BodyTimeout::find);
            (
                StatusCode::REQUEST_TIMEOUT,
                Bytes::from(format!("{timeout:?}")),
            )
        }
    }
}

/// Serves one connection without a server, and returns the client and the outcome.
pub(super) fn serve_one(config: &ServerConfig) -> (TestClient, JoinHandle<ConnectionOutcome>) {
    serve_one_buffering(config, 64 * 1024)
}

/// Like [`serve_one`], over a stream that buffers `buffer_bytes` in each direction.
pub(super) fn serve_one_buffering(
    config: &ServerConfig,
    buffer_bytes: usize,
) -> (TestClient, JoinHandle<ConnectionOutcome>) {
    let shutdown = Shutdown::new(DrainTiming::default());
    let connections = Connections::new(config, router(), shutdown);
    let (client, server) = duplex(buffer_bytes);
    (
        TestClient(client),
        tokio::spawn(async move { connections.serve(server, PEER).await }),
    )
}

/// Returns a configuration without pings, so that a client may read nothing for a while.
pub(super) fn without_pings() -> ServerConfig {
    ServerConfig {
        http2_ping_interval: secs(86_400),
        ..ServerConfig::default()
    }
}

/// The client's end of a connection.
#[derive(Debug)]
pub(super) struct TestClient(pub(super) DuplexStream);

impl TestClient {
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads one HTTP/1 response with a content length; returns its head and body as one text.
    pub(super) async fn read_response(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(self.0.read_u8().await.unwrap()));
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    pub(super) async fn get(&mut self) -> String {
        self.send(GET).await;
        self.read_response().await
    }

    /// Reads until the connection closes; returns the elapsed time and the remaining text.
    pub(super) async fn read_until_closed(&mut self) -> (Duration, String) {
        let started_at = Instant::now();
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap();
        (
            started_at.elapsed(),
            String::from_utf8_lossy(&rest).into_owned(),
        )
    }

    /// Opens HTTP/2 with `window_bytes` as the initial window of every stream.
    pub(super) async fn open_http2(&mut self, window_bytes: u32) {
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut window = vec![0, 4];
        window.extend_from_slice(&window_bytes.to_be_bytes());
        self.send_frame(SETTINGS, 0, 0, &window).await;
    }

    pub(super) async fn send_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.send(frame).await;
    }

    /// Sends `GET path` on a new stream.
    pub(super) async fn get_http2(&mut self, stream: u32, path: &str) {
        // RFC 7541: `:method: GET`, `:scheme: http`, then `:path` and `:authority` as literals with
        // indexed names.
        let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        block.extend_from_slice(path.as_bytes());
        block.extend_from_slice(&[0x01, 1, b'a']);
        self.send_frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
            .await;
    }

    /// Reads the next frame; returns `None` at the end of the connection.
    pub(super) async fn read_frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.unwrap();
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream,
            payload,
        })
    }

    /// Reads frames until the first one of `kind`, and answers pings and settings until then.
    pub(super) async fn read_frame_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.read_frame().await?;
            if frame.kind == kind {
                return Some(frame);
            }
            if frame.flags & ACK == 0 && matches!(frame.kind, PING | SETTINGS) {
                let payload = if frame.kind == PING {
                    &*frame.payload
                } else {
                    &[]
                };
                self.send_frame(frame.kind, ACK, 0, payload).await;
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const ACK: u8 = 1;

/// A listener whose connections come from the test; an error makes one accept fail.
#[derive(Debug)]
pub(super) struct TestListener(mpsc::UnboundedReceiver<io::Result<DuplexStream>>);

impl Listener for TestListener {
    type Io = DuplexStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(DuplexStream, SocketAddr)>> {
        match ready!(self.0.poll_recv(cx)) {
            Some(accepted) => Poll::Ready(accepted.map(|io| (io, PEER))),
            None => Poll::Pending,
        }
    }
}

/// A server over in-memory streams.
#[derive(Debug)]
pub(super) struct TestServer {
    backlog: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    pub(super) shutdown: Shutdown,
    pub(super) registry: Registry,
    pub(super) report: JoinHandle<DrainReport>,
}

impl TestServer {
    pub(super) fn new(config: ServerConfig) -> Self {
        let (backlog, receiver) = mpsc::unbounded_channel();
        let shutdown = Shutdown::new(DrainTiming::default());
        let registry = Registry::new();
        let metrics = ServerMetrics::new(&registry).unwrap();
        let server = Server::new(config, shutdown.clone(), metrics);
        let report = tokio::spawn(server.serve_from(TestListener(receiver), router()));
        Self {
            backlog,
            shutdown,
            registry,
            report,
        }
    }

    pub(super) fn connect(&self) -> TestClient {
        let (client, server) = duplex(64 * 1024);
        self.backlog.send(Ok(server)).unwrap();
        TestClient(client)
    }

    pub(super) fn fail_accept(&self) {
        self.backlog
            .send(Err(io::Error::from_raw_os_error(24)))
            .unwrap();
    }

    /// Returns true if the server has dropped its listener.
    pub(super) fn has_stopped_accepting(&self) -> bool {
        self.backlog.is_closed()
    }

    /// Returns the value of a metric, by the name of its family and the value of its first label.
    pub(super) fn metric(&self, name: &str, label: Option<&str>) -> u64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        let metric = family
            .get_metric()
            .iter()
            .find(|metric| metric.get_label().first().map(|pair| pair.value()) == label)
            .unwrap();
        let value = metric.get_counter().get_value() + metric.get_gauge().get_value();
        format!("{value}").parse().unwrap()
    }
}

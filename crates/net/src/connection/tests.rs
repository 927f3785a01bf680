//! Tests of single connections, on paused time: no test waits for a real clock.

mod http2;

use std::convert::Infallible;
use std::future::pending;
use std::io;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::testing::{
    GET, GET_SLOW, LARGE_BYTES, PEER, TestClient, router, secs, serve_one, serve_one_buffering,
};
use crate::{CloseReason, ServerConfig};

/// Serves one connection with hyper's defaults and a timer, which shows the reason for `clock.rs`.
///
/// If a test that uses it fails after an update, hyper has changed, and the timers of this crate
/// may have become unnecessary.
fn serve_one_by_hyper() -> (TestClient, JoinHandle<hyper::Result<()>>) {
    let (client, server) = duplex(1024);
    let service = service_fn(async |_| Ok::<_, Infallible>(hyper::Response::new(Body::from("ok"))));
    let mut http1 = http1::Builder::new();
    let connection = http1
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(server), service);
    (TestClient(client), tokio::spawn(connection))
}

#[tokio::test(start_paused = true)]
async fn hyper_counts_idle_time_as_header_time() {
    let (mut client, connection) = serve_one_by_hyper();
    client.get().await;
    let (open, rest) = client.read_until_closed().await;
    assert_eq!((open.as_secs(), rest.as_str()), (30, ""));
    assert!(connection.await.unwrap().unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn hyper_sends_no_response_to_a_late_head() {
    let (mut client, _connection) = serve_one_by_hyper();
    sleep(secs(20)).await;
    client.send("GET / HT").await;
    let (open, rest) = client.read_until_closed().await;
    // The timer began with the connection, not with the head.
    assert_eq!((open.as_secs(), rest.as_str()), (10, ""));
}

/// A listener that gives `axum::serve` one connection.
#[derive(Debug)]
struct SingleConnection(Option<DuplexStream>);

impl axum::serve::Listener for SingleConnection {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.take() {
            Some(io) => (io, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn axum_waits_forever_for_a_head() {
    let (client, server) = duplex(1024);
    tokio::spawn(axum::serve(SingleConnection(Some(server)), router()).into_future());
    let mut client = TestClient(client);
    client.get().await;
    client.send("GET / HT").await;
    assert!(
        timeout(secs(30 * 86_400), client.read_until_closed())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn idle_connection_survives_70_s_and_is_closed_at_75_s() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.get().await;
    sleep(secs(70)).await;
    assert!(client.get().await.ends_with("ok"));
    let (open, rest) = client.read_until_closed().await;
    assert_eq!((open.as_secs(), rest.as_str()), (75, ""));
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Idle);
}

#[tokio::test(start_paused = true)]
async fn connection_that_never_sends_is_closed_at_75_s() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    assert_eq!(client.read_until_closed().await.0.as_secs(), 75);
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Idle);
}

#[tokio::test(start_paused = true)]
async fn connection_is_reusable_after_the_idle_timeout_of_a_load_balancer() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    for _ in 0..5 {
        assert!(client.get().await.ends_with("ok"));
        sleep(secs(65)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn slow_head_is_rejected_after_10_s() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    let started_at = Instant::now();
    for byte in GET.bytes().take(10) {
        client.send([byte]).await;
        sleep(secs(1)).await;
    }
    let (_, rest) = client.read_until_closed().await;
    assert_eq!(started_at.elapsed().as_secs(), 10);
    assert!(
        rest.starts_with("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"),
        "{rest}"
    );
    assert_eq!(outcome.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn head_of_a_later_request_has_its_own_timeout() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.get().await;
    sleep(secs(60)).await;
    client.send("GET / HT").await;
    let (open, rest) = client.read_until_closed().await;
    assert_eq!(open.as_secs(), 10);
    assert!(rest.starts_with("HTTP/1.1 408 "), "{rest}");
    assert_eq!(outcome.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn incomplete_http2_preface_is_closed_after_10_s() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.send("PRI * HTTP/2.0\r\n").await;
    let (open, rest) = client.read_until_closed().await;
    assert_eq!((open.as_secs(), rest.as_str()), (10, ""));
    assert_eq!(outcome.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_for_5_minutes_is_answered() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    let started_at = Instant::now();
    client.send(GET_SLOW).await;
    assert!(client.read_response().await.ends_with("done"));
    assert_eq!(started_at.elapsed().as_secs(), 300);
    assert_eq!(client.read_until_closed().await.0.as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    client.send(format!("{GET_SLOW}{GET}{GET}")).await;
    assert!(client.read_response().await.ends_with("done"));
    assert!(client.read_response().await.ends_with("ok"));
    assert!(client.read_response().await.ends_with("ok"));
    assert_eq!(client.read_until_closed().await.0.as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn incomplete_pipelined_head_has_the_idle_timeout_until_its_next_byte() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.send(format!("{GET}GET / HT")).await;
    client.read_response().await;
    sleep(secs(30)).await;
    client.send("T").await;
    assert_eq!(client.read_until_closed().await.0.as_secs(), 10);
    assert_eq!(outcome.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn stalled_body_fails_after_10_s() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc")
        .await;
    let started_at = Instant::now();
    let response = client.read_response().await;
    assert_eq!(started_at.elapsed().as_secs(), 10);
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(
        response.ends_with("Some(Stalled { limit: 10s })"),
        "{response}"
    );
    // The rest of the body could not be distinguished from a next request.
    assert_eq!(client.read_until_closed().await.0.as_secs(), 0);
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Finished);
}

#[tokio::test(start_paused = true)]
async fn slow_body_fails_after_120_s() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 999\r\n\r\n")
        .await;
    let started_at = Instant::now();
    let response = loop {
        tokio::select! {
            response = client.read_response() => break response,
            () = sleep(secs(9)) => {}
        }
        client.send("x").await;
    };
    assert_eq!(started_at.elapsed().as_secs(), 120);
    assert!(
        response.ends_with("Some(Overdue { limit: 120s })"),
        "{response}"
    );
}

#[tokio::test(start_paused = true)]
async fn body_in_time_reaches_the_handler() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    sleep(secs(9)).await;
    client.send("def").await;
    assert!(client.read_response().await.ends_with("abcdef"));
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_nothing_is_dropped_after_30_s() {
    let (mut client, outcome) = serve_one_buffering(&ServerConfig::default(), 1024);
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let started_at = Instant::now();
    assert_eq!(outcome.await.unwrap().reason, CloseReason::WriteTimeout);
    assert_eq!(started_at.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn slow_reader_gets_the_whole_response_and_is_idle_only_afterwards() {
    // Longer than the idle timeout, which must not run while a response is being read.
    let config = ServerConfig {
        write_timeout: secs(200),
        ..ServerConfig::default()
    };
    let (mut client, _outcome) = serve_one_buffering(&config, 64 * 1024);
    client.send("HEAD /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut head = vec![0; 64 * 1024];
    let head_bytes = client.0.read(&mut head).await.unwrap();
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.0.read_exact(&mut head[..head_bytes]).await.unwrap();
    let mut n_bytes = 0;
    while n_bytes < LARGE_BYTES {
        // The last bytes are already in the buffers.
        if LARGE_BYTES - n_bytes > 128 * 1024 {
            sleep(secs(100)).await;
        }
        let chunk_bytes = client.0.read(&mut head).await.unwrap();
        assert_ne!(chunk_bytes, 0, "closed after {n_bytes} bytes");
        n_bytes += chunk_bytes;
    }
    assert_eq!(n_bytes, LARGE_BYTES);
    sleep(secs(74)).await;
    assert!(client.get().await.ends_with("ok"));
}

#[tokio::test(start_paused = true)]
async fn handlers_get_the_address_of_their_peer() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    client.send("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.read_response().await.ends_with(&PEER.to_string()));
}

#[tokio::test(start_paused = true)]
async fn head_over_the_limit_is_rejected_with_431() {
    let config = ServerConfig {
        max_header_bytes: 1000,
        ..ServerConfig::default()
    };
    let (mut client, _outcome) = serve_one(&config);
    let padding = "x".repeat(1000);
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx-padding: {padding}\r\n\r\n"
        ))
        .await;
    assert!(client.read_response().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn disconnect_between_requests_is_not_an_error() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.get().await;
    drop(client);
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Finished);
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_http_are_an_error() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client
        .send("\x16\x03\x01\x02\x00 TLS client hello\r\n\r\n")
        .await;
    assert!(
        client
            .read_until_closed()
            .await
            .1
            .starts_with("HTTP/1.1 400 ")
    );
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Error);
}

#[tokio::test(start_paused = true)]
async fn disconnect_during_a_request_ends_the_connection() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.send(GET_SLOW).await;
    sleep(secs(1)).await;
    let started_at = Instant::now();
    drop(client);
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Error);
    assert_eq!(started_at.elapsed().as_secs(), 0);
}

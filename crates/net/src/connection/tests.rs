//! One connection at a time, on paused time: nothing here waits for a real clock.

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
    Client, GET, GET_SLOW, LARGE_BYTES, PEER, router, secs, serve_one, serve_one_buffering,
};
use crate::{CloseReason, ServerConfig};

/// Not ours: hyper as it is by default but for a timer, and the reason for `clock.rs`. Should one of these fail after an
/// update, hyper has changed and ours may have become unnecessary.
fn serve_one_by_hyper() -> (Client, JoinHandle<hyper::Result<()>>) {
    let (client, server) = duplex(1024);
    let service = service_fn(async |_| Ok::<_, Infallible>(hyper::Response::new(Body::from("ok"))));
    let mut http1 = http1::Builder::new();
    let connection = http1
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(server), service);
    (Client(client), tokio::spawn(connection))
}

#[tokio::test(start_paused = true)]
async fn hyper_counts_idle_time_against_its_header_timer() {
    let (mut client, connection) = serve_one_by_hyper();
    client.get().await;
    let (open, rest) = client.closed_after().await;
    assert_eq!((open.as_secs(), rest.as_str()), (30, ""));
    assert!(connection.await.unwrap().unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn hyper_has_no_answer_for_a_late_head() {
    let (mut client, _connection) = serve_one_by_hyper();
    sleep(secs(20)).await;
    client.send("GET / HT").await;
    let (open, rest) = client.closed_after().await;
    // The clock began with the connection, not with the head.
    assert_eq!((open.as_secs(), rest.as_str()), (10, ""));
}

/// Not ours either: `axum::serve` with one connection.
#[derive(Debug)]
struct Once(Option<DuplexStream>);

impl axum::serve::Listener for Once {
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
async fn axum_waits_for_a_head_for_ever() {
    let (client, server) = duplex(1024);
    tokio::spawn(axum::serve(Once(Some(server)), router()).into_future());
    let mut client = Client(client);
    client.get().await;
    client.send("GET / HT").await;
    assert!(
        timeout(secs(30 * 86_400), client.closed_after())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn idle_connection_survives_70_s_and_is_closed_at_75_s() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client.get().await;
    sleep(secs(70)).await;
    assert!(client.get().await.ends_with("ok"));
    let (open, rest) = client.closed_after().await;
    assert_eq!((open.as_secs(), rest.as_str()), (75, ""));
    assert_eq!(ending.await.unwrap().reason, CloseReason::Idle);
}

#[tokio::test(start_paused = true)]
async fn connection_that_never_sends_is_closed_at_75_s() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    assert_eq!(client.closed_after().await.0.as_secs(), 75);
    assert_eq!(ending.await.unwrap().reason, CloseReason::Idle);
}

#[tokio::test(start_paused = true)]
async fn reuse_after_the_idle_timeout_of_a_load_balancer_works() {
    let (mut client, _ending) = serve_one(&ServerConfig::default());
    for _ in 0..5 {
        assert!(client.get().await.ends_with("ok"));
        sleep(secs(65)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn head_byte_by_byte_is_refused_after_10_s() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    let begun_at = Instant::now();
    for byte in GET.bytes().take(10) {
        client.send([byte]).await;
        sleep(secs(1)).await;
    }
    let (_, rest) = client.closed_after().await;
    assert_eq!(begun_at.elapsed().as_secs(), 10);
    assert!(
        rest.starts_with("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n"),
        "{rest}"
    );
    assert_eq!(ending.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn head_of_a_later_request_has_a_clock_of_its_own() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client.get().await;
    sleep(secs(60)).await;
    client.send("GET / HT").await;
    let (open, rest) = client.closed_after().await;
    assert_eq!(open.as_secs(), 10);
    assert!(rest.starts_with("HTTP/1.1 408 "), "{rest}");
    assert_eq!(ending.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn unfinished_preface_of_http2_is_cut_after_10_s() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client.send("PRI * HTTP/2.0\r\n").await;
    let (open, rest) = client.closed_after().await;
    assert_eq!((open.as_secs(), rest.as_str()), (10, ""));
    assert_eq!(ending.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_for_5_minutes_is_left_alone() {
    let (mut client, _ending) = serve_one(&ServerConfig::default());
    let begun_at = Instant::now();
    client.send(GET_SLOW).await;
    assert!(client.answer().await.ends_with("done"));
    assert_eq!(begun_at.elapsed().as_secs(), 300);
    assert_eq!(client.closed_after().await.0.as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let (mut client, _ending) = serve_one(&ServerConfig::default());
    client.send(format!("{GET_SLOW}{GET}{GET}")).await;
    assert!(client.answer().await.ends_with("done"));
    assert!(client.answer().await.ends_with("ok"));
    assert!(client.answer().await.ends_with("ok"));
    assert_eq!(client.closed_after().await.0.as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn pipelined_half_head_is_on_the_idle_clock_until_its_next_byte() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client.send(format!("{GET}GET / HT")).await;
    client.answer().await;
    sleep(secs(30)).await;
    client.send("T").await;
    assert_eq!(client.closed_after().await.0.as_secs(), 10);
    assert_eq!(ending.await.unwrap().reason, CloseReason::HeaderTimeout);
}

#[tokio::test(start_paused = true)]
async fn stalled_body_is_an_error_with_a_name_after_10_s() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc")
        .await;
    let begun_at = Instant::now();
    let answer = client.answer().await;
    assert_eq!(begun_at.elapsed().as_secs(), 10);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.ends_with("Some(Stalled { limit: 10s })"), "{answer}");
    // The rest of the body can no longer be told from a next request.
    assert_eq!(client.closed_after().await.0.as_secs(), 0);
    assert_eq!(ending.await.unwrap().reason, CloseReason::Finished);
}

#[tokio::test(start_paused = true)]
async fn dribbled_body_is_overdue_after_120_s() {
    let (mut client, _ending) = serve_one(&ServerConfig::default());
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 999\r\n\r\n")
        .await;
    let begun_at = Instant::now();
    let answer = loop {
        tokio::select! {
            answer = client.answer() => break answer,
            () = sleep(secs(9)) => {}
        }
        client.send("x").await;
    };
    assert_eq!(begun_at.elapsed().as_secs(), 120);
    assert!(
        answer.ends_with("Some(Overdue { limit: 120s })"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn body_in_time_reaches_the_handler() {
    let (mut client, _ending) = serve_one(&ServerConfig::default());
    client
        .send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    sleep(secs(9)).await;
    client.send("def").await;
    assert!(client.answer().await.ends_with("abcdef"));
}

#[tokio::test(start_paused = true)]
async fn client_that_takes_nothing_is_cut_after_30_s() {
    let (mut client, ending) = serve_one_buffering(&ServerConfig::default(), 1024);
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let begun_at = Instant::now();
    assert_eq!(ending.await.unwrap().reason, CloseReason::WriteTimeout);
    assert_eq!(begun_at.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn client_that_takes_slowly_gets_everything_and_is_idle_only_afterwards() {
    // Longer than the idle timeout, which must not run while an answer is being taken.
    let config = ServerConfig {
        write_timeout: secs(200),
        ..ServerConfig::default()
    };
    let (mut client, _ending) = serve_one_buffering(&config, 64 * 1024);
    client.send("HEAD /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut head = vec![0; 64 * 1024];
    let head_bytes = client.0.read(&mut head).await.unwrap();
    client.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.0.read_exact(&mut head[..head_bytes]).await.unwrap();
    let mut n_bytes = 0;
    while n_bytes < LARGE_BYTES {
        // What is left in the end is already on its way.
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
async fn handlers_see_their_peer() {
    let (mut client, _ending) = serve_one(&ServerConfig::default());
    client.send("GET /peer HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.answer().await.ends_with(&PEER.to_string()));
}

#[tokio::test(start_paused = true)]
async fn head_beyond_the_limit_is_refused_with_431() {
    let config = ServerConfig {
        max_header_bytes: 1000,
        ..ServerConfig::default()
    };
    let (mut client, _ending) = serve_one(&config);
    let padding = "x".repeat(1000);
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx-padding: {padding}\r\n\r\n"
        ))
        .await;
    assert!(client.answer().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn client_that_hangs_up_is_no_error_between_requests() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client.get().await;
    drop(client);
    assert_eq!(ending.await.unwrap().reason, CloseReason::Finished);
}

#[tokio::test(start_paused = true)]
async fn noise_is_an_error() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client
        .send("\x16\x03\x01\x02\x00 TLS was meant for somebody else\r\n\r\n")
        .await;
    assert!(client.closed_after().await.1.starts_with("HTTP/1.1 400 "));
    assert_eq!(ending.await.unwrap().reason, CloseReason::Error);
}

#[tokio::test(start_paused = true)]
async fn client_that_hangs_up_during_a_request_ends_it() {
    let (mut client, ending) = serve_one(&ServerConfig::default());
    client.send(GET_SLOW).await;
    sleep(secs(1)).await;
    let begun_at = Instant::now();
    drop(client);
    assert_eq!(ending.await.unwrap().reason, CloseReason::Error);
    assert_eq!(begun_at.elapsed().as_secs(), 0);
}

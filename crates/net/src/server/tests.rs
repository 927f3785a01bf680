//! Tests of a server over in-memory streams, on paused time: its bounds and its shutdown.

mod sockets;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::shutdown::ShutdownPhase;
use crate::testing::{DATA, GET, GOAWAY, HEADERS, TestClient, TestServer, secs, without_pings};
use crate::{DrainReport, ServerConfig};

const GET_STUCK: &str = "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n";
const CLOSED: &str = "almanac_http_connections_closed_total";

fn start() -> TestServer {
    TestServer::new(ServerConfig::default())
}

/// Sends a request and waits until the server has read it.
async fn send_and_settle(client: &mut TestClient, bytes: &str) {
    client.send(bytes).await;
    sleep(secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn serves_during_the_delay_with_connection_close() {
    let server = start();
    let mut reused = server.connect();
    assert!(!reused.get().await.contains("connection: close"));
    server.shutdown.signal();
    assert!(!server.shutdown.phase().is_ready());

    let response = reused.get().await;
    assert!(response.contains("connection: close\r\n"), "{response}");
    assert_eq!(reused.read_until_closed().await.0.as_secs(), 0);
    let mut fresh = server.connect();
    let response = fresh.get().await;
    assert!(
        response.starts_with("HTTP/1.1 200 ") && response.contains("connection: close"),
        "{response}"
    );
    assert!(!server.has_stopped_accepting());
    assert_eq!(server.report.await.unwrap(), DrainReport::default());
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed_after_the_delay() {
    let server = start();
    let mut client = server.connect();
    client.get().await;
    server.shutdown.signal();
    assert_eq!(client.read_until_closed().await.0.as_secs(), 5);
    assert!(server.has_stopped_accepting());
    assert_eq!(server.metric(CLOSED, Some("drain")), 1);
    assert!(server.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_is_answered_after_the_signal() {
    let server = start();
    let mut client = server.connect();
    send_and_settle(&mut client, crate::testing::GET_SLOW).await;
    sleep(secs(285)).await;
    server.shutdown.signal();
    let started_at = Instant::now();
    sleep(secs(6)).await;
    assert!(server.has_stopped_accepting());
    let response = client.read_response().await;
    assert_eq!(started_at.elapsed().as_secs(), 14);
    assert!(
        response.ends_with("done") && response.contains("connection: close"),
        "{response}"
    );
    assert!(server.report.await.unwrap().is_clean());
    assert_eq!(started_at.elapsed().as_secs(), 14);
}

#[tokio::test(start_paused = true)]
async fn request_with_an_incomplete_head_is_answered() {
    let server = start();
    let mut client = server.connect();
    client.get().await;
    server.shutdown.signal();
    sleep(secs(4)).await;
    let (begin, end) = GET.split_at(9);
    client.send(begin).await;
    server.shutdown.wait_for(ShutdownPhase::Draining).await;
    sleep(secs(2)).await;
    client.send(end).await;
    assert!(client.read_response().await.ends_with("ok"));
    assert!(server.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn connection_in_the_backlog_is_served_after_the_delay() {
    let server = start();
    server.shutdown.signal();
    sleep(secs(4)).await;
    // After the seventh failure the server pauses from 4.63 s to 5.27 s and accepts nothing.
    for _ in 0..7 {
        server.fail_accept();
    }
    sleep(Duration::from_millis(900)).await;
    let mut client = server.connect();
    server.shutdown.wait_for(ShutdownPhase::Draining).await;
    sleep(Duration::from_millis(500)).await;
    assert!(client.get().await.ends_with("ok"));
    assert!(server.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn connection_without_a_request_has_a_second_of_grace() {
    let server = start();
    let mut client = server.connect();
    server.shutdown.signal();
    assert_eq!(client.read_until_closed().await.0.as_secs(), 6);
    assert!(server.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn stuck_request_is_aborted_at_the_deadline_and_counted() {
    let server = start();
    let mut client = server.connect();
    send_and_settle(&mut client, GET_STUCK).await;
    server.shutdown.signal();
    assert_eq!(client.read_until_closed().await.0.as_secs(), 25);
    assert_eq!(server.metric(CLOSED, Some("aborted")), 1);
    let report = DrainReport {
        n_connections_aborted: 1,
        n_requests_aborted: 1,
    };
    assert_eq!(server.report.await.unwrap(), report);
}

#[tokio::test(start_paused = true)]
async fn second_signal_aborts_at_once() {
    let server = start();
    let mut client = server.connect();
    send_and_settle(&mut client, GET_STUCK).await;
    server.shutdown.signal();
    sleep(secs(2)).await;
    server.shutdown.signal();
    let started_at = Instant::now();
    assert_eq!(server.report.await.unwrap().n_requests_aborted, 1);
    assert_eq!(started_at.elapsed().as_secs(), 0);
    assert_eq!(client.read_until_closed().await.0.as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn server_without_connections_stops_after_the_delay() {
    let server = start();
    let started_at = Instant::now();
    server.shutdown.signal();
    assert!(server.report.await.unwrap().is_clean());
    assert_eq!(started_at.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn http2_client_gets_goaway_and_its_response() {
    let server = TestServer::new(without_pings());
    let mut client = server.connect();
    client.open_http2(65_535).await;
    client.get_http2(1, "/slow").await;
    sleep(secs(285)).await;
    server.shutdown.signal();
    let started_at = Instant::now();
    assert!(client.read_frame_of(GOAWAY).await.is_some());
    assert_eq!(started_at.elapsed().as_secs(), 5);
    assert!(client.read_frame_of(HEADERS).await.is_some());
    assert_eq!(client.read_frame_of(DATA).await.unwrap().payload, b"done");
    assert!(server.report.await.unwrap().is_clean());
    assert_eq!(started_at.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn stuck_http2_requests_are_counted_individually() {
    let server = start();
    let mut client = server.connect();
    client.open_http2(65_535).await;
    for stream in [1, 3, 5] {
        client.get_http2(stream, "/stuck").await;
    }
    server.shutdown.signal();
    let (_, report) = tokio::join!(client.read_frame_of(DATA), server.report);
    assert_eq!(
        report.unwrap(),
        DrainReport {
            n_connections_aborted: 1,
            n_requests_aborted: 3
        }
    );
}

#[tokio::test(start_paused = true)]
async fn connections_over_the_limit_wait_in_the_backlog() {
    let config = ServerConfig {
        max_connections: 2,
        ..ServerConfig::default()
    };
    let server = TestServer::new(config);
    let (mut first, mut second) = (server.connect(), server.connect());
    first.get().await;
    second.get().await;
    let mut third = server.connect();
    third.send(GET).await;
    {
        let mut response = std::pin::pin!(third.read_response());
        sleep(secs(10)).await;
        let is_waiting = poll_fn(|cx| Poll::Ready(response.as_mut().poll(cx).is_pending())).await;
        assert!(is_waiting);
        assert_eq!(server.metric("almanac_http_connections_open", None), 2);
        assert_eq!(server.metric("almanac_http_accept_paused_total", None), 1);
        drop(first);
        assert!(response.await.ends_with("ok"));
    }
    assert_eq!(
        server.metric("almanac_http_connections_accepted_total", None),
        3
    );
    assert_eq!(server.metric(CLOSED, Some("finished")), 1);
}

#[tokio::test(start_paused = true)]
async fn drain_begins_while_all_connections_are_open() {
    let config = ServerConfig {
        max_connections: 1,
        ..ServerConfig::default()
    };
    let server = TestServer::new(config);
    let mut client = server.connect();
    client.get().await;
    let _waiting = server.connect();
    server.shutdown.signal();
    assert_eq!(client.read_until_closed().await.0.as_secs(), 5);
    assert!(server.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn failure_to_accept_is_counted_and_does_not_stop_the_server() {
    let server = start();
    for _ in 0..3 {
        server.fail_accept();
    }
    let started_at = Instant::now();
    assert!(server.connect().get().await.ends_with("ok"));
    assert_eq!(started_at.elapsed().as_millis(), 10 + 20 + 40);
    assert_eq!(server.metric("almanac_http_accept_errors_total", None), 3);
}

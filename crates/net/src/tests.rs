//! A whole server over in-memory streams, on paused time: bounds and the end.

mod sockets;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::testing::{Client, DATA, GET, GOAWAY, HEADERS, Running, secs, without_pings};
use crate::shutdown::Phase;
use crate::{DrainReport, ServerConfig};

const GET_STUCK: &str = "GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n";
const CLOSED: &str = "almanac_http_connections_closed_total";

fn start() -> Running {
    Running::new(ServerConfig::default())
}

/// Sends the head of a request and stays on until the server has read it.
async fn send_and_settle(client: &mut Client, bytes: &str) {
    client.send(bytes).await;
    sleep(secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn serves_during_the_delay_and_asks_to_reconnect() {
    let running = start();
    let mut kept = running.connect();
    assert!(!kept.get().await.contains("connection: close"));
    running.shutdown.signal();
    assert!(!running.shutdown.phase().is_ready());

    let answer = kept.get().await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(kept.closed_after().await.0.as_secs(), 0);
    let mut fresh = running.connect();
    let answer = fresh.get().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(!running.has_stopped_accepting());
    assert_eq!(running.report.await.unwrap(), DrainReport::default());
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed_when_the_delay_is_over() {
    let running = start();
    let mut client = running.connect();
    client.get().await;
    running.shutdown.signal();
    assert_eq!(client.closed_after().await.0.as_secs(), 5);
    assert!(running.has_stopped_accepting());
    assert_eq!(running.metric(CLOSED, Some("drain")), 1);
    assert!(running.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_is_answered_after_the_signal() {
    let running = start();
    let mut client = running.connect();
    send_and_settle(&mut client, crate::testing::GET_SLOW).await;
    sleep(secs(285)).await;
    running.shutdown.signal();
    let begun_at = Instant::now();
    sleep(secs(6)).await;
    assert!(running.has_stopped_accepting());
    let answer = client.answer().await;
    assert_eq!(begun_at.elapsed().as_secs(), 14);
    assert!(
        answer.ends_with("done") && answer.contains("connection: close"),
        "{answer}"
    );
    assert!(running.report.await.unwrap().is_clean());
    assert_eq!(begun_at.elapsed().as_secs(), 14);
}

#[tokio::test(start_paused = true)]
async fn request_whose_head_is_under_way_is_answered() {
    let running = start();
    let mut client = running.connect();
    client.get().await;
    running.shutdown.signal();
    sleep(secs(4)).await;
    let (begin, end) = GET.split_at(9);
    client.send(begin).await;
    running.shutdown.reached(Phase::Draining).await;
    sleep(secs(2)).await;
    client.send(end).await;
    assert!(client.answer().await.ends_with("ok"));
    assert!(running.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn connection_in_the_backlog_is_served_when_the_delay_is_over() {
    let running = start();
    running.shutdown.signal();
    sleep(secs(4)).await;
    // After the seventh failure the server pauses from 4.63 s to 5.27 s and accepts nothing.
    for _ in 0..7 {
        running.fail_accept();
    }
    sleep(Duration::from_millis(900)).await;
    let mut client = running.connect();
    running.shutdown.reached(Phase::Draining).await;
    sleep(Duration::from_millis(500)).await;
    assert!(client.get().await.ends_with("ok"));
    assert!(running.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn connection_without_a_request_is_waited_for_a_second() {
    let running = start();
    let mut client = running.connect();
    running.shutdown.signal();
    assert_eq!(client.closed_after().await.0.as_secs(), 6);
    assert!(running.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn stuck_request_is_aborted_at_the_deadline_and_counted() {
    let running = start();
    let mut client = running.connect();
    send_and_settle(&mut client, GET_STUCK).await;
    running.shutdown.signal();
    assert_eq!(client.closed_after().await.0.as_secs(), 25);
    assert_eq!(running.metric(CLOSED, Some("aborted")), 1);
    let report = DrainReport {
        n_connections_aborted: 1,
        n_requests_aborted: 1,
    };
    assert_eq!(running.report.await.unwrap(), report);
}

#[tokio::test(start_paused = true)]
async fn second_signal_aborts_at_once() {
    let running = start();
    let mut client = running.connect();
    send_and_settle(&mut client, GET_STUCK).await;
    running.shutdown.signal();
    sleep(secs(2)).await;
    running.shutdown.signal();
    let begun_at = Instant::now();
    assert_eq!(running.report.await.unwrap().n_requests_aborted, 1);
    assert_eq!(begun_at.elapsed().as_secs(), 0);
    assert_eq!(client.closed_after().await.0.as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn server_without_connections_ends_with_the_delay() {
    let running = start();
    let begun_at = Instant::now();
    running.shutdown.signal();
    assert!(running.report.await.unwrap().is_clean());
    assert_eq!(begun_at.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn http2_client_gets_goaway_and_its_answer() {
    let running = Running::new(without_pings());
    let mut client = running.connect();
    client.open_http2(65_535).await;
    client.get_http2(1, "/slow").await;
    sleep(secs(285)).await;
    running.shutdown.signal();
    let begun_at = Instant::now();
    assert!(client.frame_of(GOAWAY).await.is_some());
    assert_eq!(begun_at.elapsed().as_secs(), 5);
    assert!(client.frame_of(HEADERS).await.is_some());
    assert_eq!(client.frame_of(DATA).await.unwrap().payload, b"done");
    assert!(running.report.await.unwrap().is_clean());
    assert_eq!(begun_at.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn stuck_http2_requests_are_counted_one_by_one() {
    let running = start();
    let mut client = running.connect();
    client.open_http2(65_535).await;
    for stream in [1, 3, 5] {
        client.get_http2(stream, "/stuck").await;
    }
    running.shutdown.signal();
    let (_, report) = tokio::join!(client.frame_of(DATA), running.report);
    assert_eq!(
        report.unwrap(),
        DrainReport {
            n_connections_aborted: 1,
            n_requests_aborted: 3
        }
    );
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_bound_wait_in_the_backlog() {
    let config = ServerConfig {
        max_connections: 2,
        ..ServerConfig::default()
    };
    let running = Running::new(config);
    let (mut first, mut second) = (running.connect(), running.connect());
    first.get().await;
    second.get().await;
    let mut third = running.connect();
    third.send(GET).await;
    {
        let mut answer = std::pin::pin!(third.answer());
        sleep(secs(10)).await;
        let is_waiting = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
        assert!(is_waiting);
        assert_eq!(running.metric("almanac_http_connections_open", None), 2);
        assert_eq!(running.metric("almanac_http_accept_paused_total", None), 1);
        drop(first);
        assert!(answer.await.ends_with("ok"));
    }
    assert_eq!(
        running.metric("almanac_http_connections_accepted_total", None),
        3
    );
    assert_eq!(running.metric(CLOSED, Some("finished")), 1);
}

#[tokio::test(start_paused = true)]
async fn drain_begins_while_all_connections_are_open() {
    let config = ServerConfig {
        max_connections: 1,
        ..ServerConfig::default()
    };
    let running = Running::new(config);
    let mut client = running.connect();
    client.get().await;
    let _waiting = running.connect();
    running.shutdown.signal();
    assert_eq!(client.closed_after().await.0.as_secs(), 5);
    assert!(running.report.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn failing_accept_is_counted_and_survived() {
    let running = start();
    for _ in 0..3 {
        running.fail_accept();
    }
    let begun_at = Instant::now();
    assert!(running.connect().get().await.ends_with("ok"));
    assert_eq!(begun_at.elapsed().as_millis(), 10 + 20 + 40);
    assert_eq!(running.metric("almanac_http_accept_errors_total", None), 3);
}

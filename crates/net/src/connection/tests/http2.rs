//! Tests of HTTP/2 connections, frame by frame and on paused time.

use tokio::time::{Instant, sleep};

use crate::testing::{
    ACK, DATA, END_STREAM, GOAWAY, HEADERS, LARGE_BYTES, PEER, PING, SETTINGS, WINDOW_UPDATE, secs,
    serve_one, without_pings,
};
use crate::{CloseReason, ServerConfig};

#[tokio::test(start_paused = true)]
async fn prior_knowledge_is_served_on_the_same_port() {
    let (mut client, _outcome) = serve_one(&ServerConfig::default());
    client.open_http2(65_535).await;
    client.get_http2(1, "/peer").await;
    let headers = client.read_frame_of(HEADERS).await.unwrap();
    // 0x88 is `:status: 200` in the static table.
    assert_eq!((headers.stream, headers.payload[0]), (1, 0x88));
    assert_eq!(
        client.read_frame_of(DATA).await.unwrap().payload,
        PEER.to_string().as_bytes()
    );
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_is_answered_and_the_idle_connection_gets_goaway() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.open_http2(65_535).await;
    client.get_http2(1, "/slow").await;
    let started_at = Instant::now();
    assert_eq!(client.read_frame_of(DATA).await.unwrap().payload, b"done");
    assert_eq!(started_at.elapsed().as_secs(), 300);
    assert!(client.read_frame_of(GOAWAY).await.is_some());
    assert_eq!(started_at.elapsed().as_secs(), 375);
    assert!(client.read_frame_of(DATA).await.is_none());
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Idle);
    assert_eq!(started_at.elapsed().as_secs(), 375);
}

#[tokio::test(start_paused = true)]
async fn client_that_only_pings_is_idle() {
    let (mut client, outcome) = serve_one(&without_pings());
    client.open_http2(65_535).await;
    let started_at = Instant::now();
    for _ in 0..7 {
        sleep(secs(10)).await;
        client.send_frame(PING, 0, 0, &[0; 8]).await;
    }
    assert!(client.read_frame_of(GOAWAY).await.is_some());
    assert_eq!(started_at.elapsed().as_secs(), 75);
    // The client no longer answers pings, and the server does not wait for it.
    let config = ServerConfig::default();
    assert_eq!(outcome.await.unwrap().reason, CloseReason::Idle);
    assert!(started_at.elapsed() <= config.idle_timeout + secs(5));
}

#[tokio::test(start_paused = true)]
async fn peer_that_disappears_during_a_request_is_detected_by_ping() {
    let (mut client, outcome) = serve_one(&ServerConfig::default());
    client.open_http2(65_535).await;
    client.get_http2(1, "/stuck").await;
    let started_at = Instant::now();
    outcome.await.unwrap();
    assert_eq!(started_at.elapsed().as_secs(), 50);
}

#[tokio::test(start_paused = true)]
async fn client_without_window_for_a_response_is_dropped_after_30_s() {
    let (mut client, outcome) = serve_one(&without_pings());
    client.open_http2(0).await;
    client.get_http2(1, "/").await;
    let headers = client.read_frame_of(HEADERS).await.unwrap();
    assert_eq!(headers.flags & END_STREAM, 0);
    let started_at = Instant::now();
    assert!(client.read_frame_of(DATA).await.is_none());
    assert_eq!(started_at.elapsed().as_secs(), 30);
    assert_eq!(outcome.await.unwrap().reason, CloseReason::WriteTimeout);
}

#[tokio::test(start_paused = true)]
async fn slow_reader_is_not_idle() {
    let (mut client, _outcome) = serve_one(&without_pings());
    client.open_http2(65_535).await;
    client.get_http2(1, "/large").await;
    let mut n_bytes = 0;
    loop {
        let frame = client.read_frame_of(DATA).await.unwrap();
        n_bytes += frame.payload.len();
        if frame.flags & END_STREAM != 0 {
            break;
        }
        // Restores the window of the stream and of the connection.
        let length = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
        sleep(secs(2)).await;
        client.send_frame(WINDOW_UPDATE, 0, 1, &length).await;
        client.send_frame(WINDOW_UPDATE, 0, 0, &length).await;
    }
    assert_eq!(n_bytes, LARGE_BYTES);
}

#[tokio::test(start_paused = true)]
async fn limits_are_announced() {
    let config = ServerConfig {
        http2_max_streams: 77,
        ..ServerConfig::default()
    };
    let (mut client, _outcome) = serve_one(&config);
    client.open_http2(65_535).await;
    let settings = client.read_frame().await.unwrap();
    assert_eq!((settings.kind, settings.flags & ACK), (SETTINGS, 0));
    // Identifier 3 is SETTINGS_MAX_CONCURRENT_STREAMS.
    assert!(
        settings
            .payload
            .chunks(6)
            .any(|entry| entry == [0, 3, 0, 0, 0, 77])
    );
}

//! Tests of the server on real sockets and a real clock, which wait only for events.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::shutdown::{DrainTiming, Shutdown, ShutdownPhase};
use crate::{Server, ServerConfig, ServerMetrics, testing};

fn server(shutdown: &Shutdown) -> Server {
    let metrics = ServerMetrics::new(&Registry::new()).unwrap();
    Server::new(ServerConfig::default(), shutdown.clone(), metrics)
}

async fn send(router: Router, path: &str) -> (TcpStream, Shutdown, tokio::task::JoinHandle<bool>) {
    let timing = DrainTiming {
        drain_delay: std::time::Duration::ZERO,
        ..DrainTiming::default()
    };
    let shutdown = Shutdown::new(timing);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = server(&shutdown).serve(listener, router);
    let served = tokio::spawn(async move { served.await.is_clean() });
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    (client, shutdown, served)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_get_the_address_of_the_socket() {
    let (mut client, shutdown, served) = send(testing::router(), "/peer").await;
    let address = client.local_addr().unwrap().to_string();
    let mut response = String::new();
    while !response.ends_with(&address) {
        response.push(char::from(client.read_u8().await.unwrap()));
    }
    shutdown.signal();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(served.await.unwrap());
}

#[tokio::test]
async fn request_in_flight_is_answered_after_the_listener_closes() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
        async move || {
            entered.notify_one();
            release.notified().await;
            "done"
        }
    };
    let (mut client, shutdown, served) = send(Router::new().route("/", get(handler)), "/").await;
    let address = client.peer_addr().unwrap();
    entered.notified().await;
    shutdown.signal();
    shutdown.wait_for(ShutdownPhase::Draining).await;
    release.notify_one();
    let mut response = String::new();
    client.read_to_string(&mut response).await.unwrap();
    assert!(
        response.contains("connection: close") && response.ends_with("done"),
        "{response}"
    );
    assert!(served.await.unwrap());
    assert!(TcpStream::connect(address).await.is_err());
}

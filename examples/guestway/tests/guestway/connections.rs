//! The limits of connections, over real sockets.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use guestway::{ConnectionLimits, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

/// The preface of HTTP/2 and an empty SETTINGS frame (RFC 9113 §3.4, §6.5).
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A request that is answered at once, and one that is answered when the test allows it.
const QUICK: &[u8] = b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n";
const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";

const LONG: Duration = Duration::from_secs(600);

/// How long a test waits before it fails.
const TIMEOUT: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    /// Lets one slow request be answered.
    answer: Arc<Notify>,
}

async fn server(max_open: usize, idle_timeout: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, answer) = (listener.local_addr().unwrap(), Arc::new(Notify::new()));
    let permitted = answer.clone();
    let slow = async move || {
        permitted.notified().await;
        "slow"
    };
    let app = Router::new().route("/quick", get(async || "quick")).route("/slow", get(slow));
    let limits = ConnectionLimits { max_open, idle_timeout };
    tokio::spawn(serve(listener, app, limits, pending()));
    Server { address, answer }
}

impl Server {
    /// A connection on which this was sent.
    async fn connect(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }
}

/// Reads until the server has sent this text.
async fn read_until(stream: &mut TcpStream, end: &[u8]) {
    let mut received = Vec::new();
    while !received.ends_with(end) {
        let byte = timeout(TIMEOUT, stream.read_u8()).await.expect("an answer in time");
        received.push(byte.expect("an answer before the end"));
    }
}

/// Waits until the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut Vec::new())).await.expect("closed in time");
}

#[tokio::test]
async fn an_idle_connection_is_closed_whatever_its_protocol() {
    let server = server(100, Duration::from_millis(300)).await;
    let mut busy = server.connect(SLOW).await;
    let mut idle = Vec::new();
    for sent in [b"", &HTTP_2[..5], HTTP_2, &QUICK[..10], QUICK] {
        idle.push(server.connect(sent).await);
    }
    for connection in &mut idle {
        closed(connection).await;
    }
    server.answer.notify_one();
    read_until(&mut busy, b"slow").await;
    closed(&mut busy).await;
}

#[tokio::test]
async fn idle_http_2_connections_lock_no_other_client_out() {
    let server = server(50, LONG).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        let mut connection = server.connect(HTTP_2).await;
        connection.read_u8().await.unwrap(); // the server's SETTINGS
        idle.push(connection);
    }
    for _ in 0..3 {
        let mut client = server.connect(QUICK).await;
        read_until(&mut client, b"quick").await;
        idle.push(client);
    }
    for oldest in &mut idle[..3] {
        closed(oldest).await;
    }
    let fourth = timeout(Duration::from_millis(100), idle[3].read_to_end(&mut Vec::new())).await;
    assert!(fourth.is_err(), "one that has been idle for less time is closed too");
}

#[tokio::test]
async fn a_request_in_progress_is_not_cut_off_to_make_room() {
    let server = server(1, LONG).await;
    let mut busy = server.connect(SLOW).await;
    let reaches_server = timeout(Duration::from_millis(200), busy.read_u8()).await;
    assert!(reaches_server.is_err());
    let mut next = server.connect(QUICK).await;
    let waits = timeout(Duration::from_millis(200), next.read_u8()).await;
    assert!(waits.is_err());
    server.answer.notify_one();
    read_until(&mut busy, b"slow").await;
    read_until(&mut next, b"quick").await;
    closed(&mut busy).await;
}

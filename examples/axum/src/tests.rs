use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// The response to a GET with these header lines, as text.
async fn get(address: SocketAddr, path: &str, credentials: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{credentials}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Starts the server. Returns its address, and header lines that may read guests.
async fn serve() -> (SocketAddr, String) {
    let registry = registry().unwrap();
    let (partner, issued) = seed_demo(&registry).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app(registry).unwrap()).await });
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    (address, format!("x-api-key: {key}\r\nauthorization: Bearer {token}\r\n"))
}

#[tokio::test]
async fn the_route_of_the_tokens_scope_is_served() {
    let (address, credentials) = serve().await;
    let answer = get(address, "/guests", &credentials).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains(r#"ratelimit-policy: "burst";q=10;w=2, "daily";q=10000;w=86400"#));
    assert!(answer.ends_with(r#"{"guests":["Ada","Grace"],"organization":"acme"}"#), "{answer}");
}

#[tokio::test]
async fn the_other_route_names_the_scope_that_it_requires() {
    let (address, credentials) = serve().await;
    let answer = get(address, "/reservations", &credentials).await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(answer.contains(r#""code":"scope_insufficient""#), "{answer}");
    assert!(answer.contains(r#""required":["reservations:read"]"#), "{answer}");
}

#[tokio::test]
async fn no_route_is_served_without_credentials() {
    let (address, _) = serve().await;
    for path in ["/guests", "/reservations"] {
        let answer = get(address, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
        assert!(answer.contains(r#""code":"api_key_missing""#), "{answer}");
    }
}

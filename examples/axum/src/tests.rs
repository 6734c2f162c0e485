use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Sends a request with these header lines.
async fn send(address: SocketAddr, method: &str, path: &str, credentials: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{credentials}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The response to a GET with these header lines, as text.
async fn get(address: SocketAddr, path: &str, credentials: &str) -> String {
    let mut stream = send(address, "GET", path, credentials).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Starts the server. Returns its address, and header lines that may read guests.
async fn serve() -> (SocketAddr, String) {
    let (address, credentials, _, _) = serve_registry().await;
    (address, credentials)
}

/// The same, with the registry and the token.
async fn serve_registry() -> (SocketAddr, String, Registry, IssuedToken) {
    let registry = registry().unwrap();
    let (partner, issued) = seed_demo(&registry).await.unwrap();
    let serving = registry.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app(serving).unwrap()).await });
    let (key, token) = (partner.api_key, issued.secret.expose_secret());
    let credentials = format!("x-api-key: {key}\r\nauthorization: Bearer {token}\r\n");
    (address, credentials, registry, issued)
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
    for path in ["/guests", "/reservations", "/events"] {
        let answer = get(address, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
        assert!(answer.contains(r#""code":"api_key_missing""#), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_of_events_ends_when_its_token_is_revoked() {
    let (address, credentials, registry, issued) = serve_registry().await;
    let mut stream = send(address, "GET", "/events", &credentials).await;
    let (mut answer, mut buffer) = (String::new(), [0; 1024]);
    while !answer.contains("data: no news of acme") {
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    let record = &issued.record;
    registry.revoke_token(&record.organization, &record.id).await.unwrap();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("0\r\n\r\n"), "the stream ends in order: {answer}");
}

#[tokio::test]
async fn a_page_of_the_allowed_origin_can_call_the_api() {
    let (address, credentials) = serve().await;
    let preflight = "origin: https://app.example.com\r\naccess-control-request-method: GET\r\n\
        access-control-request-headers: authorization,x-api-key\r\n";
    let mut answer = String::new();
    let mut stream = send(address, "OPTIONS", "/guests", preflight).await;
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-headers: x-api-key, authorization\r\n"));

    let from_page = format!("origin: https://app.example.com\r\n{credentials}");
    let served = get(address, "/guests", &from_page).await;
    assert!(served.contains(r#"ratelimit: "burst";r=9;"#), "a preflight costs nothing: {served}");
    let refused = get(address, "/guests", "origin: https://app.example.com\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{refused}");
    for answer in [answer, served, refused] {
        assert!(answer.contains("access-control-allow-origin: https://app.example.com\r\n"));
        let exposed = "access-control-expose-headers: ratelimit-policy, ratelimit, retry-after, \
            www-authenticate, allow\r\n";
        assert!(answer.contains(exposed), "{answer}");
    }
}

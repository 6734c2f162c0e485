use http::{StatusCode, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use tokio::net::TcpStream;

use super::*;

/// A connection to the server, and a request with good credentials.
async fn served() -> (TokioIo<TcpStream>, Request<Empty<Bytes>>) {
    let (layer, partner, issued) = guard().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(serve(listener, layer));
    let request = Request::get("http://example.test/")
        .header("x-api-key", partner.api_key.as_str())
        .header("authorization", format!("Bearer {}", issued.secret.expose_secret()))
        .body(Empty::new())
        .unwrap();
    (TokioIo::new(stream), request)
}

async fn over_http_1(
    stream: TokioIo<TcpStream>,
    request: Request<Empty<Bytes>>,
) -> Response<String> {
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    read(sender.send_request(request).await.unwrap()).await
}

async fn over_http_2(
    stream: TokioIo<TcpStream>,
    request: Request<Empty<Bytes>>,
) -> Response<String> {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    read(sender.send_request(request).await.unwrap()).await
}

async fn read(answer: Response<Incoming>) -> Response<String> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_good_request_is_served_over_http_1() {
    let (stream, request) = served().await;
    let answer = over_http_1(stream, request).await;
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_11));
    let limits = answer.headers()["ratelimit"].to_str().unwrap();
    assert!(limits.starts_with(r#""burst";r=9;t=2, "#), "{limits}");
    assert_eq!(answer.body(), "guests of acme\n");
}

#[tokio::test]
async fn a_good_request_is_served_over_http_2() {
    let (stream, request) = served().await;
    let answer = over_http_2(stream, request).await;
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(answer.body(), "guests of acme\n");
}

#[tokio::test]
async fn a_token_without_its_last_letter_is_refused() {
    let (stream, mut request) = served().await;
    let token = request.headers()["authorization"].to_str().unwrap();
    let token = token[..token.len() - 1].parse().unwrap();
    request.headers_mut().insert("authorization", token);
    let answer = over_http_2(stream, request).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.headers()["www-authenticate"],
        r#"Bearer realm="api", error="invalid_token""#
    );
    assert!(answer.body().contains(r#""code":"token_invalid""#), "{}", answer.body());
}

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::Server;
use crate::support::Body;

impl Server {
    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw(BufReader::new(self.connect().await))
    }

    pub(crate) async fn http1(&self) -> Http1 {
        let io = TokioIo::new(self.connect().await);
        let (requests, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Http1(requests)
    }

    /// HTTP/2 with prior knowledge (RFC 9113 §3.3).
    pub(crate) async fn http2(&self) -> Http2 {
        let io = TokioIo::new(self.connect().await);
        let (requests, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Http2(requests)
    }

    /// The request of the fixture with other headers and an absolute URI.
    pub(crate) fn request(&self, headers: HeaderMap) -> Request<Body> {
        let mut request = self.fixture.request();
        *request.uri_mut() = format!("http://{}/reservations", self.address).parse().unwrap();
        *request.headers_mut() = headers;
        request
    }

    pub(crate) fn good_request(&self) -> Request<Body> {
        self.request(self.fixture.request().headers().clone())
    }
}

/// A client of HTTP/1.1.
pub(crate) struct Http1(http1::SendRequest<Body>);

impl Http1 {
    pub(crate) async fn send(&mut self, mut request: Request<Body>) -> Response<Bytes> {
        request.headers_mut().insert("host", "here".parse().unwrap());
        *request.uri_mut() = request.uri().path().parse().unwrap();
        self.0.ready().await.unwrap();
        whole(self.0.send_request(request).await.unwrap()).await
    }
}

/// A client of HTTP/2.
#[derive(Clone)]
pub(crate) struct Http2(http2::SendRequest<Body>);

impl Http2 {
    pub(crate) async fn send(&mut self, request: Request<Body>) -> Response<Bytes> {
        self.0.ready().await.unwrap();
        whole(self.0.send_request(request).await.unwrap()).await
    }
}

async fn whole(answer: Response<hyper::body::Incoming>) -> Response<Bytes> {
    let (head, body) = answer.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// A client that writes arbitrary bytes, and reads responses of HTTP/1.1.
pub(crate) struct Raw(BufReader<TcpStream>);

impl Raw {
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next response, without its date.
    pub(crate) async fn answer(&mut self) -> Response<Bytes> {
        let head = self.head().await;
        let length = head.headers().get("content-length");
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        head.map(|()| body.into())
    }

    /// The head of the next response, without its date.
    pub(crate) async fn head(&mut self) -> Response<()> {
        let status = self.line().await;
        let status = status.strip_prefix("HTTP/1.1 ").expect("a response of HTTP/1.1");
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_bytes(&status.as_bytes()[..3]).unwrap();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "", "the end of the head");
                return answer;
            };
            let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            if name != "date" {
                answer.headers_mut().append(name, value.parse().unwrap());
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.strip_suffix("\r\n").expect("a whole line").to_owned()
    }

    /// Closes the sending side, and reads until the server closes the connection.
    pub(crate) async fn rest(mut self) -> String {
        self.0.get_mut().shutdown().await.unwrap();
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

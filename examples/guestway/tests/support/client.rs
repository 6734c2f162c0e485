use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An HTTP client with a pool of connections.
#[derive(Clone)]
pub(crate) struct Client(Pool<HttpConnector, Full<Bytes>>);

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn http1() -> Self {
        Self(Pool::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) fn http2() -> Self {
        Self(Pool::builder(TokioExecutor::new()).http2_only(true).build_http())
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request; none if the server is gone.
    pub(crate) async fn try_send(&self, request: Request<Full<Bytes>>) -> Option<Answer> {
        let (head, body) = self.0.request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Some(Answer { status: head.status, headers: head.headers, body })
    }
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The places that the items of `errors` name by this member.
    pub(crate) fn faults(&self, member: &str) -> Vec<&str> {
        let errors = self.body["errors"].as_array().unwrap().iter();
        errors.filter_map(|error| error[member].as_str()).collect()
    }

    /// Asserts that this is a complete problem (RFC 9457) with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str, about: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{about}: {}", self.body);
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json", "{about}");
        assert_eq!(self.body["status"], status, "{about}");
        assert!(self.body["title"].is_string() && self.body["detail"].is_string(), "{about}");
    }
}

/// A URL with credentials.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) url: String,
    pub(crate) api_key: String,
    pub(crate) token: String,
}

impl Call {
    pub(crate) fn get(&self) -> Request<Full<Bytes>> {
        self.with(Method::GET, None)
    }

    pub(crate) fn with(&self, method: Method, json: Option<&str>) -> Request<Full<Bytes>> {
        let request = Request::builder()
            .method(method)
            .uri(&self.url)
            .header("x-api-key", &self.api_key)
            .header(AUTHORIZATION, format!("Bearer {}", self.token));
        match json {
            None => request.body(Full::default()),
            Some(json) => {
                request.header(CONTENT_TYPE, "application/json").body(Full::from(json.to_owned()))
            }
        }
        .unwrap()
    }
}

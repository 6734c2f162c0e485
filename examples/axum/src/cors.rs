//! Lets the pages of one origin call the API from a browser. It is outside of the guard: a preflight has no
//! credentials, and a page can read a refusal only if it has these fields too. `tower_http::cors` is a
//! complete layer of this kind.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue,
    InvalidHeaderValue,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use dualkey::Gate;

const ORIGIN: HeaderValue = HeaderValue::from_static("https://app.example.com");

#[derive(Clone)]
pub(crate) struct Cors {
    allowed: HeaderValue,
    exposed: HeaderValue,
}

impl Cors {
    pub(crate) fn new(gate: &Gate) -> Result<Self, InvalidHeaderValue> {
        let list = |names: &[HeaderName]| {
            names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ").try_into()
        };
        Ok(Self {
            allowed: list(&gate.cors_allowed_headers())?,
            exposed: list(&gate.cors_exposed_headers())?,
        })
    }
}

pub(crate) async fn cors(State(cors): State<Cors>, request: Request, next: Next) -> Response {
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        let methods = (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
        let fields = [methods, (ACCESS_CONTROL_ALLOW_HEADERS, cors.allowed)];
        (StatusCode::NO_CONTENT, fields).into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN);
    response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, cors.exposed);
    response
}

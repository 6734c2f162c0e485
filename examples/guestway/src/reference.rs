//! The pages of the reference: the OpenAPI document, and what integrators read and try out.

mod document;
mod operation;
mod page;
mod schema;
mod text;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};

use crate::log::log;
use crate::openapi::Document;
use page::{SCRIPT, STYLE, page};

/// The document as `/openapi.json` and `/openapi.yaml`, and the page `/swagger/open`.
pub fn reference(document: &Document) -> Router {
    Router::new()
        .route("/openapi.json", file("application/json", document.to_json()))
        .route("/openapi.yaml", file("application/yaml", document.to_yaml()))
        .route(
            "/swagger/open",
            file("text/html; charset=utf-8", page(document.as_json()).into_string()),
        )
        .route(STYLE, file("text/css; charset=utf-8", include_str!("../assets/reference.css")))
        .route(
            SCRIPT,
            file("text/javascript; charset=utf-8", include_str!("../assets/reference.js")),
        )
        .layer(map_response(protect))
        .layer(from_fn(log))
}

/// A file that does not change while the program runs. Caches ask each time whether it is the same
/// (RFC 9111 §5.2.2.4).
fn file(kind: &'static str, content: impl Into<String>) -> MethodRouter {
    let content = content.into();
    let tag = entity_tag(&content);
    get(move |headers: HeaderMap| async move {
        let is_known = is_known(&headers, &tag);
        let fields = [(ETAG, tag), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        match is_known {
            true => (StatusCode::NOT_MODIFIED, fields).into_response(),
            false => (fields, [(CONTENT_TYPE, kind)], content).into_response(),
        }
    })
}

fn entity_tag(content: &str) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    HeaderValue::try_from(tag).expect("a quoted number is a field value")
}

/// Whether the client has the content of this tag (RFC 9110 §13.1.2).
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The page has one script and one style sheet, and sends requests to its own server only.
async fn protect(mut response: Response) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                  form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

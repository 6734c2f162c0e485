use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL};
use http::{HeaderValue, Method, Response, StatusCode};

/// The response to a request whose method is not declared for its path (RFC 9110 §15.5.6).
pub(crate) fn method_not_allowed<'a>(
    declared: impl IntoIterator<Item = &'a Method>,
) -> Response<Bytes> {
    let mut refusal = Response::new(Bytes::new());
    *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let headers = refusal.headers_mut();
    headers.insert(ALLOW, allow(declared));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    refusal
}

/// The value of `Allow` (RFC 9110 §10.2.1). It lists the declared methods, and HEAD if GET is declared.
fn allow<'a>(declared: impl IntoIterator<Item = &'a Method>) -> HeaderValue {
    let mut methods: Vec<_> = declared.into_iter().map(Method::as_str).collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

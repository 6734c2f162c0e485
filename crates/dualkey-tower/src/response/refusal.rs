use bytes::Bytes;
use dualkey_verify::{Denial, HeaderNames};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Response};

use super::challenge::challenge;
use super::fields::RateLimitState;
use super::problem::Problem;
use super::quota::whole_seconds;
use super::settings::ResponseSettings;

/// The response to a request with these fields that was denied. Its extensions contain the denial.
pub(crate) fn refusal_response(
    request: &HeaderMap,
    denial: &Denial,
    settings: &ResponseSettings,
    names: &HeaderNames,
) -> Response<Bytes> {
    let refusal = problem_response(denial, settings, names);
    let mut refusal = match &settings.refusal_mapper {
        Some(mapper) => mapper.map_refusal_to(request, denial, refusal),
        None => refusal,
    };
    refusal.extensions_mut().insert(denial.clone());
    refusal
}

fn problem_response(
    denial: &Denial,
    settings: &ResponseSettings,
    names: &HeaderNames,
) -> Response<Bytes> {
    let problem = Problem::new(denial, &settings.problem_type_base, names);
    let body = serde_json::to_vec(&problem).map(Bytes::from).unwrap_or_default();
    let mut refusal = Response::new(body);
    *refusal.status_mut() = denial.status();
    let headers = refusal.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(challenge) = challenge(denial, &settings.realm, names) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Denial::MethodNotAllowed { allowed } = denial {
        headers.insert(ALLOW, allow(allowed));
    }
    if let Some(wait) = denial.retry_after() {
        headers.insert(RETRY_AFTER, whole_seconds(wait).into());
    }
    if let Some(standing) = denial.standing() {
        RateLimitState::new(settings.rate_limit_fields, standing).insert_into(headers);
    }
    refusal
}

/// The value of `Allow` (RFC 9110 §10.2.1). The order of methods is that of their declaration.
fn allow(methods: &[Method]) -> HeaderValue {
    let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

/// Adds `Content-Length`. The refusal of HEAD has the same fields and no body (RFC 9110 §9.3.2).
pub(crate) fn for_method(method: &Method, mut refusal: Response<Bytes>) -> Response<Bytes> {
    let length = refusal.body().len();
    refusal.headers_mut().insert(CONTENT_LENGTH, length.into());
    if method == Method::HEAD { refusal.map(|_body| Bytes::new()) } else { refusal }
}

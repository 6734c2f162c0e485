//! Between http 1, in which Dualkey speaks, and the older types of actix. Both take the same names and
//! values, so nothing is lost in between.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use bytes::Bytes;
use dualkey_verify::HeaderNames;
use http::{HeaderMap, HeaderValue, Response};

/// The two fields that are read, and no other. A field's second value comes along, since it has the
/// request refused; more would not change that.
pub(crate) fn credentials(headers: &header::HeaderMap, names: &HeaderNames) -> HeaderMap {
    /// Stands for what cannot be carried over, so that it still counts: no credential.
    const UNREADABLE: HeaderValue = HeaderValue::from_static(",");

    let mut credentials = HeaderMap::with_capacity(2);
    for name in [&names.api_key, &names.token] {
        for value in headers.get_all(name.as_str()).take(2) {
            let mut value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or(UNREADABLE);
            value.set_sensitive(true);
            credentials.append(name, value);
        }
    }
    credentials
}

/// Marks the credentials of a request that passed, each of which is there once, as sensitive; one that
/// is not `left` is removed.
pub(crate) fn hide(headers: &mut header::HeaderMap, left: &HeaderMap, names: &HeaderNames) {
    for name in [&names.api_key, &names.token] {
        if !left.contains_key(name) {
            headers.remove(name.as_str());
        } else if let Some(value) = headers.get_mut(name.as_str()) {
            value.set_sensitive(true);
        }
    }
}

/// Puts each of these fields in the place of what was there under its name.
pub(crate) fn insert_all(fields: &HeaderMap, headers: &mut header::HeaderMap) {
    for (name, value) in carried(fields) {
        headers.insert(name, value);
    }
}

pub(crate) fn to_response(answer: Response<Bytes>) -> HttpResponse<Bytes> {
    let (head, body) = answer.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, body);
    for (name, value) in carried(&head.headers) {
        response.headers_mut().append(name, value);
    }
    response
}

fn carried(
    fields: &HeaderMap,
) -> impl Iterator<Item = (header::HeaderName, header::HeaderValue)> + '_ {
    fields.iter().filter_map(|(name, value)| {
        let name = header::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, header::HeaderValue::from_bytes(value.as_bytes()).ok()?))
    })
}

//! Conversions between the types of `http` 1 and those of actix. Both accept the same names and values, so
//! no field is lost.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::{StatusCode, header};
use bytes::Bytes;
use dualkey_verify::HeaderNames;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

/// The two fields that carry credentials. At most two values of each are copied, because a request
/// with two values is refused in any case.
pub(crate) fn credentials(headers: &header::HeaderMap, names: &HeaderNames) -> HeaderMap {
    /// Replaces a value that cannot be converted, so that the field is not missing. A comma is never a
    /// valid credential.
    const INVALID: HeaderValue = HeaderValue::from_static(",");

    let mut credentials = HeaderMap::with_capacity(2);
    for name in [&names.api_key, &names.token] {
        for value in headers.get_all(name.as_str()).take(2) {
            let mut value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or(INVALID);
            value.set_sensitive(true);
            credentials.append(name, value);
        }
    }
    credentials
}

/// All fields of a request, for a mapper of refusals.
pub(crate) fn fields(headers: &header::HeaderMap) -> HeaderMap {
    let convert = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    let mut fields = HeaderMap::new();
    for (name, value) in headers.iter().filter_map(convert) {
        fields.append(name, value);
    }
    fields
}

/// Removes the credentials that `kept` does not contain. Actix allows a change of the headers only to the
/// one holder of a request, so they are not touched without need.
pub(crate) fn strip(request: &mut ServiceRequest, kept: &HeaderMap, names: &HeaderNames) {
    for name in [&names.api_key, &names.token] {
        if !kept.contains_key(name) && request.headers().contains_key(name.as_str()) {
            request.headers_mut().remove(name.as_str());
        }
    }
}

/// Inserts these fields. Replaces existing fields of the same names.
pub(crate) fn insert_all(fields: &HeaderMap, headers: &mut header::HeaderMap) {
    for (name, value) in converted(fields) {
        headers.insert(name, value);
    }
}

pub(crate) fn to_response(answer: Response<Bytes>) -> HttpResponse<Bytes> {
    let (head, body) = answer.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, body);
    for (name, value) in converted(&head.headers) {
        response.headers_mut().append(name, value);
    }
    response
}

fn converted(
    fields: &HeaderMap,
) -> impl Iterator<Item = (header::HeaderName, header::HeaderValue)> + '_ {
    fields.iter().filter_map(|(name, value)| {
        let name = header::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, header::HeaderValue::from_bytes(value.as_bytes()).ok()?))
    })
}

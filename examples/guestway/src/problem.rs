use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error of a request that passed the guard, as problem details (RFC 9457 §3) with the members of
/// the guard's own refusals. It repeats no part of the request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Members<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: Option<&'a str>,
    status: u16,
    detail: &'a str,
    code: &'a str,
}

impl Problem {
    /// The record does not exist or belongs to another organization: the answer is the same.
    pub(crate) fn not_found() -> Self {
        let detail = "This organization has nothing at this address.";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The body is not JSON.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "body_malformed", detail)
    }

    /// The body is JSON, but not a valid one for the endpoint.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    }

    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not arrive in time.")
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let detail = "Send a body of the type application/json, without a content coding.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported", detail)
    }

    pub(crate) fn not_ready() -> Self {
        let detail = "Credentials are being read, or the database has been away.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail)
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let members = Members {
            kind: "about:blank",
            title: self.status.canonical_reason(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
        };
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        (self.status, kind, Json(members)).into_response()
    }
}

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::fields::{Fault, Source};

/// An error of a request that passed the guard, as problem details (RFC 9457 §3) with the members of
/// the guard's own refusals. It repeats no value of the request, and of the names only short ones.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<Fault>,
}

/// What is wrong with a request that passed the guard (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestProblem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    pub(crate) status: u16,
    /// What to do, in a sentence.
    detail: &'a str,
    /// What is wrong, for programs.
    pub(crate) code: &'static str,
    /// Each wrong parameter, or each wrong field of the body.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Fault],
}

impl Problem {
    pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

    /// The record does not exist or belongs to another organization: the answer is the same.
    pub(crate) fn not_found() -> Self {
        let detail = "This organization has nothing at this address.";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The body is not JSON.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "body_malformed", detail)
    }

    /// Values of the query, or of a body that is JSON, are not valid for the endpoint.
    pub(crate) fn of_faults(source: Source, errors: Vec<Fault>) -> Self {
        let problem = match source {
            Source::Query => {
                let detail = "The query is not valid. Each parameter to mend is in errors.";
                Self::new(StatusCode::BAD_REQUEST, "parameter_invalid", detail)
            }
            Source::Body => {
                let detail = "The body is not valid. Each field to mend is in errors.";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "body_invalid", detail)
            }
        };
        Self { errors, ..problem }
    }

    pub(crate) fn too_large(max_bytes: usize) -> Self {
        let detail = format!("A body has at most {max_bytes} bytes.");
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

    pub(crate) fn members(&self) -> RequestProblem<'_> {
        RequestProblem {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            errors: &self.errors,
        }
    }

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(Self::MEDIA_TYPE))];
        (self.status, kind, Json(self.members())).into_response()
    }
}

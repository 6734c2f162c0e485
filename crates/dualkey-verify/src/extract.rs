use std::fmt;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::decision::{Anonymous, Grant};

/// The rejection of [`Grant`] as an extractor on a route without a guard: a mistake of the program. The
/// caller gets status 500, and the log says which route.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MissingGrant;

impl<S: Sync> FromRequestParts<S> for Grant {
    type Rejection = MissingGrant;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingGrant> {
        parts.extensions.get().cloned().ok_or_else(|| missing_grant(parts))
    }
}

/// `None` is a request without credentials behind an optional guard. On a route without a guard, the
/// rejection is the same as that of [`Grant`].
impl<S: Sync> OptionalFromRequestParts<S> for Grant {
    type Rejection = MissingGrant;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, MissingGrant> {
        match parts.extensions.get() {
            Some(grant) => Ok(Some(Self::clone(grant))),
            None if parts.extensions.get::<Anonymous>().is_some() => Ok(None),
            None => Err(missing_grant(parts)),
        }
    }
}

fn missing_grant(parts: &Parts) -> MissingGrant {
    tracing::error!(
        method = %parts.method,
        path = parts.uri.path(),
        "a handler asks for a Grant, but no Gate guards its route",
    );
    MissingGrant
}

impl IntoResponse for MissingGrant {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl fmt::Display for MissingGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no Gate guards this route")
    }
}

impl std::error::Error for MissingGrant {}

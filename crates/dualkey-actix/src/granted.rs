use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use dualkey_tower::Grant;

/// Extracts the [`Grant`] of a request that passed a [`Guard`](crate::Guard).
///
/// ```
/// use dualkey_actix::Granted;
///
/// async fn guests(Granted(grant): Granted) -> String {
///     format!("guests of {}", grant.organization)
/// }
/// # let _ = actix_web::web::get().to(guests);
/// ```
#[derive(Clone, Debug)]
pub struct Granted(pub Grant);

/// A handler extracts [`Granted`] on a route without a [`Guard`](crate::Guard). This is a bug of the program.
/// The response has status 500, and an error with the method and the path is logged.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MissingGrant;

impl FromRequest for Granted {
    type Error = MissingGrant;
    type Future = Ready<Result<Self, MissingGrant>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let grant = request.extensions().get().cloned();
        ready(grant.map(Self).ok_or_else(|| {
            tracing::error!(
                method = %request.method(),
                path = request.path(),
                "a handler extracts a Grant, but no Guard protects its route",
            );
            MissingGrant
        }))
    }
}

impl fmt::Display for MissingGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no guard protects this route")
    }
}

impl std::error::Error for MissingGrant {}

impl ResponseError for MissingGrant {
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use dualkey_tower::Grant;
use dualkey_verify::Anonymous;

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

/// Extracts the [`Grant`] behind a guard that may be [optional](crate::Guard::optional): `None` is a request
/// without credentials.
///
/// Actix turns every rejection of an `Option<Granted>` into `None`, also that of a route without a guard.
/// This extractor does not.
///
/// ```
/// use dualkey_actix::MaybeGranted;
///
/// async fn guests(MaybeGranted(grant): MaybeGranted) -> String {
///     grant.map_or("a public page".to_owned(), |grant| format!("guests of {}", grant.organization))
/// }
/// # let _ = actix_web::web::get().to(guests);
/// ```
#[derive(Clone, Debug)]
pub struct MaybeGranted(pub Option<Grant>);

/// A handler extracts [`Granted`] or [`MaybeGranted`] on a route without a [`Guard`](crate::Guard). This is a bug of the program.
/// The response has status 500, and an error with the method and the path is logged.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MissingGrant;

impl FromRequest for Granted {
    type Error = MissingGrant;
    type Future = Ready<Result<Self, MissingGrant>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let grant = request.extensions().get().cloned();
        ready(grant.map(Self).ok_or_else(|| missing_grant(request)))
    }
}

impl FromRequest for MaybeGranted {
    type Error = MissingGrant;
    type Future = Ready<Result<Self, MissingGrant>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        ready(match extensions.get() {
            Some(grant) => Ok(Self(Some(Grant::clone(grant)))),
            None if extensions.get::<Anonymous>().is_some() => Ok(Self(None)),
            None => Err(missing_grant(request)),
        })
    }
}

fn missing_grant(request: &HttpRequest) -> MissingGrant {
    tracing::error!(
        method = %request.method(),
        path = request.path(),
        "a handler extracts a Grant, but no Guard protects its route",
    );
    MissingGrant
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

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};
use http::HeaderMap;

use crate::convert::insert_all;

/// The error of a service behind a [`Guard`](crate::Guard). Its response is that of the inner error, and
/// has the `RateLimit` fields, since the request was charged.
#[derive(Debug)]
pub struct ChargedError {
    pub(crate) error: Error,
    pub(crate) fields: HeaderMap,
}

impl ChargedError {
    /// The error of the inner service.
    #[must_use]
    pub const fn inner(&self) -> &Error {
        &self.error
    }
}

impl fmt::Display for ChargedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for ChargedError {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.error.error_response();
        insert_all(&self.fields, response.headers_mut());
        response
    }
}

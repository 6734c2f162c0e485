use bytes::Bytes;
use dualkey_verify::Denial;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::Gate;
use crate::challenge::challenge;
use crate::problem::Problem;
use crate::quota::whole_seconds;

/// Turns the refusals of a [`Gate`] into what else its callers expect: another body, another
/// status, another language. Closures do.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Response, header};
/// # use dualkey_tower::{Denial, MapRefusal};
/// let plain = |denial: &Denial, refusal: Response<Bytes>| {
///     let mut refusal = refusal.map(|_problem| Bytes::from(denial.code()));
///     let plain = header::HeaderValue::from_static("text/plain");
///     refusal.headers_mut().insert(header::CONTENT_TYPE, plain);
///     refusal
/// };
/// # fn takes(_: impl MapRefusal) {}
/// # takes(plain);
/// ```
pub trait MapRefusal: Send + Sync {
    /// The answer to send in place of this refusal, which is complete but for its length.
    fn rewrite(&self, denial: &Denial, refusal: Response<Bytes>) -> Response<Bytes>;
}

impl<F> MapRefusal for F
where
    F: Fn(&Denial, Response<Bytes>) -> Response<Bytes> + Send + Sync,
{
    fn rewrite(&self, denial: &Denial, refusal: Response<Bytes>) -> Response<Bytes> {
        self(denial, refusal)
    }
}

/// Rewrites refusals for gRPC: an answer of trailers only, with status 16 (unauthenticated), 7
/// (permission denied), 8 (resource exhausted) or 14 (unavailable).
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcRefusals;

impl MapRefusal for GrpcRefusals {
    fn rewrite(&self, denial: &Denial, refusal: Response<Bytes>) -> Response<Bytes> {
        const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
        const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

        let code = match denial.status() {
            StatusCode::FORBIDDEN => "7",
            StatusCode::TOO_MANY_REQUESTS => "8",
            StatusCode::SERVICE_UNAVAILABLE => "14",
            _ => "16",
        };
        let (mut head, _problem) = refusal.into_parts();
        head.status = StatusCode::OK;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        head.headers.insert(GRPC_STATUS, HeaderValue::from_static(code));
        head.headers.insert(GRPC_MESSAGE, HeaderValue::from_static(denial.code()));
        Response::from_parts(head, Bytes::new())
    }
}

impl Gate {
    /// The answer to a request that was denied, for frameworks that are not built on tower.
    #[must_use]
    pub fn refusal_response(&self, denial: &Denial) -> Response<Bytes> {
        let settings = self.settings();
        let names = self.verifier().header_names();
        let problem = Problem::new(denial, &settings.problem_base, names);
        let body = serde_json::to_vec(&problem).map(Bytes::from).unwrap_or_default();

        let mut refusal = Response::new(body);
        *refusal.status_mut() = denial.status();
        let headers = refusal.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, problem_json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = challenge(denial, &settings.realm, names) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = denial.retry_after() {
            headers.insert(RETRY_AFTER, whole_seconds(wait).into());
        }
        if let Some(standing) = denial.standing() {
            self.told(standing).write(headers);
        }
        let mut refusal = match &settings.rewrite {
            Some(rewrite) => rewrite.rewrite(denial, refusal),
            None => refusal,
        };
        refusal.extensions_mut().insert(denial.clone());
        refusal
    }
}

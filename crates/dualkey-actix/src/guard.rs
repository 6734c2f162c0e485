use std::fmt;
use std::future::{Future, Ready, ready};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_tower::Gate;
use http::HeaderMap;

use crate::convert::{credentials, hide, insert_all, to_response};

/// A middleware that lets requests pass which meet a requirement. It wraps an app, a scope, a resource
/// or a route.
///
/// A request that passes has its credentials marked as sensitive, so that `Debug` does not show them, or
/// [removed](Gate::with_credentials_stripped).
///
/// # Panics
///
/// Actix can change a request only while nobody else holds it, and panics otherwise: a middleware
/// further out must not keep a clone of the `HttpRequest`.
#[derive(Clone, Debug)]
pub struct Guard {
    gate: Gate,
    requirement: Requirement,
    cost: NonZeroU32,
}

impl Guard {
    /// A guard that opens to requests which meet this requirement.
    #[must_use]
    pub const fn new(gate: Gate, requirement: Requirement) -> Self {
        Self { gate, requirement, cost: NonZeroU32::MIN }
    }

    /// Charges so many permits for each request; one, if not said. A partner whose limits never hold so
    /// many pays all that they hold.
    #[must_use]
    pub fn with_cost(self, permits: NonZeroU32) -> Self {
        Self { cost: permits, ..self }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = S::Error;
    type Transform = GuardService<S>;
    type InitError = ();
    type Future = Ready<Result<GuardService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GuardService { guarded: Rc::new(Guarded { guard: self.clone(), service }) }))
    }
}

/// A service behind a [`Guard`].
pub struct GuardService<S> {
    guarded: Rc<Guarded<S>>,
}

struct Guarded<S> {
    guard: Guard,
    service: S,
}

type Answer<S, B> =
    Result<ServiceResponse<EitherBody<B, Bytes>>, <S as Service<ServiceRequest>>::Error>;

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Answer<S, B>>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.guarded.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        Box::pin(Rc::clone(&self.guarded).answer(request))
    }
}

impl<S, B> Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    async fn answer(self: Rc<Self>, mut request: ServiceRequest) -> Answer<S, B> {
        let Guard { gate, requirement, cost } = &self.guard;
        let names = gate.verifier().header_names();
        let mut headers = credentials(request.headers(), names);
        match gate.verifier().verify_with_cost(&headers, requirement, *cost).await {
            Ok(grant) => {
                gate.redact_credentials(&mut headers);
                hide(request.headers_mut(), &headers, names);
                let mut standing = HeaderMap::new();
                gate.insert_rate_limit_fields(&grant, &mut standing);
                request.extensions_mut().insert(grant);
                let mut answer = self.service.call(request).await?;
                insert_all(&standing, answer.headers_mut());
                Ok(answer.map_into_left_body())
            }
            Err(denial) => {
                tracing::debug!(code = denial.code(), "refused");
                let mut refusal = to_response(gate.refusal_response(&denial));
                refusal.extensions_mut().insert(denial);
                Ok(request.into_response(refusal).map_into_right_body())
            }
        }
    }
}

impl<S> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").field("guard", &self.guarded.guard).finish_non_exhaustive()
    }
}

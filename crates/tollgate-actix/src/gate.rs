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
use http::HeaderMap;
use tollgate_scope::Requirement;
use tollgate_tower::Tollgate;

use crate::convert::{credentials, hide, insert_all, to_response};

/// A middleware that lets requests pass which meet a requirement. It wraps an app, a scope, a resource
/// or a route.
///
/// A request that passes has its credentials marked as sensitive, so that `Debug` does not show them, or
/// [removed](Tollgate::removing_credentials).
///
/// # Panics
///
/// Actix can change a request only while nobody else holds it, and panics otherwise: a middleware
/// further out must not keep a clone of the `HttpRequest`.
#[derive(Clone, Debug)]
pub struct Gate {
    tollgate: Tollgate,
    requirement: Requirement,
    cost: NonZeroU32,
}

impl Gate {
    /// A gate that opens to requests which meet this requirement.
    #[must_use]
    pub const fn new(tollgate: Tollgate, requirement: Requirement) -> Self {
        Self { tollgate, requirement, cost: NonZeroU32::MIN }
    }

    /// Charges so many permits for each request; one, if not said. A partner whose limits never hold so
    /// many pays all that they hold.
    #[must_use]
    pub fn costing(self, permits: NonZeroU32) -> Self {
        Self { cost: permits, ..self }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Gate
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = S::Error;
    type Transform = GateService<S>;
    type InitError = ();
    type Future = Ready<Result<GateService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GateService { guarded: Rc::new(Guarded { gate: self.clone(), service }) }))
    }
}

/// A service behind a [`Gate`].
pub struct GateService<S> {
    guarded: Rc<Guarded<S>>,
}

struct Guarded<S> {
    gate: Gate,
    service: S,
}

type Answer<S, B> =
    Result<ServiceResponse<EitherBody<B, Bytes>>, <S as Service<ServiceRequest>>::Error>;

impl<S, B> Service<ServiceRequest> for GateService<S>
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
        let Gate { tollgate, requirement, cost } = &self.gate;
        let names = tollgate.verifier().header_names();
        let mut headers = credentials(request.headers(), names);
        match tollgate.verifier().verify_costing(&headers, requirement, *cost).await {
            Ok(grant) => {
                tollgate.hide_credentials(&mut headers);
                hide(request.headers_mut(), &headers, names);
                let mut standing = HeaderMap::new();
                tollgate.write_standing(&grant, &mut standing);
                request.extensions_mut().insert(grant);
                let mut answer = self.service.call(request).await?;
                insert_all(&standing, answer.headers_mut());
                Ok(answer.map_into_left_body())
            }
            Err(denial) => {
                tracing::debug!(code = denial.code(), "refused");
                let mut refusal = to_response(tollgate.refusal(&denial));
                refusal.extensions_mut().insert(denial);
                Ok(request.into_response(refusal).map_into_right_body())
            }
        }
    }
}

impl<S> fmt::Debug for GateService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateService").field("gate", &self.guarded.gate).finish_non_exhaustive()
    }
}

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

use crate::convert::{credentials, insert_all, redact, to_response};

/// A middleware that passes on the requests that meet a requirement, and refuses the others. It wraps an
/// app, a scope, a resource or a route.
///
/// The credentials of a request that passes are marked as sensitive, so that `Debug` does not show them, or
/// are [removed](Gate::with_credentials_stripped).
///
/// ```
/// # use actix_web::{App, test, web};
/// # use dualkey_actix::{Gate, Guard, Verifier};
/// # use dualkey_scope::{Catalogue, Requirement};
/// # use dualkey_store::{NewPartner, NewToken, Registry};
/// # use dualkey_token::Prefix;
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// # let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
/// let token = registry.issue_token(NewToken::new("acme", "production", ["guests:read"])).await?;
///
/// let guard = Guard::new(Gate::new(Verifier::new(registry)), Requirement::NONE);
/// let app = App::new().wrap(guard).route("/", web::get().to(async || "hello"));
/// let app = test::init_service(app).await;
///
/// let anonymous = test::TestRequest::get().uri("/").to_request();
/// assert_eq!(test::call_service(&app, anonymous).await.status(), 401);
/// let bearer = format!("Bearer {}", token.secret.expose_secret());
/// let good = test::TestRequest::get()
///     .uri("/")
///     .insert_header(("x-api-key", partner.api_key.to_string()))
///     .insert_header(("authorization", bearer))
///     .to_request();
/// assert_eq!(test::call_and_read_body(&app, good).await, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Actix panics when a request is changed while another reference to it exists, so an outer middleware
/// must not keep a clone of the `HttpRequest`.
#[derive(Clone, Debug)]
pub struct Guard {
    gate: Gate,
    requirement: Requirement,
    cost: NonZeroU32,
}

impl Guard {
    /// A guard with this requirement, which charges one permit for each request.
    #[must_use]
    pub const fn new(gate: Gate, requirement: Requirement) -> Self {
        Self { gate, requirement, cost: NonZeroU32::MIN }
    }

    /// Charges this many permits for each request. Default: one. A cost above the burst or the daily
    /// quota of a partner is reduced to the smaller of the two.
    ///
    /// ```
    /// # use dualkey_actix::{Gate, Guard, Verifier};
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// use std::num::NonZeroU32;
    ///
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// # let gate = Gate::new(Verifier::new(registry));
    /// const EXPORT: NonZeroU32 = NonZeroU32::new(5).unwrap();
    /// let export = Guard::new(gate, Requirement::NONE).with_cost(EXPORT);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

type Response<S, B> =
    Result<ServiceResponse<EitherBody<B, Bytes>>, <S as Service<ServiceRequest>>::Error>;

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Response<S, B>>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.guarded.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        Box::pin(Rc::clone(&self.guarded).respond(request))
    }
}

impl<S, B> Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    async fn respond(self: Rc<Self>, mut request: ServiceRequest) -> Response<S, B> {
        let Guard { gate, requirement, cost } = &self.guard;
        let names = gate.verifier().header_names();
        let mut headers = credentials(request.headers(), names);
        match gate.verifier().verify_with_cost(&headers, requirement, *cost).await {
            Ok(grant) => {
                gate.redact_credentials(&mut headers);
                redact(request.headers_mut(), &headers, names);
                let mut rate_limit = HeaderMap::new();
                gate.insert_rate_limit_fields(&grant, &mut rate_limit);
                request.extensions_mut().insert(grant);
                let mut response = self.service.call(request).await?;
                insert_all(&rate_limit, response.headers_mut());
                Ok(response.map_into_left_body())
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

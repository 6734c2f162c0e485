use std::fmt;
use std::future::{Future, Ready, ready};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::EitherBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpMessage as _};
use bytes::Bytes;
use dualkey_scope::Requirement;
use dualkey_tower::{Decision, Gate, GuardRule};
use dualkey_verify::Anonymous;
use http::HeaderMap;

use crate::charged_error::ChargedError;
use crate::convert::{credentials, fields, insert_all, strip, to_response};

/// A middleware that passes on the requests that meet a requirement, and refuses the others. It wraps an
/// app, a scope, a resource or a route.
///
/// Guards may be nested: "any token" on a scope, and a requirement on a route. If they are of one gate, a
/// request is charged once (see [`Decision`]).
///
/// The headers of a request stay as they are, unless the gate
/// [strips](Gate::with_credentials_stripped) the credentials. `Debug` of an `HttpRequest` does not show
/// `Authorization`, but shows a token in a field of another name.
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
/// Stripping credentials is for guards that wrap the application: actix panics when the headers of a request
/// are changed while an outer middleware keeps a clone of the `HttpRequest`.
#[derive(Clone, Debug)]
pub struct Guard {
    rule: GuardRule,
}

impl Guard {
    /// A guard with this requirement, which charges one permit for each request.
    ///
    /// # Panics
    ///
    /// If the requirement is of another catalogue than the registry's: no token would meet it.
    #[must_use]
    #[track_caller]
    pub fn new(gate: Gate, requirement: Requirement) -> Self {
        Self { rule: GuardRule::new(gate, requirement) }
    }

    /// A guard that also passes on requests without credentials, which then have no grant. A request is anonymous
    /// only if both fields are absent; one with any value in either, even an empty one, is decided on. Anonymous
    /// requests are not charged and not limited: an outer middleware has to limit them, by address for
    /// instance. A handler extracts [`MaybeGranted`](crate::MaybeGranted).
    ///
    /// # Panics
    ///
    /// In the same case as [`new`](Self::new).
    #[must_use]
    #[track_caller]
    pub fn optional(gate: Gate, requirement: Requirement) -> Self {
        Self { rule: GuardRule::optional(gate, requirement) }
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
        Self { rule: self.rule.with_cost(permits) }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = Error;
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

type Response<B> = Result<ServiceResponse<EitherBody<B, Bytes>>, Error>;

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Response<B>>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.guarded.service.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        Box::pin(Rc::clone(&self.guarded).respond(request))
    }
}

impl<S, B> Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    async fn respond(self: Rc<Self>, mut request: ServiceRequest) -> Response<B> {
        let rule = &self.guard.rule;
        let names = rule.gate().verifier().header_names();
        let mut headers = credentials(request.headers(), names);
        let earlier = request.extensions().get().cloned();
        match rule.decide(&mut headers, earlier).await {
            Ok(decision) => {
                strip(&mut request, &headers, names);
                if let Some(decision) = &decision {
                    request.extensions_mut().insert(decision.grant());
                    request.extensions_mut().insert(decision.clone());
                } else {
                    request.extensions_mut().insert(Anonymous);
                }
                let outermost = decision.filter(Decision::is_outermost);
                let response = self.service.call(request).await;
                self.with_fields(response, outermost).map(ServiceResponse::map_into_left_body)
            }
            Err(denial) => {
                let mut refusal = to_response(
                    rule.gate().refusal_response_to(&fields(request.headers()), &denial),
                );
                refusal.extensions_mut().insert(denial);
                Ok(request.into_response(refusal).map_into_right_body())
            }
        }
    }

    /// Inserts the `RateLimit` fields into a response or, since the request was charged, into that of an
    /// error.
    fn with_fields(
        &self,
        response: Result<ServiceResponse<B>, Error>,
        outermost: Option<Decision>,
    ) -> Result<ServiceResponse<B>, Error> {
        let Some(decision) = outermost else { return response };
        let mut fields = HeaderMap::new();
        self.guard.rule.gate().insert_rate_limit_fields(&decision.grant(), &mut fields);
        match response {
            Ok(mut response) => {
                insert_all(&fields, response.headers_mut());
                response.response_mut().extensions_mut().insert(decision);
                Ok(response)
            }
            Err(error) => Err(ChargedError { error, fields }.into()),
        }
    }
}

impl<S> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").field("guard", &self.guarded.guard).finish_non_exhaustive()
    }
}

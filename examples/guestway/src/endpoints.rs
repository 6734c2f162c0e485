use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use dualkey::{Catalogue, Gate, Requirement, RouteTable, UnknownScopes, Verifier};

use crate::body::MAX_BODY;
use crate::handlers::{
    accesses, conversation, edit_conversation, edit_custom_field, health, list, messages,
    organization, reservation, send_message,
};
use crate::log::log;
use crate::organizations::Organizations;
use crate::problem::Problem;

/// The Open API, guarded by this verifier, for tokens with scopes of this catalogue.
///
/// # Errors
///
/// The catalogue lacks scopes that endpoints need.
#[rustfmt::skip] // one endpoint, one line
pub fn router(verifier: Verifier, catalogue: &Catalogue) -> Result<Router, UnknownScopes> {
    const GET: Method = Method::GET;
    const PATCH: Method = Method::PATCH;
    const POST: Method = Method::POST;
    let needs = |scope| catalogue.require_all([scope]);
    let gate = Gate::new(verifier).with_realm("guestway").with_credentials_stripped();

    Ok(Endpoints::new(gate)
        .public(GET, "/healthz", health)
        .guarded(GET, "/v1/organization", Requirement::NONE, organization)
        .guarded(GET, "/v1/organization/users", needs("organization-users:read")?, list(|of| &of.users))
        .guarded(GET, "/v1/reservations", needs("reservations:read")?, list(|of| &of.reservations))
        .guarded(GET, "/v1/reservations/{id}", needs("reservations:read")?, reservation)
        .guarded(GET, "/v1/reservations/{id}/accesses", needs("reservation-accesses:read")?, accesses)
        .guarded(GET, "/v1/bookings", needs("bookings:read")?, list(|of| &of.bookings))
        .guarded(GET, "/v1/pre-check-in-responses", needs("pre-check-in-responses:read")?, list(|of| &of.pre_check_in_responses))
        .guarded(GET, "/v1/conversations", needs("conversations:read")?, list(|of| &of.conversations))
        .guarded(GET, "/v1/conversations/{id}", needs("conversations:read")?, conversation)
        .guarded(PATCH, "/v1/conversations/{id}", needs("conversations:edit")?, edit_conversation)
        .guarded(GET, "/v1/conversations/{id}/messages", needs("conversations:read")?, messages)
        .guarded(POST, "/v1/conversations/{id}/messages", needs("messages:send")?, send_message)
        .guarded(GET, "/v1/whatsapp-templates", needs("whatsapp-templates:read")?, list(|of| &of.whatsapp_templates))
        .guarded(GET, "/v1/guests", needs("guests:read")?, list(|of| &of.guests))
        .guarded(GET, "/v1/owners", needs("owners:read")?, list(|of| &of.owners))
        .guarded(GET, "/v1/listings", needs("listings:read")?, list(|of| &of.listings))
        .guarded(GET, "/v1/multi-units", needs("multi-units:read")?, list(|of| &of.multi_units))
        .guarded(GET, "/v1/complexes", needs("complexes:read")?, list(|of| &of.complexes))
        .guarded(GET, "/v1/custom-fields", needs("custom-fields:read")?, list(|of| &of.custom_fields))
        .guarded(PATCH, "/v1/custom-fields/{id}", needs("custom-fields:edit")?, edit_custom_field)
        .finish())
}

/// A router and its route table, told of each endpoint in one call.
struct Endpoints {
    router: Router<Organizations>,
    table: RouteTable,
}

impl Endpoints {
    fn new(gate: Gate) -> Self {
        Self { router: Router::new(), table: RouteTable::new(gate) }
    }

    /// An endpoint for everybody.
    fn public<H, T>(self, method: Method, path: &str, handler: H) -> Self
    where
        H: Handler<T, Organizations>,
        T: 'static,
    {
        let table = self.table.public(method.clone(), path);
        Self { router: self.router.route(path, only(method, handler)), table }
    }

    /// An endpoint for requests that meet this requirement.
    fn guarded<H, T>(self, method: Method, path: &str, requirement: Requirement, handler: H) -> Self
    where
        H: Handler<T, Organizations>,
        T: 'static,
    {
        let table = self.table.require(method.clone(), path, requirement);
        Self { router: self.router.route(path, only(method, handler)), table }
    }

    fn finish(self) -> Router {
        self.router
            .route_layer(self.table)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .fallback(async || Problem::not_found())
            .layer(map_response(no_store))
            .layer(from_fn(log))
            .with_state(Organizations::default())
    }
}

fn only<H, T>(method: Method, handler: H) -> MethodRouter<Organizations>
where
    H: Handler<T, Organizations>,
    T: 'static,
{
    on(MethodFilter::try_from(method).expect("a method of RFC 9110"), handler)
}

/// What the API tells is of one organization, and nothing for caches (RFC 9111 §5.2.2.5).
async fn no_store(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

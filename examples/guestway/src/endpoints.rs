use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use dualkey::{Catalogue, Gate, GuardedRouter, Registry, Requirement, UnknownScopes, Verifier};
use utoipa::OpenApi as _;

use crate::body::MAX_BODY;
use crate::catalogue::{PREFIX, catalogue};
use crate::handlers::custom_fields::{list_custom_fields, update_custom_field};
use crate::handlers::health::{health, readiness};
use crate::handlers::inbox::{
    get_conversation, list_conversations, list_messages, list_whatsapp_templates, send_message,
    update_conversation,
};
use crate::handlers::people::{get_organization, list_guests, list_owners, list_users};
use crate::handlers::property::{list_complexes, list_listings, list_multi_units};
use crate::handlers::reservations::{
    get_reservation, list_accesses, list_bookings, list_pre_check_in_responses, list_reservations,
};
use crate::log::log;
use crate::openapi::{Document, Operations};
use crate::organizations::Organizations;
use crate::problem::Problem;

/// The Open API, guarded by this verifier, for tokens with scopes of this catalogue.
///
/// # Errors
///
/// If the catalogue lacks a scope that an endpoint requires.
pub fn router(verifier: Verifier, catalogue: &Catalogue) -> Result<Router, UnknownScopes> {
    Ok(endpoints(verifier, catalogue)?
        .into_router()
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .fallback(async || Problem::not_found())
        .layer(map_response(no_store))
        .layer(from_fn(log))
        .with_state(Organizations::default()))
}

/// The OpenAPI document, which needs neither a server nor a database.
///
/// # Panics
///
/// Never: the endpoints and their documentation are constant, and covered by a test.
#[must_use]
pub fn document() -> Document {
    let verifier = Verifier::new(Registry::in_memory(catalogue(), PREFIX));
    let endpoints = endpoints(verifier.clone(), verifier.registry().catalogue());
    let endpoints = endpoints.expect("the catalogue has each scope that an endpoint requires");
    let document = endpoints.document(Operations::openapi());
    Document::new(&document.expect("each endpoint has an operation"))
}

/// Each endpoint with what it requires.
#[rustfmt::skip] // one endpoint, one line
fn endpoints(verifier: Verifier, catalogue: &Catalogue) -> Result<GuardedRouter<Organizations>, UnknownScopes> {
    const GET: Method = Method::GET;
    const PATCH: Method = Method::PATCH;
    const POST: Method = Method::POST;
    let needs = |scope| catalogue.require_all([scope]);
    let readiness = readiness(verifier.clone());
    let gate = Gate::new(verifier).with_realm("guestway").with_credentials_stripped();

    Ok(GuardedRouter::new(gate)
        .public(GET, "/healthz", health)
        .public(GET, "/readyz", readiness)
        .require(GET, "/v1/organization", Requirement::NONE, get_organization)
        .require(GET, "/v1/organization/users", needs("organization-users:read")?, list_users)
        .require(GET, "/v1/reservations", needs("reservations:read")?, list_reservations)
        .require(GET, "/v1/reservations/{id}", needs("reservations:read")?, get_reservation)
        .require(GET, "/v1/reservations/{id}/accesses", needs("reservation-accesses:read")?, list_accesses)
        .require(GET, "/v1/bookings", needs("bookings:read")?, list_bookings)
        .require(GET, "/v1/pre-check-in-responses", needs("pre-check-in-responses:read")?, list_pre_check_in_responses)
        .require(GET, "/v1/conversations", needs("conversations:read")?, list_conversations)
        .require(GET, "/v1/conversations/{id}", needs("conversations:read")?, get_conversation)
        .require(PATCH, "/v1/conversations/{id}", needs("conversations:edit")?, update_conversation)
        .require(GET, "/v1/conversations/{id}/messages", needs("conversations:read")?, list_messages)
        .require(POST, "/v1/conversations/{id}/messages", needs("messages:send")?, send_message)
        .require(GET, "/v1/whatsapp-templates", needs("whatsapp-templates:read")?, list_whatsapp_templates)
        .require(GET, "/v1/guests", needs("guests:read")?, list_guests)
        .require(GET, "/v1/owners", needs("owners:read")?, list_owners)
        .require(GET, "/v1/listings", needs("listings:read")?, list_listings)
        .require(GET, "/v1/multi-units", needs("multi-units:read")?, list_multi_units)
        .require(GET, "/v1/complexes", needs("complexes:read")?, list_complexes)
        .require(GET, "/v1/custom-fields", needs("custom-fields:read")?, list_custom_fields)
        .require(PATCH, "/v1/custom-fields/{id}", needs("custom-fields:edit")?, update_custom_field))
}

/// Responses belong to one organization, so no cache may store them (RFC 9111 §5.2.2.5).
async fn no_store(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

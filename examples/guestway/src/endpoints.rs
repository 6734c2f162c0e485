use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use dualkey::{Catalogue, Gate, GuardedRouter, Requirement, UnknownScopes, Verifier};

use crate::body::MAX_BODY;
use crate::handlers::{
    accesses, conversation, edit_conversation, edit_custom_field, health, list, messages,
    organization, readiness, reservation, send_message,
};
use crate::log::log;
use crate::organizations::Organizations;
use crate::problem::Problem;

/// The Open API, guarded by this verifier, for tokens with scopes of this catalogue.
///
/// # Errors
///
/// If the catalogue lacks a scope that an endpoint requires.
pub fn router(verifier: Verifier, catalogue: &Catalogue) -> Result<Router, UnknownScopes> {
    let readiness = readiness(verifier.clone());
    let gate = Gate::new(verifier).with_realm("guestway").with_credentials_stripped();
    Ok(endpoints(gate, catalogue)?
        .public(Method::GET, "/readyz", readiness)
        .into_router()
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .fallback(async || Problem::not_found())
        .layer(map_response(no_store))
        .layer(from_fn(log))
        .with_state(Organizations::default()))
}

/// Each endpoint with what it requires.
#[rustfmt::skip] // one endpoint, one line
fn endpoints(gate: Gate, catalogue: &Catalogue) -> Result<GuardedRouter<Organizations>, UnknownScopes> {
    const GET: Method = Method::GET;
    const PATCH: Method = Method::PATCH;
    const POST: Method = Method::POST;
    let needs = |scope| catalogue.require_all([scope]);

    Ok(GuardedRouter::new(gate)
        .public(GET, "/healthz", health)
        .require(GET, "/v1/organization", Requirement::NONE, organization)
        .require(GET, "/v1/organization/users", needs("organization-users:read")?, list(|records| &records.users))
        .require(GET, "/v1/reservations", needs("reservations:read")?, list(|records| &records.reservations))
        .require(GET, "/v1/reservations/{id}", needs("reservations:read")?, reservation)
        .require(GET, "/v1/reservations/{id}/accesses", needs("reservation-accesses:read")?, accesses)
        .require(GET, "/v1/bookings", needs("bookings:read")?, list(|records| &records.bookings))
        .require(GET, "/v1/pre-check-in-responses", needs("pre-check-in-responses:read")?, list(|records| &records.pre_check_in_responses))
        .require(GET, "/v1/conversations", needs("conversations:read")?, list(|records| &records.conversations))
        .require(GET, "/v1/conversations/{id}", needs("conversations:read")?, conversation)
        .require(PATCH, "/v1/conversations/{id}", needs("conversations:edit")?, edit_conversation)
        .require(GET, "/v1/conversations/{id}/messages", needs("conversations:read")?, messages)
        .require(POST, "/v1/conversations/{id}/messages", needs("messages:send")?, send_message)
        .require(GET, "/v1/whatsapp-templates", needs("whatsapp-templates:read")?, list(|records| &records.whatsapp_templates))
        .require(GET, "/v1/guests", needs("guests:read")?, list(|records| &records.guests))
        .require(GET, "/v1/owners", needs("owners:read")?, list(|records| &records.owners))
        .require(GET, "/v1/listings", needs("listings:read")?, list(|records| &records.listings))
        .require(GET, "/v1/multi-units", needs("multi-units:read")?, list(|records| &records.multi_units))
        .require(GET, "/v1/complexes", needs("complexes:read")?, list(|records| &records.complexes))
        .require(GET, "/v1/custom-fields", needs("custom-fields:read")?, list(|records| &records.custom_fields))
        .require(PATCH, "/v1/custom-fields/{id}", needs("custom-fields:edit")?, edit_custom_field))
}

/// Responses belong to one organization, so no cache may store them (RFC 9111 §5.2.2.5).
async fn no_store(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

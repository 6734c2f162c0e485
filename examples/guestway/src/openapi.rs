use serde_json::Value;
use utoipa::OpenApi;

use crate::handlers::{custom_fields, health, inbox, people, property, reservations};
use crate::problem::RequestProblem;

/// The operations of the API, before the guards of their routes are added.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Guestway Open API",
        description = include_str!("openapi/introduction.md"),
        contact(name = "Guestway support", email = "support@guestway.io"),
    ),
    tags(
        (name = "Organization", description = "The organization of the token, and its team"),
        (name = "Reservations", description = "Stays, with their bookings, lock codes and answers before arrival"),
        (name = "Conversations", description = "Messages between guests and the team"),
        (name = "People", description = "Guests, and owners of listings"),
        (name = "Properties", description = "What guests can book"),
        (name = "Custom fields", description = "Data that an organization defines itself"),
        (name = "Health", description = "For load balancers; needs no credentials"),
    ),
    paths(
        people::get_organization,
        people::list_users,
        reservations::list_reservations,
        reservations::get_reservation,
        reservations::list_accesses,
        reservations::list_bookings,
        reservations::list_pre_check_in_responses,
        inbox::list_conversations,
        inbox::get_conversation,
        inbox::update_conversation,
        inbox::list_messages,
        inbox::send_message,
        inbox::list_whatsapp_templates,
        people::list_guests,
        people::list_owners,
        property::list_listings,
        property::list_multi_units,
        property::list_complexes,
        custom_fields::list_custom_fields,
        custom_fields::update_custom_field,
        health::health,
        health::readiness,
    ),
    components(schemas(RequestProblem<'_>))
)]
pub(crate) struct Operations;

/// The OpenAPI document of the API.
#[derive(Clone, Debug)]
pub struct Document {
    json: Value,
    yaml: String,
}

impl Document {
    pub(crate) fn new(document: &utoipa::openapi::OpenApi) -> Self {
        let json = serde_json::to_value(document).expect("a document is a JSON value");
        Self { json, yaml: document.to_yaml().expect("a document is a YAML document") }
    }

    pub(crate) const fn as_json(&self) -> &Value {
        &self.json
    }

    /// The document as indented JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!("{:#}\n", self.json)
    }

    /// The document as YAML.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.yaml.clone()
    }
}

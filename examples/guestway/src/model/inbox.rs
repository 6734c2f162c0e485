use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::{JsonText, json};
use crate::fields::Fields;

/// The messages between a guest and the team.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) guest_id: String,
    pub(crate) channel: Channel,
    pub(crate) status: ConversationStatus,
    /// The user who handles it, if any.
    #[schema(required)]
    pub(crate) assignee_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_message_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConversationChannel)]
pub(crate) enum Channel {
    WhatsApp,
    Airbnb,
    Email,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ConversationStatus {
    Open,
    Snoozed,
    Closed,
}

/// A change of a conversation: absent fields do not change.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationChange {
    #[schema(nullable = false)]
    pub(crate) status: Option<ConversationStatus>,
    /// The id of a user of the organization; `null` removes the assignee.
    #[schema(value_type = Option<String>)]
    pub(crate) assignee_id: Option<Option<String>>,
}

impl ConversationChange {
    /// Reads a change of a conversation of the organization with these users.
    pub(crate) fn read(
        fields: &mut Fields<JsonText>,
        is_user: impl Fn(&String) -> bool,
    ) -> Option<Self> {
        let status = "\"open\", \"snoozed\" or \"closed\"";
        let assignee = "the id of a user of this organization, or null";
        Some(Self {
            status: fields.read("status", status, json(|_| true)),
            assignee_id: fields.read(
                "assigneeId",
                assignee,
                json(|id: &Option<String>| id.as_ref().is_none_or(is_user)),
            ),
        })
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) conversation_id: String,
    pub(crate) direction: Direction,
    pub(crate) text: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) sent_at: Timestamp,
}

/// Inbound messages come from the guest.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageDirection)]
pub(crate) enum Direction {
    Inbound,
    Outbound,
}

/// A message to send to a guest.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// Not only white space.
    #[schema(min_length = 1, max_length = 1_000, pattern = r"\S")]
    pub(crate) text: String,
}

impl NewMessage {
    const MAX_TEXT: usize = 1_000;

    pub(crate) fn read(fields: &mut Fields<JsonText>) -> Option<Self> {
        let text = format!("a string of 1 to {} characters, not only white space", Self::MAX_TEXT);
        let is_text =
            |text: &String| !text.trim().is_empty() && text.chars().count() <= Self::MAX_TEXT;
        Some(Self { text: fields.require("text", &text, json(is_text))? })
    }
}

/// A message template that WhatsApp has approved.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WhatsAppTemplate {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) language: &'static str,
    pub(crate) body: String,
}

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::body::{Shape, present};
use crate::problem::Problem;

/// The messages between a guest and the team.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) guest_id: String,
    pub(crate) channel: Channel,
    pub(crate) status: ConversationStatus,
    /// The user who handles it, if any.
    pub(crate) assignee_id: Option<String>,
    pub(crate) last_message_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Channel {
    WhatsApp,
    Airbnb,
    Email,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ConversationStatus {
    Open,
    Snoozed,
    Closed,
}

/// A change of a conversation: absent fields do not change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConversationChange {
    #[serde(default, deserialize_with = "present")]
    pub(crate) status: Option<ConversationStatus>,
    /// `null` removes the assignee.
    #[serde(default, deserialize_with = "present")]
    pub(crate) assignee_id: Option<Option<String>>,
}

impl Shape for ConversationChange {
    const SHAPE: &'static str = "an object with the optional fields status (\"open\", \"snoozed\" or \
                                 \"closed\") and assigneeId (a user's id, or null)";

    fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) conversation_id: String,
    pub(crate) direction: Direction,
    pub(crate) text: String,
    pub(crate) sent_at: Timestamp,
}

/// Inbound messages come from the guest.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Direction {
    Inbound,
    Outbound,
}

/// A message to send to a guest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewMessage {
    pub(crate) text: String,
}

impl NewMessage {
    const MAX_TEXT: usize = 1_000;
}

impl Shape for NewMessage {
    const SHAPE: &'static str = "an object with the field text (a string)";

    fn check(&self) -> Result<(), Problem> {
        let is_blank = self.text.trim().is_empty();
        if is_blank || self.text.chars().count() > Self::MAX_TEXT {
            let bounds =
                format!("A text has 1 to {} characters, not only white space.", Self::MAX_TEXT);
            return Err(Problem::invalid(bounds));
        }
        Ok(())
    }
}

/// A message template that WhatsApp has approved.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WhatsAppTemplate {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) language: &'static str,
    pub(crate) body: String,
}

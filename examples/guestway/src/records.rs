use jiff::Timestamp;

use crate::model::{
    Booking, Complex, Conversation, ConversationChange, CustomField, CustomFieldChange, Direction,
    Guest, Listing, Message, MultiUnit, NewMessage, Organization, OrganizationUser, Owner,
    PreCheckInResponse, Reservation, ReservationAccess, WhatsAppTemplate,
};
use crate::problem::Problem;
use crate::random::Random;

/// All records of one organization.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) organization: Organization,
    pub(crate) users: Vec<OrganizationUser>,
    pub(crate) complexes: Vec<Complex>,
    pub(crate) multi_units: Vec<MultiUnit>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) listings: Vec<Listing>,
    pub(crate) guests: Vec<Guest>,
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) bookings: Vec<Booking>,
    pub(crate) accesses: Vec<ReservationAccess>,
    pub(crate) pre_check_in_responses: Vec<PreCheckInResponse>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) messages: Vec<Message>,
    pub(crate) custom_fields: Vec<CustomField>,
    pub(crate) whatsapp_templates: Vec<WhatsAppTemplate>,
    /// The source of new ids.
    pub(crate) random: Random,
}

/// The maximum number of messages of a conversation. Beyond it, the oldest one is dropped.
pub(crate) const MAX_MESSAGES: usize = 50;

impl Records {
    pub(crate) fn reservation(&self, id: &str) -> Result<&Reservation, Problem> {
        self.reservations.iter().find(|one| one.id == id).ok_or_else(Problem::not_found)
    }

    /// The lock codes of this reservation.
    pub(crate) fn accesses_of(&self, reservation: &str) -> Result<Vec<ReservationAccess>, Problem> {
        self.reservation(reservation)?;
        let accesses = self.accesses.iter().filter(|access| access.reservation_id == reservation);
        Ok(accesses.cloned().collect())
    }

    pub(crate) fn conversation(&self, id: &str) -> Result<&Conversation, Problem> {
        self.conversations.iter().find(|one| one.id == id).ok_or_else(Problem::not_found)
    }

    fn conversation_mut(&mut self, id: &str) -> Result<&mut Conversation, Problem> {
        self.conversations.iter_mut().find(|one| one.id == id).ok_or_else(Problem::not_found)
    }

    /// The messages of this conversation, oldest first.
    pub(crate) fn messages_of(&self, conversation: &str) -> Result<Vec<Message>, Problem> {
        self.conversation(conversation)?;
        let messages =
            self.messages.iter().filter(|message| message.conversation_id == conversation);
        Ok(messages.cloned().collect())
    }

    pub(crate) fn change_conversation(
        &mut self,
        id: &str,
        change: ConversationChange,
    ) -> Result<Conversation, Problem> {
        let is_user = |id: &String| self.users.iter().any(|user| user.id == *id);
        let is_known = change.assignee_id.iter().flatten().all(is_user);
        let conversation = self.conversation_mut(id)?;
        if !is_known {
            return Err(Problem::invalid("The assigneeId is not a user of this organization."));
        }
        if let Some(status) = change.status {
            conversation.status = status;
        }
        if let Some(assignee) = change.assignee_id {
            conversation.assignee_id = assignee;
        }
        Ok(conversation.clone())
    }

    pub(crate) fn send_message(
        &mut self,
        conversation: &str,
        message: NewMessage,
        now: Timestamp,
    ) -> Result<Message, Problem> {
        self.conversation_mut(conversation)?.last_message_at = now;
        let message = Message {
            id: self.random.id("msg"),
            conversation_id: conversation.to_owned(),
            direction: Direction::Outbound,
            text: message.text,
            sent_at: now,
        };
        self.messages.push(message.clone());
        self.drop_oldest_beyond_bound(conversation);
        Ok(message)
    }

    fn drop_oldest_beyond_bound(&mut self, conversation: &str) {
        let is_in_conversation = |message: &Message| message.conversation_id == conversation;
        if self.messages.iter().filter(|message| is_in_conversation(message)).count() > MAX_MESSAGES
            && let Some(oldest) = self.messages.iter().position(is_in_conversation)
        {
            self.messages.remove(oldest);
        }
    }

    pub(crate) fn change_custom_field(
        &mut self,
        id: &str,
        change: CustomFieldChange,
    ) -> Result<CustomField, Problem> {
        let field = self.custom_fields.iter_mut().find(|field| field.id == id);
        let field = field.ok_or_else(Problem::not_found)?;
        if change.value.as_ref().is_some_and(|value| value.kind() != field.kind) {
            return Err(Problem::invalid("The value is not of the field's type."));
        }
        if let Some(name) = change.name {
            field.name = name;
        }
        if let Some(value) = change.value {
            field.value = value;
        }
        Ok(field.clone())
    }
}

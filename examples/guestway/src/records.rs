use jiff::{SignedDuration, Timestamp};

use crate::body::JsonObject;
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
    pub(crate) fn accesses_of(
        &self,
        reservation: &str,
    ) -> Result<impl Iterator<Item = &ReservationAccess>, Problem> {
        self.reservation(reservation)?;
        Ok(self.accesses.iter().filter(move |access| access.reservation_id == reservation))
    }

    pub(crate) fn conversation(&self, id: &str) -> Result<&Conversation, Problem> {
        self.conversations.iter().find(|one| one.id == id).ok_or_else(Problem::not_found)
    }

    /// The messages of this conversation.
    pub(crate) fn messages_of(
        &self,
        conversation: &str,
    ) -> Result<impl Iterator<Item = &Message>, Problem> {
        self.conversation(conversation)?;
        Ok(self.messages.iter().filter(move |message| message.conversation_id == conversation))
    }

    pub(crate) fn change_conversation(
        &mut self,
        id: &str,
        body: JsonObject,
    ) -> Result<Conversation, Problem> {
        let conversation = self.conversations.iter_mut().find(|one| one.id == id);
        let conversation = conversation.ok_or_else(Problem::not_found)?;
        let is_user = |id: &String| self.users.iter().any(|user| user.id == *id);
        let change = body.read(|fields| ConversationChange::read(fields, is_user))?;
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
        body: JsonObject,
        now: Timestamp,
    ) -> Result<Message, Problem> {
        let conversation = self.conversations.iter_mut().find(|one| one.id == conversation);
        let conversation = conversation.ok_or_else(Problem::not_found)?;
        let NewMessage { text } = body.read(NewMessage::read)?;
        // A message is after the latest one, even where the clock is not: its place in the list is last.
        let after_latest = conversation.last_message_at + SignedDuration::from_nanos(1);
        conversation.last_message_at = now.max(after_latest);
        let message = Message {
            id: self.random.id("msg"),
            conversation_id: conversation.id.clone(),
            direction: Direction::Outbound,
            text,
            sent_at: conversation.last_message_at,
        };
        self.messages.push(message.clone());
        self.drop_oldest_beyond_bound(&message.conversation_id);
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
        body: JsonObject,
    ) -> Result<CustomField, Problem> {
        let field = self.custom_fields.iter_mut().find(|field| field.id == id);
        let field = field.ok_or_else(Problem::not_found)?;
        let change = body.read(|fields| CustomFieldChange::read(fields, field.kind))?;
        if let Some(name) = change.name {
            field.name = name;
        }
        if let Some(value) = change.value {
            field.value = value;
        }
        Ok(field.clone())
    }
}

//! The records of the API. In JSON, field names are camelCase, days are ISO 8601 dates, and instants
//! are ISO 8601 date-times in UTC.

mod custom_field;
mod inbox;
mod people;
mod property;
mod stay;

pub(crate) use custom_field::{Content, CustomField, CustomFieldChange, Target};
pub(crate) use inbox::{
    Channel, Conversation, ConversationChange, ConversationStatus, Direction, Message, NewMessage,
    WhatsAppTemplate,
};
pub(crate) use people::{Guest, Organization, OrganizationUser, Owner, Role};
pub(crate) use property::{Complex, Listing, MultiUnit};
pub(crate) use stay::{
    Answer, Booking, BookingChannel, PreCheckInResponse, Reservation, ReservationAccess,
    ReservationStatus,
};

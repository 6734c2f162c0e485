//! What the document says of the endpoints beside their declarations: parameters, problems and examples.

mod bodies;
mod examples;
mod lists;
mod parameters;
mod problems;

pub(crate) use bodies::Sent;
pub(crate) use examples::{accesses, first_of, id_of, messages, organization, page_of};
pub(crate) use lists::{
    BookingList, ComplexList, ConversationList, CustomFieldList, GuestList, ListingList,
    MessageList, MultiUnitList, OrganizationUserList, OwnerList, PreCheckInResponseList,
    ReservationAccessList, ReservationList, WhatsAppTemplateList,
};
pub(crate) use problems::{BadBody, BadQuery, NotFound};

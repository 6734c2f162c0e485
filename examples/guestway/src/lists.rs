use jiff::Timestamp;
use jiff::civil::Date;

use crate::model::{
    Booking, Complex, Conversation, CustomField, Guest, Listing, Message, MultiUnit,
    OrganizationUser, Owner, PreCheckInResponse, Reservation, ReservationAccess, WhatsAppTemplate,
};
use crate::page::Listed;
use crate::records::Records;

/// Records that an organization has a list of.
pub(crate) trait Stored: Listed + 'static {
    /// All of them, in any order.
    fn all(records: &Records) -> &[Self];
}

/// What the lists have, the prefix of its ids, where it is stored, and its order: by id unless another key is
/// given.
macro_rules! lists {
    ($($record:ident, $kind:literal, $field:ident $(, $key:ident: $type:ty)?;)*) => {$(
        impl Listed for $record {
            const KIND: &'static str = $kind;

            type Key = ($($type,)?);

            #[allow(clippy::unused_unit, reason = "most lists have no key but the id")]
            fn key(&self) -> Self::Key {
                ($(self.$key,)?)
            }

            fn id(&self) -> &str {
                &self.id
            }
        }

        impl Stored for $record {
            fn all(records: &Records) -> &[Self] {
                &records.$field
            }
        }
    )*};
}

lists! {
    OrganizationUser, "usr", users;
    Reservation, "res", reservations, check_in: Date;
    ReservationAccess, "acc", accesses;
    Booking, "bkg", bookings, booked_at: Timestamp;
    PreCheckInResponse, "pci", pre_check_in_responses, submitted_at: Timestamp;
    Conversation, "cnv", conversations;
    Message, "msg", messages, sent_at: Timestamp;
    WhatsAppTemplate, "wat", whatsapp_templates;
    Guest, "gst", guests;
    Owner, "own", owners;
    Listing, "lst", listings;
    MultiUnit, "mu", multi_units;
    Complex, "cpx", complexes;
    CustomField, "cf", custom_fields;
}

use std::borrow::Cow;

use utoipa::openapi::schema::{Array, ObjectBuilder, Ref, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::model::{
    Booking, Complex, Conversation, CustomField, Guest, Listing, Message, MultiUnit,
    OrganizationUser, Owner, PreCheckInResponse, Reservation, ReservationAccess, WhatsAppTemplate,
};
use crate::page::List;

// A generic name would need a schema without references.
pub(crate) type OrganizationUserList = List<OrganizationUser>;
pub(crate) type ReservationList = List<Reservation>;
pub(crate) type ReservationAccessList = List<ReservationAccess>;
pub(crate) type BookingList = List<Booking>;
pub(crate) type PreCheckInResponseList = List<PreCheckInResponse>;
pub(crate) type ConversationList = List<Conversation>;
pub(crate) type MessageList = List<Message>;
pub(crate) type WhatsAppTemplateList = List<WhatsAppTemplate>;
pub(crate) type GuestList = List<Guest>;
pub(crate) type OwnerList = List<Owner>;
pub(crate) type ListingList = List<Listing>;
pub(crate) type MultiUnitList = List<MultiUnit>;
pub(crate) type ComplexList = List<Complex>;
pub(crate) type CustomFieldList = List<CustomField>;

/// Refers to the schema of the records, which a derived implementation would repeat in each list.
impl<T: ToSchema> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        let cursor = SchemaType::from_iter([Type::String, Type::Null]);
        let cursor = ObjectBuilder::new()
            .schema_type(cursor)
            .description(Some("The `cursor` of the next page; `null` on the last one."));
        ObjectBuilder::new()
            .property("data", Array::new(Ref::from_schema_name(T::name())))
            .property("nextCursor", cursor)
            .required("data")
            .required("nextCursor")
            .into()
    }
}

impl<T: ToSchema> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

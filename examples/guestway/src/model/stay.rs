use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stay of a guest in a listing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reservation {
    pub(crate) id: String,
    pub(crate) status: ReservationStatus,
    #[schema(value_type = String, format = Date)]
    pub(crate) check_in: Date,
    #[schema(value_type = String, format = Date)]
    pub(crate) check_out: Date,
    pub(crate) guest_count: u8,
    pub(crate) guest_id: String,
    pub(crate) listing_id: String,
    pub(crate) booking_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ReservationStatus {
    Confirmed,
    CheckedIn,
    CheckedOut,
    Cancelled,
}

/// The purchase of a stay through a booking channel.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Booking {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) channel: BookingChannel,
    pub(crate) channel_reference: String,
    /// In hundredths of the currency's unit.
    pub(crate) total_minor: u32,
    pub(crate) currency: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) booked_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum BookingChannel {
    Airbnb,
    BookingCom,
    Direct,
}

/// A code that opens a smart lock during a stay.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReservationAccess {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) lock_name: String,
    pub(crate) pin_code: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) valid_from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) valid_to: Timestamp,
}

/// A guest's answers before arrival.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreCheckInResponse {
    pub(crate) id: String,
    pub(crate) reservation_id: String,
    pub(crate) guest_id: String,
    pub(crate) answers: Vec<Answer>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) submitted_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreCheckInAnswer)]
pub(crate) struct Answer {
    pub(crate) question: &'static str,
    pub(crate) answer: &'static str,
}

use serde::Serialize;
use utoipa::ToSchema;

/// A place that guests can book.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) city: &'static str,
    pub(crate) bedrooms: u8,
    pub(crate) max_guests: u8,
    pub(crate) owner_id: String,
    #[schema(required)]
    pub(crate) complex_id: Option<String>,
    #[schema(required)]
    pub(crate) multi_unit_id: Option<String>,
}

/// Listings of one kind that are booked as one listing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MultiUnit {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) listing_ids: Vec<String>,
}

/// Buildings on one site.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Complex {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) listing_ids: Vec<String>,
}

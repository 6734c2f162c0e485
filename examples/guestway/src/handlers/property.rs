use axum::Json;
use axum::extract::State;
use dualkey::Grant;

use super::{Store, list};
use crate::documented::{BadQuery, ComplexList, ListingList, MultiUnitList, page_of};
use crate::model::{Complex, Listing, MultiUnit};
use crate::page::{List, Page};
use crate::query::Query;

/// List the listings
///
/// The places that guests can book, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/listings",
    tag = "Properties",
    params(Page<Listing>),
    responses(
        (status = 200, description = "A page of listings", body = ListingList, example = json!(page_of::<Listing>())),
        BadQuery,
    )
)]
pub(crate) async fn list_listings(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<Listing>>,
) -> Json<List<Listing>> {
    list(&organizations, &grant, &page)
}

/// List the multi-units
///
/// Listings of one kind that are booked as one, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/multi-units",
    tag = "Properties",
    params(Page<MultiUnit>),
    responses(
        (status = 200, description = "A page of multi-units", body = MultiUnitList, example = json!(page_of::<MultiUnit>())),
        BadQuery,
    )
)]
pub(crate) async fn list_multi_units(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<MultiUnit>>,
) -> Json<List<MultiUnit>> {
    list(&organizations, &grant, &page)
}

/// List the complexes
///
/// Buildings on one site, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/complexes",
    tag = "Properties",
    params(Page<Complex>),
    responses(
        (status = 200, description = "A page of complexes", body = ComplexList, example = json!(page_of::<Complex>())),
        BadQuery,
    )
)]
pub(crate) async fn list_complexes(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<Complex>>,
) -> Json<List<Complex>> {
    list(&organizations, &grant, &page)
}

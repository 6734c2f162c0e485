use axum::Json;
use axum::extract::State;
use dualkey::Grant;

use super::{Answer, Store, list};
use crate::documented::{
    BadQuery, BookingList, NotFound, PreCheckInResponseList, ReservationAccessList,
    ReservationList, accesses, first_of, id_of, page_of,
};
use crate::model::{Booking, PreCheckInResponse, Reservation, ReservationAccess};
use crate::page::{List, Page};
use crate::path::Id;
use crate::query::Query;
use crate::records::Records;
use crate::stays::Stays;

/// List the reservations
///
/// In the order of their check-in. The filters can be combined: a reservation has to pass all of them.
#[utoipa::path(
    get,
    path = "/v1/reservations",
    tag = "Reservations",
    params(Stays),
    responses(
        (status = 200, description = "A page of reservations", body = ReservationList, example = json!(page_of::<Reservation>())),
        BadQuery,
    )
)]
pub(crate) async fn list_reservations(
    grant: Grant,
    State(organizations): Store,
    Query(stays): Query<Stays>,
) -> Json<List<Reservation>> {
    let select = |records: &mut Records| stays.of(&records.reservations);
    Json(organizations.with(&grant.organization, select))
}

/// Get a reservation
#[utoipa::path(
    get,
    path = "/v1/reservations/{id}",
    tag = "Reservations",
    params(
        ("id" = String, Path, description = "The id of a reservation", example = json!(id_of::<Reservation>())),
    ),
    responses(
        (status = 200, description = "The reservation", body = Reservation, example = json!(first_of::<Reservation>())),
        NotFound,
    )
)]
pub(crate) async fn get_reservation(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
) -> Answer<Reservation> {
    organizations.with(&grant.organization, |records| records.reservation(&id).cloned()).map(Json)
}

/// List the accesses of a reservation
///
/// The codes that open its smart locks during the stay, in the order of their ids. A cancelled reservation
/// has none.
#[utoipa::path(
    get,
    path = "/v1/reservations/{id}/accesses",
    tag = "Reservations",
    params(
        ("id" = String, Path, description = "The id of a reservation", example = json!(id_of::<Reservation>())),
        Page<ReservationAccess>,
    ),
    responses(
        (status = 200, description = "A page of accesses", body = ReservationAccessList, example = json!(accesses())),
        BadQuery,
        NotFound,
    )
)]
pub(crate) async fn list_accesses(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
    Query(page): Query<Page<ReservationAccess>>,
) -> Answer<List<ReservationAccess>> {
    let select = |records: &mut Records| Ok(page.of(records.accesses_of(&id)?));
    organizations.with(&grant.organization, select).map(Json)
}

/// List the bookings
///
/// The purchases of stays through booking channels, in the order of their time.
#[utoipa::path(
    get,
    path = "/v1/bookings",
    tag = "Reservations",
    params(Page<Booking>),
    responses(
        (status = 200, description = "A page of bookings", body = BookingList, example = json!(page_of::<Booking>())),
        BadQuery,
    )
)]
pub(crate) async fn list_bookings(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<Booking>>,
) -> Json<List<Booking>> {
    list(&organizations, &grant, &page)
}

/// List the pre-check-in responses
///
/// The answers of guests before their arrival, in the order of their time.
#[utoipa::path(
    get,
    path = "/v1/pre-check-in-responses",
    tag = "Reservations",
    params(Page<PreCheckInResponse>),
    responses(
        (status = 200, description = "A page of responses", body = PreCheckInResponseList, example = json!(page_of::<PreCheckInResponse>())),
        BadQuery,
    )
)]
pub(crate) async fn list_pre_check_in_responses(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<PreCheckInResponse>>,
) -> Json<List<PreCheckInResponse>> {
    list(&organizations, &grant, &page)
}

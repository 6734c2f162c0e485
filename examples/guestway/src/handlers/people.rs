use axum::Json;
use axum::extract::State;
use dualkey::Grant;

use super::{Store, list};
use crate::documented::{
    BadQuery, GuestList, OrganizationUserList, OwnerList, organization, page_of,
};
use crate::model::{Guest, Organization, OrganizationUser, Owner};
use crate::page::{List, Page};
use crate::query::Query;

/// Get the organization
///
/// The organization that the token belongs to. Every valid token may read it.
#[utoipa::path(
    get,
    path = "/v1/organization",
    tag = "Organization",
    responses(
        (status = 200, description = "The organization", body = Organization, example = json!(organization())),
    )
)]
pub(crate) async fn get_organization(
    grant: Grant,
    State(organizations): Store,
) -> Json<Organization> {
    Json(organizations.with(&grant.organization, |records| records.organization.clone()))
}

/// List the users
///
/// The members of the organization's team, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/organization/users",
    tag = "Organization",
    params(Page<OrganizationUser>),
    responses(
        (status = 200, description = "A page of users", body = OrganizationUserList, example = json!(page_of::<OrganizationUser>())),
        BadQuery,
    )
)]
pub(crate) async fn list_users(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<OrganizationUser>>,
) -> Json<List<OrganizationUser>> {
    list(&organizations, &grant, &page)
}

/// List the guests
///
/// In the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/guests",
    tag = "People",
    params(Page<Guest>),
    responses(
        (status = 200, description = "A page of guests", body = GuestList, example = json!(page_of::<Guest>())),
        BadQuery,
    )
)]
pub(crate) async fn list_guests(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<Guest>>,
) -> Json<List<Guest>> {
    list(&organizations, &grant, &page)
}

/// List the owners
///
/// The owners of listings, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/owners",
    tag = "People",
    params(Page<Owner>),
    responses(
        (status = 200, description = "A page of owners", body = OwnerList, example = json!(page_of::<Owner>())),
        BadQuery,
    )
)]
pub(crate) async fn list_owners(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<Owner>>,
) -> Json<List<Owner>> {
    list(&organizations, &grant, &page)
}

use axum::Json;
use axum::extract::State;
use dualkey::Grant;

use super::{Answer, Store, list};
use crate::body::JsonObject;
use crate::documented::{BadBody, BadQuery, CustomFieldList, NotFound, Sent, id_of, page_of};
use crate::model::{CustomField, CustomFieldChange};
use crate::page::{List, Page};
use crate::path::Id;
use crate::query::Query;

/// List the custom fields
///
/// In the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/custom-fields",
    tag = "Custom fields",
    params(Page<CustomField>),
    responses(
        (status = 200, description = "A page of custom fields", body = CustomFieldList, example = json!(page_of::<CustomField>())),
        BadQuery,
    )
)]
pub(crate) async fn list_custom_fields(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<CustomField>>,
) -> Json<List<CustomField>> {
    list(&organizations, &grant, &page)
}

/// Change a custom field
///
/// Sets the name, the value, or both. A value keeps its type.
#[utoipa::path(
    patch,
    path = "/v1/custom-fields/{id}",
    tag = "Custom fields",
    params(
        ("id" = String, Path, description = "The id of a custom field", example = json!(id_of::<CustomField>())),
    ),
    request_body(content = CustomFieldChange, example = json!(CustomFieldChange::valid())),
    responses(
        (status = 200, description = "The changed field", body = CustomField, example = json!(CustomFieldChange::answer())),
        NotFound,
        BadBody<CustomFieldChange>,
    )
)]
pub(crate) async fn update_custom_field(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
    body: JsonObject,
) -> Answer<CustomField> {
    organizations
        .with(&grant.organization, |records| records.change_custom_field(&id, body))
        .map(Json)
}

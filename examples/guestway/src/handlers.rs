use std::future::{Ready, ready};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dualkey::{Grant, Verifier};
use jiff::Timestamp;
use serde::Serialize;

use crate::body::{Body, Id};
use crate::model::{
    Conversation, ConversationChange, CustomField, CustomFieldChange, Message, NewMessage,
    Organization, Reservation, ReservationAccess,
};
use crate::organizations::Organizations;
use crate::problem::Problem;
use crate::records::Records;

type Answer<T> = Result<Json<T>, Problem>;

/// The response body of a list.
#[derive(Serialize)]
pub(crate) struct List<T> {
    data: Vec<T>,
}

impl<T> From<Vec<T>> for List<T> {
    fn from(data: Vec<T>) -> Self {
        Self { data }
    }
}

pub(crate) async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

/// Whether a load balancer may send requests: the program answers before it has read all credentials.
pub(crate) fn readiness(
    verifier: Verifier,
) -> impl Fn() -> Ready<Result<Json<serde_json::Value>, Problem>> + Clone + Send + Sync + 'static {
    move || {
        let answer = || Json(serde_json::json!({ "status": "ready" }));
        ready(verifier.is_ready().then(answer).ok_or_else(Problem::not_ready))
    }
}

/// A handler that lists all records of one kind.
pub(crate) fn list<T: Clone + 'static>(
    select: fn(&Records) -> &[T],
) -> impl Fn(Grant, State<Organizations>) -> Ready<Json<List<T>>> + Clone + Send + Sync + 'static {
    move |grant, State(organizations)| {
        ready(Json(
            organizations.with(&grant.organization, |records| select(records).to_vec()).into(),
        ))
    }
}

pub(crate) async fn organization(
    grant: Grant,
    State(organizations): State<Organizations>,
) -> Json<Organization> {
    Json(organizations.with(&grant.organization, |records| records.organization.clone()))
}

pub(crate) async fn reservation(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
) -> Answer<Reservation> {
    organizations.with(&grant.organization, |records| records.reservation(&id).cloned()).map(Json)
}

pub(crate) async fn accesses(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
) -> Answer<List<ReservationAccess>> {
    let accesses = organizations.with(&grant.organization, |records| records.accesses_of(&id))?;
    Ok(Json(accesses.into()))
}

pub(crate) async fn conversation(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
) -> Answer<Conversation> {
    organizations.with(&grant.organization, |records| records.conversation(&id).cloned()).map(Json)
}

pub(crate) async fn messages(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
) -> Answer<List<Message>> {
    let messages = organizations.with(&grant.organization, |records| records.messages_of(&id))?;
    Ok(Json(messages.into()))
}

pub(crate) async fn edit_conversation(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
    Body(change): Body<ConversationChange>,
) -> Answer<Conversation> {
    organizations
        .with(&grant.organization, |records| records.change_conversation(&id, change))
        .map(Json)
}

pub(crate) async fn send_message(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
    Body(message): Body<NewMessage>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    let now = Timestamp::now();
    let sent = organizations
        .with(&grant.organization, |records| records.send_message(&id, message, now))?;
    Ok((StatusCode::CREATED, Json(sent)))
}

pub(crate) async fn edit_custom_field(
    grant: Grant,
    State(organizations): State<Organizations>,
    Id(id): Id,
    Body(change): Body<CustomFieldChange>,
) -> Answer<CustomField> {
    organizations
        .with(&grant.organization, |records| records.change_custom_field(&id, change))
        .map(Json)
}

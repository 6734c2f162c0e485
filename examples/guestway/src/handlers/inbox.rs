use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dualkey::Grant;
use jiff::Timestamp;

use super::{Answer, Store, list};
use crate::body::JsonObject;
use crate::documented::{
    BadBody, BadQuery, ConversationList, MessageList, NotFound, Sent, WhatsAppTemplateList,
    first_of, id_of, messages, page_of,
};
use crate::model::{Conversation, ConversationChange, Message, NewMessage, WhatsAppTemplate};
use crate::page::{List, Page};
use crate::path::Id;
use crate::problem::Problem;
use crate::query::Query;
use crate::records::Records;

/// List the conversations
///
/// In the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/conversations",
    tag = "Conversations",
    params(Page<Conversation>),
    responses(
        (status = 200, description = "A page of conversations", body = ConversationList, example = json!(page_of::<Conversation>())),
        BadQuery,
    )
)]
pub(crate) async fn list_conversations(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<Conversation>>,
) -> Json<List<Conversation>> {
    list(&organizations, &grant, &page)
}

/// Get a conversation
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    tag = "Conversations",
    params(
        ("id" = String, Path, description = "The id of a conversation", example = json!(id_of::<Conversation>())),
    ),
    responses(
        (status = 200, description = "The conversation", body = Conversation, example = json!(first_of::<Conversation>())),
        NotFound,
    )
)]
pub(crate) async fn get_conversation(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
) -> Answer<Conversation> {
    organizations.with(&grant.organization, |records| records.conversation(&id).cloned()).map(Json)
}

/// Change a conversation
///
/// Sets the status, the assignee, or both.
#[utoipa::path(
    patch,
    path = "/v1/conversations/{id}",
    tag = "Conversations",
    params(
        ("id" = String, Path, description = "The id of a conversation", example = json!(id_of::<Conversation>())),
    ),
    request_body(content = ConversationChange, example = json!(ConversationChange::valid())),
    responses(
        (status = 200, description = "The changed conversation", body = Conversation, example = json!(ConversationChange::answer())),
        NotFound,
        BadBody<ConversationChange>,
    )
)]
pub(crate) async fn update_conversation(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
    body: JsonObject,
) -> Answer<Conversation> {
    organizations
        .with(&grant.organization, |records| records.change_conversation(&id, body))
        .map(Json)
}

/// List the messages of a conversation
///
/// The latest 50, in the order of their time.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/messages",
    tag = "Conversations",
    params(
        ("id" = String, Path, description = "The id of a conversation", example = json!(id_of::<Conversation>())),
        Page<Message>,
    ),
    responses(
        (status = 200, description = "A page of messages", body = MessageList, example = json!(messages())),
        BadQuery,
        NotFound,
    )
)]
pub(crate) async fn list_messages(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
    Query(page): Query<Page<Message>>,
) -> Answer<List<Message>> {
    let select = |records: &mut Records| Ok(page.of(records.messages_of(&id)?));
    organizations.with(&grant.organization, select).map(Json)
}

/// Send a message
///
/// Sends a message to the guest of a conversation.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/messages",
    tag = "Conversations",
    params(
        ("id" = String, Path, description = "The id of a conversation", example = json!(id_of::<Conversation>())),
    ),
    request_body(content = NewMessage, example = json!(NewMessage::valid())),
    responses(
        (status = 201, description = "The message that was sent", body = Message, example = json!(NewMessage::answer())),
        NotFound,
        BadBody<NewMessage>,
    )
)]
pub(crate) async fn send_message(
    grant: Grant,
    State(organizations): Store,
    Id(id): Id,
    body: JsonObject,
) -> Result<(StatusCode, Json<Message>), Problem> {
    let now = Timestamp::now();
    let sent =
        organizations.with(&grant.organization, |records| records.send_message(&id, body, now))?;
    Ok((StatusCode::CREATED, Json(sent)))
}

/// List the WhatsApp templates
///
/// The message templates that WhatsApp has approved, in the order of their ids.
#[utoipa::path(
    get,
    path = "/v1/whatsapp-templates",
    tag = "Conversations",
    params(Page<WhatsAppTemplate>),
    responses(
        (status = 200, description = "A page of templates", body = WhatsAppTemplateList, example = json!(page_of::<WhatsAppTemplate>())),
        BadQuery,
    )
)]
pub(crate) async fn list_whatsapp_templates(
    grant: Grant,
    State(organizations): Store,
    Query(page): Query<Page<WhatsAppTemplate>>,
) -> Json<List<WhatsAppTemplate>> {
    list(&organizations, &grant, &page)
}

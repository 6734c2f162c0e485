use axum::response::Response;
use dualkey_store::{AuditAction, AuditTarget, Page, RegistryError, TokenId, TokenRecord};
use maud::{Markup, html};

use super::parts::{PartnerNames, mask, partner_names};
use crate::chip::Chip;
use crate::context::{Context, PathId, Refused};
use crate::fields::Fields;
use crate::links::{Links, with_query};
use crate::markup::{bdi, heading};
use crate::problem;
use crate::shell::{View, see_other};
use crate::times::relative;
use crate::visitor::TokenChange;

/// The question of the product.
const QUESTION: &str = "Are you sure you want to remove this access token?";

/// A page with the question alone, where the hook can ask to authenticate again.
pub(crate) async fn show(ctx: Context, PathId(id): PathId) -> Response {
    if !ctx.visitor.may_edit {
        return problem::forbidden(&ctx);
    }
    if let Err(response) = ctx.reauthenticate(TokenChange::Remove).await {
        return response;
    }
    match question(&ctx, &id).await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

async fn question(ctx: &Context, id: &str) -> Result<View, RegistryError> {
    let token = ctx.token(id).await?;
    let partners = partner_names(ctx, std::slice::from_ref(&token)).await?;
    let body = html! {
        (heading(ctx, &html! { "Remove token" }))
        (form(ctx, &token, &partners))
        p { a href=(ctx.links.home()) { "Cancel" } }
    };
    Ok(View::new("Remove token · API Access", body))
}

/// The question with its form, which works in every browser.
pub(crate) fn form(ctx: &Context, token: &TokenRecord, partners: &PartnerNames) -> Markup {
    html! {
        p { (QUESTION) }
        p { (bdi(&token.name)) " " (mask(token)) }
        p { (consequence(ctx, token, partners)) " It cannot be restored." }
        form method="post" action=(ctx.links.remove(&token.id)) data-dk-once {
            button.dk-button.dk-danger { "Remove token" }
        }
    }
}

/// A button, and the dialog that it opens. The name of the row, with this id, describes the button.
pub(crate) fn dialog(ctx: &Context, token: &TokenRecord, partners: &PartnerNames) -> Markup {
    let id = |part: &str| format!("{part}-{}", token.id);
    html! {
        button.dk-action.dk-remove type="button" commandfor=(id("remove")) command="show-modal"
            aria-describedby=(id("name")) { "Remove" }
        dialog.dk-dialog #(id("remove")) role="alertdialog" aria-labelledby=(id("question"))
            aria-describedby=(id("consequence")) {
            h2 #(id("question")) { (QUESTION) }
            div #(id("consequence")) {
                p { strong { (bdi(&token.name)) } " " (mask(token)) }
                p { (consequence(ctx, token, partners)) " It cannot be restored." }
            }
            form.dk-buttons method="post" action=(ctx.links.remove(&token.id)) data-dk-once {
                button.dk-button type="button" commandfor=(id("remove")) command="close" autofocus {
                    "Cancel"
                }
                button.dk-button.dk-danger { "Remove token" }
            }
        }
    }
}

fn consequence(ctx: &Context, token: &TokenRecord, partners: &PartnerNames) -> Markup {
    let partner = token.last_used_by.and_then(|id| partners.get(&id));
    html! {
        @if ctx.chip(token) == Chip::Expired {
            "It has expired, so no request depends on it."
        } @else if let Some(used) = token.last_used_at {
            "Used " (relative(used, ctx.now))
            @if let Some(partner) = partner { " by " (bdi(partner)) }
            ": its requests will fail."
        } @else {
            "It was never used."
        }
    }
}

pub(crate) async fn post(ctx: Result<Context, Refused>, PathId(id): PathId) -> Response {
    let back = |links: &Links| {
        id.parse().map_or_else(|_| links.home().to_owned(), |id: TokenId| links.remove(&id))
    };
    let ctx = match problem::admitted(ctx, back) {
        Ok(ctx) => ctx,
        Err(response) => return response,
    };
    if let Err(response) = ctx.reauthenticate(TokenChange::Remove).await {
        return problem::unconfirmed(&ctx, response, &back(&ctx.links));
    }
    match remove(&ctx, &id).await {
        Ok(response) => response,
        Err(error) => problem::failed(&ctx, &error, Some(&Fields::default())),
    }
}

async fn remove(ctx: &Context, id: &str) -> Result<Response, RegistryError> {
    let id: TokenId = id.parse().map_err(|_| RegistryError::NotFound)?;
    match ctx.registry()?.revoke_token(&ctx.visitor.organization, &id).await {
        Ok(()) => {
            let id = id.to_string();
            Ok(see_other(&with_query(ctx.links.home(), [("removed", id.as_str())])))
        }
        Err(RegistryError::NotFound) if removed_name(ctx, &id).await?.is_some() => {
            Ok(see_other(&with_query(ctx.links.home(), [("notice", "gone")])))
        }
        Err(error) => Err(error),
    }
}

/// The name of a token of the organization that was removed, if the last changes of the audit trail have it.
pub(crate) async fn removed_name(
    ctx: &Context,
    id: &TokenId,
) -> Result<Option<String>, RegistryError> {
    let organization = ctx.visitor.organization.clone();
    let target = AuditTarget::Token { organization, id: *id };
    let trail = ctx.settings.registry.audit(Some(&ctx.visitor.organization), Page::first(500));
    let removal = |action| matches!(action, AuditAction::TokenRevoked | AuditAction::TokenPruned);
    let mut trail = trail.await?.into_iter();
    let entry = trail.find(|entry| removal(entry.action) && entry.subject == target);
    Ok(entry.map(|entry| entry.detail))
}

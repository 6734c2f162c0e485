use std::time::Duration;

use axum::response::Response;
use dualkey_limit::Timestamp;
use dualkey_store::{FormNonce, RegistryError, TokenId, TokenRecord};
use maud::html;

use super::parts::summary;
use super::result::{self, Minted};
use crate::context::Context;
use crate::fields::Fields;
use crate::markup::heading;
use crate::problem;
use crate::shell::View;

/// The answer to a form that was sent before: the token that it created, without its text. The first
/// answer had the text, and may never have arrived.
pub(crate) async fn page(ctx: &Context, id: &TokenId) -> Result<Response, RegistryError> {
    match ctx.token(&id.to_string()).await {
        Ok(token) => Ok(existing(ctx, &token)),
        Err(RegistryError::NotFound) => Ok(problem::missing(ctx)),
        Err(error) => Err(error),
    }
}

fn existing(ctx: &Context, token: &TokenRecord) -> Response {
    let body = html! {
        (heading(ctx, &html! { "Token already created" }))
        p { "The form was sent twice. One token was created, and the first answer showed it." }
        (summary(ctx, token))
        @if token.first_used_at.is_none() && token.replaced_by.is_none() {
            p { "Did you not see it? It was never used, so it can be replaced: the new token is shown, and this one is removed." }
            form method="post" action=(ctx.links.home()) data-dk-once {
                input type="hidden" name="action" value="replace";
                input type="hidden" name="nonce" value=(ctx.nonce()) autocomplete="off";
                input type="hidden" name="token" value=(token.id);
                div.dk-buttons {
                    button.dk-button.dk-primary { "Replace the token" }
                    a.dk-button href=(ctx.links.home()) data-dk-done { "Done" }
                }
            }
        } @else {
            p { "It is in use. If you do not have it, " a href=(ctx.links.token(&token.id)) { "rotate it" } "." }
        }
    };
    ctx.render(View::new("Token already created · API Access", body))
}

/// Replaces a token that was never used, and removes it.
pub(crate) async fn replace(ctx: &Context, fields: &Fields) -> Result<Response, RegistryError> {
    let id: TokenId = fields.first("token").parse().map_err(|_| RegistryError::NotFound)?;
    let nonce: FormNonce = fields.first("nonce").parse().map_err(|_| RegistryError::NotFound)?;
    let old = match ctx.token(fields.first("token")).await {
        Ok(old) if old.first_used_at.is_some() => return Ok(existing(ctx, &old)),
        Ok(old) => old,
        Err(RegistryError::NotFound) => return successor(ctx, &id).await,
        Err(error) => return Err(error),
    };
    let (registry, organization) = (ctx.registry()?, &ctx.visitor.organization);
    let rotated = registry.rotate_token_once(organization, &id, Duration::ZERO, nonce).await;
    let issued = match rotated {
        Ok(issued) => issued,
        Err(RegistryError::AlreadyDone { token }) => return page(ctx, &token).await,
        Err(RegistryError::AlreadyRotated) => return successor(ctx, &id).await,
        Err(error) => return Err(error),
    };
    // The old token is refused already. If it cannot be removed now, it is listed until it is pruned.
    if let Err(error) = registry.revoke_token(organization, &id).await {
        tracing::warn!(%error, "a replaced token was not removed");
    }
    Ok(result::page(ctx, &issued, Minted::Rotated { old: &old, until: Timestamp::EPOCH }))
}

/// The page of the token that replaced this one.
async fn successor(ctx: &Context, id: &TokenId) -> Result<Response, RegistryError> {
    let tokens = ctx.settings.registry.tokens(&ctx.visitor.organization).await?;
    let successor = tokens.iter().find(|token| token.replaces == Some(*id));
    successor.map(|token| existing(ctx, token)).ok_or(RegistryError::NotFound)
}

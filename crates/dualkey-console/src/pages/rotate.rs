use std::time::Duration;

use axum::response::Response;
use dualkey_store::{FormNonce, RegistryError, TokenId, TokenRecord, TokenStatus};
use http::StatusCode;
use maud::{Markup, html};

use super::parts::summary;
use super::repeated;
use super::result::{self, Minted};
use crate::context::{Context, PathId};
use crate::fields::Fields;
use crate::markup::{bdi, heading};
use crate::problem;
use crate::shell::View;
use crate::visitor::TokenChange;

/// How long the old token stays valid, in seconds.
const OVERLAPS: [(u64, &str); 4] =
    [(0, "It ends now"), (3_600, "1 hour"), (86_400, "24 hours"), (604_800, "7 days")];

/// The overlap that is selected at first.
const PRESELECTED: u64 = 86_400;

pub(crate) async fn show(ctx: Context, PathId(id): PathId) -> Response {
    if !ctx.visitor.may_edit {
        return problem::forbidden(&ctx);
    }
    if let Err(response) = ctx.reauthenticate(TokenChange::Rotate).await {
        return response;
    }
    match ctx.token(&id).await {
        Ok(token) => ctx.render(form(&ctx, &token, None)),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

fn form(ctx: &Context, token: &TokenRecord, error: Option<&str>) -> View {
    let obstacle = match token.status(ctx.now) {
        TokenStatus::Expired => Some("The token has expired. Create a new one."),
        TokenStatus::Replaced => Some("The token was rotated before. Rotate its successor."),
        _ => None,
    };
    let body = html! {
        @if let Some(error) = error {
            div.dk-errors {
                h2 tabindex="-1" autofocus { "The token was not rotated" }
                p { (error) }
            }
        }
        (heading(ctx, &html! { "Rotate token" }))
        @if let Some(obstacle) = obstacle {
            p.dk-note { (obstacle) }
            p { a href=(ctx.links.token(&token.id)) { "Back to " (bdi(&token.name)) } }
        } @else {
            p {
                "A new token with the same name, permissions and lifetime takes the place of the old one. "
                "Change your integration to the new token while both are valid."
            }
            (summary(ctx, token))
            (overlap_form(ctx, token))
        }
    };
    let prefix = if error.is_some() { "Error: " } else { "" };
    View::new(format!("{prefix}Rotate token · API Access"), body)
}

fn overlap_form(ctx: &Context, token: &TokenRecord) -> Markup {
    html! {
        form.dk-form method="post" action=(ctx.links.home()) data-dk-once {
            input type="hidden" name="action" value="rotate";
            input type="hidden" name="nonce" value=(ctx.nonce()) autocomplete="off";
            input type="hidden" name="token" value=(token.id);
            fieldset.dk-field aria-describedby="dk-overlap-hint" {
                legend { "How long the old token stays valid" }
                @for (seconds, label) in OVERLAPS {
                    label.dk-check {
                        input type="radio" name="overlap" value=(seconds) checked[seconds == PRESELECTED];
                        span { (label) }
                    }
                }
                p.dk-hint #dk-overlap-hint { "It ends earlier if its own expiry is earlier." }
            }
            div.dk-buttons {
                button.dk-button.dk-primary { "Rotate token" }
                a.dk-button href=(ctx.links.token(&token.id)) { "Cancel" }
            }
        }
    }
}

/// Rotates a token, once for each form.
pub(crate) async fn rotate(ctx: &Context, fields: &Fields) -> Result<Response, RegistryError> {
    let id: TokenId = fields.first("token").parse().map_err(|_| RegistryError::NotFound)?;
    let old = ctx.token(fields.first("token")).await?;
    let Some(overlap) = overlap(fields) else {
        return Ok(refused(ctx, &old, "Choose how long the old token stays valid."));
    };
    let Ok(nonce) = fields.first("nonce").parse::<FormNonce>() else {
        return Ok(refused(ctx, &old, TOO_OLD));
    };
    let organization = &ctx.visitor.organization;
    match ctx.registry()?.rotate_token_once(organization, &id, overlap, nonce).await {
        Ok(issued) => {
            let end = ctx.now.saturating_add(overlap);
            let until = old.expires_at.map_or(end, |own| own.min(end));
            Ok(result::page(ctx, &issued, Minted::Rotated { old: &old, until }))
        }
        Err(RegistryError::AlreadyDone { token }) => repeated::page(ctx, &token).await,
        Err(RegistryError::StaleForm) => Ok(refused(ctx, &old, TOO_OLD)),
        Err(RegistryError::Expired) => Ok(refused(ctx, &old, "It has expired.")),
        Err(RegistryError::AlreadyRotated) => {
            let old = ctx.token(fields.first("token")).await?;
            Ok(refused(ctx, &old, "It was rotated before."))
        }
        Err(RegistryError::TooManyTokens { .. }) => {
            Ok(refused(ctx, &old, "Your organization has too many tokens. Remove one first."))
        }
        Err(error) => Err(error),
    }
}

const TOO_OLD: &str = "The form was open for too long. Check it, and send it again.";

/// One of the overlaps that the form offers.
fn overlap(fields: &Fields) -> Option<Duration> {
    let seconds = fields.first("overlap").parse().ok()?;
    let is_offered = OVERLAPS.iter().any(|(offered, _)| *offered == seconds);
    is_offered.then(|| Duration::from_secs(seconds))
}

/// The form again.
fn refused(ctx: &Context, old: &TokenRecord, error: &str) -> Response {
    ctx.render(form(ctx, old, Some(error)).with_status(StatusCode::UNPROCESSABLE_ENTITY))
}

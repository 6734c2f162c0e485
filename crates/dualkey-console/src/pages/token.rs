use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use dualkey_store::{AuditEntry, RegistryError, TokenRecord};
use http::StatusCode;
use maud::{Markup, html};

use super::create::{self, field_error};
use super::parts::{PartnerNames, expiry_exact, last_used_exact, mask, partner_names, scopes};
use super::{history, remove};
use crate::chip::Chip;
use crate::context::{Context, PathId, Refused};
use crate::draft::{name_error, name_taken};
use crate::fields::Fields;
use crate::links::{Links, with_query};
use crate::markup::{bdi, heading, isolated};
use crate::problem;
use crate::shell::{View, see_other};
use crate::times::exact_tag;
use crate::trail;

pub(crate) async fn show(
    ctx: Context,
    PathId(id): PathId,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let is_renamed = Fields::new(fields).first("notice") == "renamed";
    let view = async {
        let token = ctx.token(&id).await?;
        page(&ctx, &token, is_renamed, None).await
    };
    match view.await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

/// A name that was typed, and why it is refused.
struct RefusedName<'a> {
    name: &'a str,
    error: String,
}

async fn page(
    ctx: &Context,
    token: &TokenRecord,
    is_renamed: bool,
    refused: Option<RefusedName<'_>>,
) -> Result<View, RegistryError> {
    let partners = partner_names(ctx, std::slice::from_ref(token)).await?;
    let history = history::read(ctx, token).await?;
    let body = html! {
        @if let Some(refused) = &refused { (error_summary(refused)) }
        (heading(ctx, &bdi(&token.name)))
        @if is_renamed { div.dk-notice tabindex="-1" autofocus { "The token was renamed." } }
        (facts(ctx, token, &partners, &history))
        @if ctx.visitor.may_edit {
            (rename_form(ctx, token, refused.as_ref()))
            (rotation(ctx, token))
            section #remove { h2 { "Remove" } (remove::form(ctx, token, &partners)) }
        }
        section {
            h2 { "History" }
            (trail::table("History", "Detail", &history, |entry| history::detail(ctx, token, entry)))
        }
    };
    let error = if refused.is_some() { "Error: " } else { "" };
    Ok(View::new(format!("{error}{} · API Access", isolated(&token.name)), body))
}

fn error_summary(refused: &RefusedName<'_>) -> Markup {
    html! {
        div.dk-errors {
            h2 tabindex="-1" autofocus { "The token was not renamed" }
            ul { li { a href="#dk-name" { (refused.error) } } }
        }
    }
}

fn facts(
    ctx: &Context,
    token: &TokenRecord,
    partners: &PartnerNames,
    history: &[AuditEntry],
) -> Markup {
    html! {
        dl.dk-facts {
            dt { "Status" } dd { (ctx.chip(token).markup()) }
            dt { "API Token" } dd { (mask(token)) }
            dt { "Created" }
            dd {
                (exact_tag(token.created_at))
                @if let Some(creation) = history::creation(token, history) { " by " bdi { (creation.actor) } }
            }
            dt { "Last Used" } dd { (last_used_exact(token, ctx.now, partners)) }
            dt { "Expires" } dd { (expiry_exact(token, ctx.now)) }
            @if let Some(id) = token.replaces { dt { "Replaces" } dd { (history::neighbour(ctx, &id)) } }
            @if let Some(id) = token.replaced_by { dt { "Replaced by" } dd { (history::neighbour(ctx, &id)) } }
            dt { "Permissions" } dd { (scopes(ctx.settings.registry.catalogue(), &token.scopes)) }
        }
    }
}

fn rename_form(ctx: &Context, token: &TokenRecord, refused: Option<&RefusedName<'_>>) -> Markup {
    let name = refused.map_or(token.name.as_str(), |refused| refused.name);
    let error = refused.map(|refused| refused.error.as_str());
    html! {
        section {
            h2 { "Rename" }
            form.dk-line method="post" action=(ctx.links.token(&token.id)) data-dk-once {
                div.dk-field {
                    label for="dk-name" { "Name" }
                    (field_error("dk-name-error", error))
                    input #dk-name name="name" value=(name) required autocomplete="off" dir="auto"
                        aria-invalid=[error.map(|_| "true")]
                        aria-describedby=[error.map(|_| "dk-name-error")];
                }
                button.dk-button { "Rename" }
            }
        }
    }
}

fn rotation(ctx: &Context, token: &TokenRecord) -> Markup {
    html! {
        @match ctx.chip(token) {
            Chip::Replaced => {},
            Chip::Expired => section {
                h2 { "Create again" }
                p { "An expired token cannot be rotated." }
                a.dk-button href=(create::again(ctx, token)) { "Create again with these settings" }
            },
            _ => section {
                h2 { "Rotate" }
                p { "A new token takes the place of this one, which stays valid while you change your integration." }
                a.dk-button href=(ctx.links.rotate(&token.id)) { "Rotate" }
            },
        }
    }
}

/// Renames a token.
pub(crate) async fn rename(
    ctx: Result<Context, Refused>,
    PathId(id): PathId,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let back =
        |links: &Links| id.parse().map_or_else(|_| links.home().to_owned(), |id| links.token(&id));
    let ctx = match problem::admitted(ctx, back) {
        Ok(ctx) => ctx,
        Err(response) => return response,
    };
    let fields = Fields::new(fields);
    match renamed(&ctx, &id, fields.first("name")).await {
        Ok(response) => response,
        Err(error) => problem::failed(&ctx, &error, Some(&fields)),
    }
}

async fn renamed(ctx: &Context, id: &str, name: &str) -> Result<Response, RegistryError> {
    let token = ctx.token(id).await?;
    let organization = &ctx.visitor.organization;
    let mut error = name_error(name);
    if error.is_none() {
        match ctx.registry()?.rename_token(organization, &token.id, name.trim()).await {
            Ok(_) => {
                let page = ctx.links.token(&token.id);
                return Ok(see_other(&with_query(&page, [("notice", "renamed")])));
            }
            Err(RegistryError::NameTaken) => {
                let tokens = ctx.settings.registry.tokens(organization).await?;
                error = Some(name_taken(name, &tokens));
            }
            Err(error) => return Err(error),
        }
    }
    let refused = error.map(|error| RefusedName { name, error });
    let view = page(ctx, &token, false, refused).await?;
    Ok(ctx.render(view.with_status(StatusCode::UNPROCESSABLE_ENTITY)))
}

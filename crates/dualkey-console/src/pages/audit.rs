use std::collections::HashMap;

use axum::extract::Query;
use axum::response::Response;
use dualkey_store::{AuditAction, AuditEntry, RegistryError, TokenId};
use maud::{Markup, html};

use crate::context::Context;
use crate::fields::Fields;
use crate::markup::{bdi, heading};
use crate::problem;
use crate::shell::View;
use crate::trail::{self, TrailPage};

pub(crate) async fn show(ctx: Context, Query(fields): Query<Vec<(String, String)>>) -> Response {
    match page(&ctx, &Fields::new(fields)).await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

async fn page(ctx: &Context, fields: &Fields) -> Result<View, RegistryError> {
    let (registry, organization) = (&ctx.settings.registry, &ctx.visitor.organization);
    let trail = TrailPage::read(registry, Some(organization), fields).await?;
    let tokens = registry.tokens(organization).await?;
    let names = tokens.into_iter().map(|token| (token.id, token.name)).collect();
    let body = html! {
        (heading(ctx, &html! { "Audit trail" }))
        p.dk-muted { "Every change to the tokens of your organization, the newest first. Times are in UTC." }
        (trail.markup(&ctx.links.below("/audit"), "Token", |entry| subject(ctx, entry, &names)))
    };
    Ok(View::new("Audit trail · API Access", body))
}

/// The name of the token, with a link while it exists; the successor of a rotation.
fn subject(ctx: &Context, entry: &AuditEntry, names: &HashMap<TokenId, String>) -> Markup {
    let id = trail::token(entry);
    let name = id.and_then(|id| Some((id, names.get(&id)?)));
    let has_name = !matches!(entry.action, AuditAction::TokenRotated);
    html! {
        @if let Some((id, name)) = name {
            a href=(ctx.links.token(&id)) { (bdi(name)) }
        } @else if has_name {
            (bdi(&entry.detail))
        } @else {
            span.dk-muted { "Removed" }
        }
        @if name.is_some() && entry.action == AuditAction::TokenRenamed {
            span.dk-muted { ": " (bdi(&entry.detail)) }
        }
    }
}

use std::collections::HashMap;

use axum::extract::Query;
use axum::response::Response;
use dualkey_store::{AuditEntry, AuditTarget, PartnerId, RegistryError};
use maud::{Markup, html};

use super::site::OperatorContext;
use crate::fields::Fields;
use crate::markup::{bdi, heading};
use crate::problem;
use crate::shell::View;
use crate::site::Site as _;
use crate::trail::TrailPage;

pub(super) async fn show(
    ctx: OperatorContext,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    match page(&ctx, &Fields::new(fields)).await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

async fn page(ctx: &OperatorContext, fields: &Fields) -> Result<View, RegistryError> {
    let registry = ctx.settings.registry();
    let trail = TrailPage::read(registry, None, fields).await?;
    let partners = registry.partners().await?;
    let names = partners.into_iter().map(|partner| (partner.id, partner.name)).collect();
    let body = html! {
        (heading(ctx, &html! { "Audit trail" }))
        p.dk-muted { "Every change to partners, the newest first. Times are in UTC." }
        (trail.markup(&ctx.links.below("/audit"), "Partner", |entry| subject(ctx, entry, &names)))
    };
    Ok(View::new("Audit trail · Partners", body))
}

fn subject(
    ctx: &OperatorContext,
    entry: &AuditEntry,
    names: &HashMap<PartnerId, String>,
) -> Markup {
    let id = match entry.subject {
        AuditTarget::Partner { id } => Some(id),
        AuditTarget::Token { .. } => None,
    };
    let name = id.and_then(|id| Some((id, names.get(&id)?)));
    html! {
        @if let Some((id, name)) = name {
            a href=(ctx.links.below(&format!("/{id}"))) { (bdi(name)) }
        }
        @if name.is_none_or(|(_, name)| *name != entry.detail) && !entry.detail.is_empty() {
            span.dk-muted { " " (bdi(&entry.detail)) }
        }
    }
}

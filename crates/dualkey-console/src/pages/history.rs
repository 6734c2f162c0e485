use dualkey_store::{AuditAction, AuditEntry, Page, RegistryError, TokenId, TokenRecord};
use maud::{Markup, html};

use crate::context::Context;
use crate::markup::bdi;
use crate::trail;

/// The entries of the audit trail that one query reads, and the queries for a token's history.
const ENTRIES: u32 = 200;
const QUERIES: usize = 20;

/// The changes of a token, the newest first: those of the audit trail that are about it, or in which it is
/// the successor.
pub(super) async fn read(
    ctx: &Context,
    token: &TokenRecord,
) -> Result<Vec<AuditEntry>, RegistryError> {
    let mut found = Vec::new();
    let mut page = Page::first(ENTRIES);
    for _ in 0..QUERIES {
        let entries = ctx.settings.registry.audit(Some(&ctx.visitor.organization), page).await?;
        let Some(last) = entries.last() else { break };
        let is_complete = last.at < token.created_at;
        page.after = Some(last.id);
        found.extend(entries.into_iter().filter(|entry| is_about(entry, token)));
        if is_complete {
            break;
        }
    }
    Ok(found)
}

fn is_about(entry: &AuditEntry, token: &TokenRecord) -> bool {
    trail::token(entry) == Some(token.id) || is_creation(entry, token)
}

/// Whether an entry is that of the rotation that issued the token.
fn is_creation(entry: &AuditEntry, token: &TokenRecord) -> bool {
    entry.action == AuditAction::TokenRotated && entry.detail == token.id.to_string()
}

pub(super) fn creation<'a>(
    token: &TokenRecord,
    history: &'a [AuditEntry],
) -> Option<&'a AuditEntry> {
    let issues =
        |entry: &&AuditEntry| entry.action == AuditAction::TokenIssued || is_creation(entry, token);
    history.iter().find(issues)
}

pub(super) fn detail(ctx: &Context, token: &TokenRecord, entry: &AuditEntry) -> Markup {
    html! {
        @match (entry.action, trail::token(entry)) {
            (AuditAction::TokenRotated, Some(old)) if is_creation(entry, token) => {
                "From " (neighbour(ctx, &old))
            },
            (AuditAction::TokenRotated, _) => {
                @if let Ok(successor) = entry.detail.parse() { "To " (neighbour(ctx, &successor)) }
            },
            _ => (bdi(&entry.detail)),
        }
    }
}

/// A link to the other token of a rotation.
pub(super) fn neighbour(ctx: &Context, id: &TokenId) -> Markup {
    html! { a href=(ctx.links.token(id)) { code.dk-id translate="no" { (id) } } }
}

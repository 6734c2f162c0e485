use dualkey_store::TokenRecord;
use maud::{Markup, html};

use super::selection::Selection;
use crate::chip::Chip;
use crate::context::Context;
use crate::markup::bdi;
use crate::pages::parts::{PartnerNames, last_used, mask, scope};
use crate::pages::{create, remove};
use crate::times::relative_tag;

/// The permissions that a row shows at once. The others are behind a summary.
const SCOPES: usize = 3;

pub(super) fn row(
    ctx: &Context,
    token: &TokenRecord,
    selection: &Selection<'_>,
    partners: &PartnerNames,
) -> Markup {
    let successor = selection.successor(token);
    let class = if successor.is_some() { "dk-row dk-old" } else { "dk-row" };
    html! {
        tr class=(class) role="row" {
            td.dk-name #{ "name-" (token.id) } role="cell" data-label="Name" {
                a href=(ctx.links.token(&token.id)) { (bdi(&token.name)) }
                @if let Some(successor) = successor { (replaced(token, successor)) }
                @if ctx.visitor.may_edit && ctx.chip(token) == Chip::Expired {
                    span.dk-small {
                        a href=(create::again(ctx, token)) { "Create again with these settings" }
                    }
                }
            }
            td role="cell" data-label="Status" { (ctx.chip(token).markup()) }
            td role="cell" data-label="API Token" { (mask(token)) }
            td role="cell" data-label="Permissions" { (permissions(ctx, token)) }
            td role="cell" data-label="Created" { (relative_tag(token.created_at, ctx.now)) }
            td role="cell" data-label="Last Used" { (last_used(token, ctx.now, partners)) }
            td role="cell" data-label="Expires" {
                @if let Some(end) = token.expires_at { (relative_tag(end, ctx.now)) }
                @else { span.dk-muted { "No expiry" } }
            }
            @if ctx.visitor.may_edit {
                td.dk-actions role="cell" { div { (actions(ctx, token, partners)) } }
            }
        }
    }
}

/// Whether the old token of a pair can be removed without a request that fails.
fn replaced(old: &TokenRecord, successor: &TokenRecord) -> Markup {
    let is_safe = successor
        .first_used_at
        .is_some_and(|first| old.last_used_at.is_none_or(|last| last < first));
    html! {
        span.dk-muted.dk-small {
            "Replaced by " (mask(successor))
            @if is_safe { ": safe to remove" }
        }
    }
}

fn permissions(ctx: &Context, token: &TokenRecord) -> Markup {
    let catalogue = ctx.settings.registry.catalogue();
    let shown = if token.scopes.len() > SCOPES { SCOPES - 1 } else { SCOPES };
    let (first, more) = token.scopes.split_at(shown.min(token.scopes.len()));
    html! {
        ul.dk-scopes { @for name in first { li { (scope(catalogue, name)) } } }
        @if !more.is_empty() {
            details {
                summary { (more.len()) " more" }
                ul.dk-scopes { @for name in more { li { (scope(catalogue, name)) } } }
            }
        }
    }
}

fn actions(ctx: &Context, token: &TokenRecord, partners: &PartnerNames) -> Markup {
    let described = format!("name-{}", token.id);
    html! {
        @if !matches!(ctx.chip(token), Chip::Expired | Chip::Replaced) {
            a.dk-action href=(ctx.links.rotate(&token.id)) aria-describedby=(described) { "Rotate" }
        }
        (remove::dialog(ctx, token, partners))
    }
}

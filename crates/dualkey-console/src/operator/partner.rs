use axum::extract::Query;
use axum::response::Response;
use dualkey_store::Partner;
use maud::{Markup, html};

use super::limits::{self, RefusedLimits};
use super::list::{standing, status, used_today};
use super::site::OperatorContext;
use crate::context::PathId;
use crate::fields::Fields;
use crate::markup::{bdi, heading, isolated};
use crate::problem;
use crate::shell::View;
use crate::times::exact_tag;

pub(super) async fn show(
    ctx: OperatorContext,
    PathId(id): PathId,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let notice = match Fields::new(fields).first("notice") {
        "limits" => Some("The limits were changed."),
        "enabled" => Some("The partner is enabled."),
        "disabled" => Some("The partner is disabled."),
        _ => None,
    };
    match ctx.partner(&id).await {
        Ok((partner, used)) => ctx.render(page(&ctx, &partner, used, notice, None)),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

pub(super) fn page(
    ctx: &OperatorContext,
    partner: &Partner,
    used: u64,
    notice: Option<&str>,
    refused: Option<&RefusedLimits<'_>>,
) -> View {
    let body = html! {
        @if let Some(refused) = refused {
            div.dk-errors {
                h2 tabindex="-1" autofocus { "The limits were not changed" }
                ul { li { a href="#dk-rate" { (refused.error) } } }
            }
        }
        (heading(ctx, &bdi(&partner.name)))
        @if let Some(notice) = notice { div.dk-notice tabindex="-1" autofocus { (notice) } }
        dl.dk-facts {
            dt { "Status" } dd { (status(partner)) }
            dt { "Key" } dd { code.dk-id translate="no" { (partner.api_key) } }
            dt { "Registered" } dd { (exact_tag(partner.created_at)) }
            dt { "Limits" } dd { (partner.policy) }
            dt { "Used today" } dd { (used_today(&partner.policy, used)) }
            dt { "Left in this process" } dd { (standing(ctx, partner)) }
        }
        @if ctx.visitor.may_edit {
            (limits::form(ctx, partner, refused))
            (enable_form(ctx, partner))
        }
    };
    let error = if refused.is_some() { "Error: " } else { "" };
    View::new(format!("{error}{} · Partners", isolated(&partner.name)), body)
}

fn enable_form(ctx: &OperatorContext, partner: &Partner) -> Markup {
    let action = ctx.links.below(&format!("/{}/enabled", partner.id));
    html! {
        section {
            @if partner.enabled {
                h2 { "Disable" }
                p { "Every request with its key is refused from then on, until it is enabled again." }
            } @else {
                h2 { "Enable" }
                p { "Requests with its key are accepted again." }
            }
            form method="post" action=(action) data-dk-once {
                input type="hidden" name="enabled" value=(!partner.enabled);
                @if partner.enabled { button.dk-button.dk-danger { "Disable partner" } }
                @else { button.dk-button { "Enable partner" } }
            }
        }
    }
}

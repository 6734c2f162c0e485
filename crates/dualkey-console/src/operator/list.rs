use axum::response::Response;
use dualkey_limit::LimitPolicy;
use dualkey_store::{Partner, RegistryError};
use maud::{Markup, html};

use super::site::{OperatorContext, OperatorSettings};
use crate::markup::bdi;
use crate::problem;
use crate::shell::View;
use crate::site::Site as _;

pub(super) async fn show(ctx: OperatorContext) -> Response {
    match page(&ctx).await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

async fn page(ctx: &OperatorContext) -> Result<View, RegistryError> {
    let partners = ctx.partners().await?;
    let body = html! {
        header.dk-header {
            div {
                h1 { "Partners" }
                p.dk-muted { "Integrations that may call the API, with their limits. Times are in UTC." }
            }
        }
        @if !ctx.visitor.may_edit { p.dk-note { (OperatorSettings::READ_ONLY) } }
        @if partners.is_empty() {
            div.dk-empty { h2 { "No partners yet" } p { "Register one with the command line." } }
        } @else {
            (table(ctx, &partners))
        }
        p.dk-foot { a href=(ctx.links.below("/audit")) { "Audit trail" } }
    };
    Ok(View::new("Partners", body))
}

fn table(ctx: &OperatorContext, partners: &[(Partner, u64)]) -> Markup {
    html! {
        table.dk-table role="table" aria-label="Partners" {
            thead role="rowgroup" {
                tr role="row" {
                    @for heading in ["Name", "Status", "Key", "Limits", "Used today", "Left in this process"] {
                        th role="columnheader" scope="col" { (heading) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for (partner, used) in partners { (row(ctx, partner, *used)) }
            }
        }
    }
}

fn row(ctx: &OperatorContext, partner: &Partner, used: u64) -> Markup {
    html! {
        tr.dk-row role="row" {
            td.dk-name role="cell" data-label="Name" {
                a href=(ctx.links.below(&format!("/{}", partner.id))) { (bdi(&partner.name)) }
            }
            td role="cell" data-label="Status" { (status(partner)) }
            td role="cell" data-label="Key" { code.dk-id translate="no" { (partner.api_key) } }
            td role="cell" data-label="Limits" { (partner.policy) }
            td role="cell" data-label="Used today" { (used_today(&partner.policy, used)) }
            td role="cell" data-label="Left in this process" { (standing(ctx, partner)) }
        }
    }
}

pub(super) fn status(partner: &Partner) -> Markup {
    html! {
        @if partner.enabled { span.dk-chip.dk-active { "Enabled" } }
        @else { span.dk-chip.dk-expired { "Disabled" } }
    }
}

/// The permits that the store counts, which lag behind by the interval of the write-behind.
pub(super) fn used_today(policy: &LimitPolicy, used: u64) -> Markup {
    html! {
        (used)
        @if let Some(daily) = policy.daily() {
            " of " (daily) span.dk-muted { " (" (used.saturating_mul(100) / u64::from(daily.get())) " %)" }
        }
    }
}

/// What is left in the bucket and of the day, as this process counts it.
pub(super) fn standing(ctx: &OperatorContext, partner: &Partner) -> Markup {
    html! {
        @if let Some(standing) = ctx.settings.verifier.standing(&partner.api_key) {
            (standing.burst_remaining()) " of " (standing.policy().burst()) " at once"
            @if let Some(daily) = standing.daily_remaining() { ", " (daily) " today" }
        } @else {
            span.dk-muted { "No request yet" }
        }
    }
}

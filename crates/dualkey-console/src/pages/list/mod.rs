mod query;
mod row;
mod selection;

use axum::extract::Query as QueryFields;
use axum::response::Response;
use dualkey_store::{RegistryError, TokenRecord};
use maud::{Markup, html};

use self::query::Query;
use self::row::row;
use self::selection::Selection;
use super::parts::{PartnerNames, partner_key, partner_names};
use super::remove::removed_name;
use crate::chip::Chip;
use crate::context::Context;
use crate::fields::Fields;
use crate::markup::bdi;
use crate::problem;
use crate::settings::Settings;
use crate::shell::View;
use crate::site::Site as _;
use crate::times::length;

pub(crate) async fn show(
    ctx: Context,
    QueryFields(fields): QueryFields<Vec<(String, String)>>,
) -> Response {
    let fields = Fields::new(fields);
    match page(&ctx, &fields).await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

async fn page(ctx: &Context, fields: &Fields) -> Result<View, RegistryError> {
    let tokens = ctx.settings.registry.tokens(&ctx.visitor.organization).await?;
    let notice = notice(ctx, fields).await?;
    let query = Query::parse(fields);
    let body = html! {
        (header(ctx, !tokens.is_empty()))
        @if let Some(notice) = notice {
            div.dk-notice tabindex="-1" autofocus { (notice) }
        }
        @if !ctx.visitor.may_edit {
            p.dk-note { (Settings::READ_ONLY) }
        }
        @if tokens.is_empty() {
            (empty(ctx))
        } @else {
            (filled(ctx, &query, &tokens).await?)
        }
        p.dk-foot { a href=(ctx.links.below("/audit")) { "Audit trail" } }
    };
    Ok(View::new("API Access", body))
}

/// The head of the page. Without tokens, the form is linked below it.
fn header(ctx: &Context, has_tokens: bool) -> Markup {
    html! {
        header.dk-header {
            div {
                h1 { "API Access" }
                p.dk-muted {
                    "Tokens give your systems access to your organization's data. Treat them like passwords."
                    @if let Some(docs) = &ctx.settings.api.docs_url {
                        " " a href=(docs) { "API reference" }
                    }
                }
            }
            @if has_tokens && ctx.visitor.may_edit {
                a.dk-button.dk-primary href=(ctx.links.below("/new")) { "Create token" }
            }
        }
    }
}

/// What a change before this page did. A removed token is named if the audit trail says that it was removed.
async fn notice(ctx: &Context, fields: &Fields) -> Result<Option<Markup>, RegistryError> {
    if fields.first("notice") == "gone" {
        return Ok(Some(html! { "The token was already removed." }));
    }
    let Ok(removed) = fields.first("removed").parse() else { return Ok(None) };
    let name = removed_name(ctx, &removed).await?;
    Ok(name.map(|name| html! { "The token " (bdi(&name)) " was removed." }))
}

fn empty(ctx: &Context) -> Markup {
    html! {
        section.dk-empty {
            h2 { "No tokens yet" }
            p { "A token lets one of your systems call the API on behalf of your organization." }
            p { (partner_key(ctx)) }
            @if ctx.visitor.may_edit {
                a.dk-button.dk-primary href=(ctx.links.below("/new")) { "Create token" }
            }
        }
    }
}

async fn filled(
    ctx: &Context,
    query: &Query,
    tokens: &[TokenRecord],
) -> Result<Markup, RegistryError> {
    let selection = Selection::new(ctx, query, tokens);
    let partners = partner_names(ctx, tokens).await?;
    let unexpired = tokens.iter().filter(|token| ctx.chip(token) != Chip::Expired).count();
    Ok(html! {
        section {
            div.dk-bar {
                h2 { "Tokens" }
                p.dk-muted { (unexpired) " of " (ctx.settings.registry.max_tokens_per_organization()) }
                (counts(ctx, query, tokens))
                (filter(ctx, query))
            }
            @if selection.rows.is_empty() {
                (no_match(ctx, query))
            } @else {
                (table(ctx, query, &selection, &partners))
                (pages(ctx, query, &selection))
            }
        }
    })
}

/// Links to the tokens that need attention.
fn counts(ctx: &Context, query: &Query, tokens: &[TokenRecord]) -> Markup {
    let count = |chip| tokens.iter().filter(|token| ctx.chip(token) == chip).count();
    let attention = [Chip::Expiring, Chip::Unused, Chip::NeverUsed];
    let counted = attention.map(|chip| (chip, count(chip)));
    html! {
        @if counted.iter().any(|(_, count)| *count > 0) {
            ul.dk-counts {
                @for (chip, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
                    li {
                        a href=(query.showing(chip).url(&ctx.links))
                            aria-current=[(query.show == Some(chip)).then_some("true")] {
                            (count) " " (chip.word().to_lowercase())
                        }
                    }
                }
            }
        }
    }
}

fn filter(ctx: &Context, query: &Query) -> Markup {
    html! {
        form.dk-filter method="get" action=(ctx.links.home()) role="search" {
            @for (name, value) in query.hidden() { input type="hidden" name=(name) value=(value); }
            label for="dk-q" { "Name" }
            input #dk-q type="search" name="q" value=(query.text);
            button.dk-button { "Filter" }
            @if query.is_filtered() { a href=(query.cleared().url(&ctx.links)) { "Clear" } }
        }
    }
}

fn no_match(ctx: &Context, query: &Query) -> Markup {
    html! {
        div.dk-empty {
            p {
                "Nothing matches "
                @if !query.text.is_empty() { "“" (bdi(&query.text)) "”" }
                @if !query.text.is_empty() && query.show.is_some() { " among " }
                @if let Some(chip) = query.show { "tokens that are “" (chip.word().to_lowercase()) "”" }
                "."
            }
            a.dk-button href=(query.cleared().url(&ctx.links)) { "Clear" }
        }
    }
}

fn table(
    ctx: &Context,
    query: &Query,
    selection: &Selection<'_>,
    partners: &PartnerNames,
) -> Markup {
    let sortable = |sort, label, note| query::heading(query, &ctx.links, sort, label, note);
    let delay = format!("up to {} late", length(ctx.settings.last_used_delay));
    html! {
        table.dk-table role="table" aria-label="Tokens" {
            thead role="rowgroup" {
                tr role="row" {
                    (sortable(query::Sort::Name, "Name", None))
                    th role="columnheader" scope="col" { "Status" }
                    th role="columnheader" scope="col" { "API Token" }
                    th role="columnheader" scope="col" { "Permissions" }
                    (sortable(query::Sort::Created, "Created", None))
                    (sortable(query::Sort::LastUsed, "Last Used", Some(delay.as_str())))
                    (sortable(query::Sort::Expires, "Expires", None))
                    @if ctx.visitor.may_edit {
                        th role="columnheader" scope="col" { span.dk-hidden { "Actions" } }
                    }
                }
            }
            tbody role="rowgroup" {
                @for token in &selection.rows { (row(ctx, token, selection, partners)) }
            }
        }
        @if selection.rows.iter().any(|token| ctx.chip(token) == Chip::Expired) {
            p.dk-muted.dk-small { "Expired tokens are listed for 30 days." }
        }
    }
}

fn pages(ctx: &Context, query: &Query, selection: &Selection<'_>) -> Markup {
    html! {
        @if selection.pages > 1 {
            nav.dk-pages aria-label="Pages" {
                @if selection.page > 1 {
                    a rel="prev" href=(query.at_page(selection.page - 1).url(&ctx.links)) { "Previous" }
                }
                span { "Page " (selection.page) " of " (selection.pages) }
                @if selection.page < selection.pages {
                    a rel="next" href=(query.at_page(selection.page + 1).url(&ctx.links)) { "Next" }
                }
            }
        }
    }
}

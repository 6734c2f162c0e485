use axum::response::Response;
use dualkey_limit::Timestamp;
use dualkey_store::{IssuedToken, TokenRecord};
use http::HeaderName;
use maud::{Markup, html};

use super::parts::{expiry_exact, mask, partner_key, scopes};
use crate::context::Context;
use crate::markup::bdi;
use crate::shell::View;
use crate::times::exact_tag;

/// How the token came about that a result shows.
#[derive(Clone, Copy)]
pub(crate) enum Minted<'a> {
    New,
    /// The token that it replaces, and until when that is accepted.
    Rotated {
        old: &'a TokenRecord,
        until: Timestamp,
    },
}

/// The page that shows a token once. It is the answer to a POST, so that the back/forward cache and the
/// history do not keep it.
pub(crate) fn page(ctx: &Context, issued: &IssuedToken, minted: Minted<'_>) -> Response {
    let title = match minted {
        Minted::New => "Token created",
        Minted::Rotated { .. } => "Token rotated",
    };
    let record = &issued.record;
    let body = html! {
        h1 tabindex="-1" autofocus { (title) }
        (secret(issued))
        @if let Minted::Rotated { old, until } = minted { (overlap(ctx, old, until)) }
        dl.dk-facts {
            dt { "Name" } dd { (bdi(&record.name)) }
            dt { "Expires" } dd { (expiry_exact(record, ctx.now)) }
            dt { "Permissions" } dd { (scopes(ctx.settings.registry.catalogue(), &record.scopes)) }
        }
        (usage(ctx))
        div.dk-buttons {
            a.dk-button.dk-primary href=(ctx.links.home()) data-dk-done { "Done" }
        }
    };
    ctx.render(View::new(format!("{title} · API Access"), body).with_live_region())
}

fn secret(issued: &IssuedToken) -> Markup {
    html! {
        section.dk-secret aria-labelledby="dk-copy" {
            p #dk-copy {
                strong { "Copy the token now. It is shown only once." }
                " Store it in a secret manager."
            }
            div.dk-token {
                code #dk-token translate="no" dir="ltr" { (issued.secret.expose_secret()) }
                span.dk-print { (mask(&issued.record)) }
                button.dk-button type="button" data-dk-copy hidden { "Copy" }
                span.dk-copied role="status" {}
            }
        }
    }
}

fn overlap(ctx: &Context, old: &TokenRecord, until: Timestamp) -> Markup {
    html! {
        p.dk-note {
            @if until <= ctx.now {
                "The old token " (mask(old)) " is refused from now on."
            } @else {
                "The old token " (mask(old)) " is accepted until " (exact_tag(until)) "."
            }
        }
    }
}

fn usage(ctx: &Context) -> Markup {
    let api = &ctx.settings.api;
    let (key, token) = (title_case(&api.header_names.api_key), title_case(&api.header_names.token));
    let path = api.example_path.as_deref().unwrap_or("/");
    html! {
        section {
            h2 { "Use it" }
            p { "Every request has two header fields:" }
            pre translate="no" dir="ltr" { code {
                (key) ": $PARTNER_KEY\n"
                (token) ": Bearer $TOKEN"
            } }
            @if let Some(url) = &api.url {
                p { "For example, with both values in variables of the shell:" }
                pre translate="no" dir="ltr" { code {
                    "curl " (url) (path) " \\\n"
                    "  -H \"" (key) ": $PARTNER_KEY\" \\\n"
                    "  -H \"" (token) ": Bearer $TOKEN\""
                } }
                p.dk-hint {
                    code translate="no" { "read -rs TOKEN" }
                    " reads the token without writing it to the shell's history."
                }
            }
            p.dk-hint {
                @if let Some(docs) = &api.docs_url { a href=(docs) { "API reference" } ". " }
                (partner_key(ctx))
            }
        }
    }
}

/// The usual spelling of a header field, such as `X-Api-Key`.
fn title_case(name: &HeaderName) -> String {
    let mut text = String::with_capacity(name.as_str().len());
    for character in name.as_str().chars() {
        let begins = text.is_empty() || text.ends_with('-');
        text.push(if begins { character.to_ascii_uppercase() } else { character });
    }
    text
}

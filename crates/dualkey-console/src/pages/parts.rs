use std::collections::HashMap;

use dualkey_limit::Timestamp;
use dualkey_scope::Catalogue;
use dualkey_store::{PartnerId, RegistryError, TokenRecord};
use maud::{Markup, html};

use crate::context::Context;
use crate::markup::bdi;
use crate::times::{exact_tag, relative, relative_tag};

/// The names of partners, to say which of them used a token.
pub(crate) type PartnerNames = HashMap<PartnerId, String>;

/// The partners that used these tokens.
pub(crate) async fn partner_names(
    ctx: &Context,
    tokens: &[TokenRecord],
) -> Result<PartnerNames, RegistryError> {
    if tokens.iter().all(|token| token.last_used_by.is_none()) {
        return Ok(PartnerNames::new());
    }
    let partners = ctx.settings.registry.partners().await?;
    Ok(partners.into_iter().map(|partner| (partner.id, partner.name)).collect())
}

pub(crate) fn mask(token: &TokenRecord) -> Markup {
    html! { code.dk-mask dir="ltr" translate="no" { (token.hint) } }
}

/// The label and the identifier of a scope. A scope that the catalogue does not declare has no label.
pub(crate) fn scope(catalogue: &Catalogue, name: &str) -> Markup {
    let label = catalogue.scope(name).map(|scope| scope.label());
    html! {
        @if let Some(label) = label { span { (label) } " " }
        code.dk-id translate="no" { (name) }
    }
}

pub(crate) fn scopes(catalogue: &Catalogue, names: &[String]) -> Markup {
    html! { ul.dk-scopes { @for name in names { li { (scope(catalogue, name)) } } } }
}

/// The partner of the last use that is recorded, if it is known.
fn used_by(token: &TokenRecord, partners: &PartnerNames) -> Markup {
    let partner = token.last_used_by.and_then(|id| partners.get(&id));
    html! { @if let Some(partner) = partner { " by " (bdi(partner)) } }
}

/// The time of the last use and its partner, relative to now.
pub(crate) fn last_used(token: &TokenRecord, now: Timestamp, partners: &PartnerNames) -> Markup {
    html! {
        @if let Some(time) = token.last_used_at {
            (relative_tag(time, now))
            span.dk-by { (used_by(token, partners)) }
        } @else {
            span.dk-hidden { "Never" }
        }
    }
}

/// The same, with the exact time.
pub(crate) fn last_used_exact(
    token: &TokenRecord,
    now: Timestamp,
    partners: &PartnerNames,
) -> Markup {
    html! {
        @if let Some(time) = token.last_used_at {
            (exact_tag(time)) " (" (relative(time, now)) ")" (used_by(token, partners))
        } @else {
            "Never"
        }
    }
}

pub(crate) fn expiry_exact(token: &TokenRecord, now: Timestamp) -> Markup {
    html! {
        @if let Some(time) = token.expires_at {
            (exact_tag(time)) " (" (relative(time, now)) ")"
        } @else {
            "No expiry"
        }
    }
}

/// The name, the masked token, the permissions and the expiry of a token.
pub(crate) fn summary(ctx: &Context, token: &TokenRecord) -> Markup {
    html! {
        dl.dk-facts {
            dt { "Name" } dd { (bdi(&token.name)) }
            dt { "API Token" } dd { (mask(token)) }
            dt { "Expires" } dd { (expiry_exact(token, ctx.now)) }
            dt { "Permissions" } dd { (scopes(ctx.settings.registry.catalogue(), &token.scopes)) }
        }
    }
}

/// Why a token alone is not enough, and where the other key comes from.
pub(crate) fn partner_key(ctx: &Context) -> Markup {
    html! {
        "Every request also needs a partner key, which names the calling integration"
        @if let Some(contact) = &ctx.settings.api.partner_contact {
            ": ask " @if contact.contains('@') {
                a href={ "mailto:" (contact) } { (contact) }
            } @else { (contact) } " for one."
        } @else { "." }
    }
}

use axum::extract::Query;
use axum::response::Response;
use dualkey_scope::{Catalogue, Scope};
use dualkey_store::{RegistryError, TokenRecord, TokenStatus};
use http::StatusCode;
use maud::{Markup, html};

use super::parts::partner_key;
use crate::context::Context;
use crate::draft::{Draft, DraftErrors};
use crate::expiry::Expiry;
use crate::fields::Fields;
use crate::markup::heading;
use crate::problem;
use crate::shell::View;
use crate::times::day;
use crate::visitor::TokenChange;

/// The form of a new token.
pub(crate) async fn show(ctx: Context, Query(fields): Query<Vec<(String, String)>>) -> Response {
    if !ctx.visitor.may_edit {
        return problem::forbidden(&ctx);
    }
    if let Err(response) = ctx.reauthenticate(TokenChange::Create).await {
        return response;
    }
    let draft = Draft::parse(&Fields::new(fields), &ctx.lifetimes());
    match form(&ctx, &draft, &ctx.nonce(), None).await {
        Ok(view) => ctx.render(view),
        Err(error) => problem::failed(&ctx, &error, None),
    }
}

/// The URL of a form with the settings of a token.
pub(crate) fn again(ctx: &Context, token: &TokenRecord) -> String {
    Draft::like(token).url(&ctx.links.below("/new"))
}

/// The form with a draft, and what is refused about it.
pub(crate) async fn form(
    ctx: &Context,
    draft: &Draft,
    nonce: &str,
    errors: Option<&DraftErrors>,
) -> Result<View, RegistryError> {
    let tokens = ctx.settings.registry.tokens(&ctx.visitor.organization).await?;
    let unexpired =
        tokens.iter().filter(|token| token.status(ctx.now) != TokenStatus::Expired).count();
    let max = ctx.settings.registry.max_tokens_per_organization();
    let body = html! {
        @if let Some(errors) = errors { (error_summary(errors)) }
        (heading(ctx, &html! { "Create token" }))
        p.dk-muted { "Your organization has " (unexpired) " of " (max) " tokens. " (partner_key(ctx)) }
        @if unexpired >= max {
            p.dk-note { "There is no room for another token. Remove one that is not needed first." }
        } @else {
            form.dk-form method="post" action=(ctx.links.home()) novalidate data-dk-once {
                input type="hidden" name="action" value="create";
                input type="hidden" name="nonce" value=(nonce) autocomplete="off";
                (name_field(draft, errors.and_then(|errors| errors.name.as_deref())))
                (scope_fields(ctx, draft, errors.and_then(|errors| errors.scopes.as_deref())))
                (expiry_fields(ctx, draft, errors.and_then(|errors| errors.expiry.as_deref())))
                div.dk-buttons {
                    button.dk-button.dk-primary { "Create token" }
                    a.dk-button href=(ctx.links.home()) { "Cancel" }
                }
            }
        }
    };
    let title = if errors.is_some() { "Error: Create token" } else { "Create token" };
    let status = if errors.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(View::new(format!("{title} · API Access"), body).with_status(status))
}

/// What is refused, with links to the fields.
fn error_summary(errors: &DraftErrors) -> Markup {
    let fields = [
        ("#dk-name", &errors.name),
        ("#dk-scope-0", &errors.scopes),
        ("#dk-expires-0", &errors.expiry),
    ];
    html! {
        div.dk-errors {
            h2 tabindex="-1" autofocus { "The token was not created" }
            @if let Some(error) = &errors.form { p { (error) } }
            ul {
                @for (field, error) in fields {
                    @if let Some(error) = error { li { a href=(field) { (error) } } }
                }
            }
        }
    }
}

/// The message beside a field. The field is described by it.
pub(crate) fn field_error(id: &str, error: Option<&str>) -> Markup {
    html! { @if let Some(error) = error { p.dk-error id=(id) { (error) } } }
}

fn name_field(draft: &Draft, error: Option<&str>) -> Markup {
    let described = if error.is_some() { "dk-name-error dk-name-hint" } else { "dk-name-hint" };
    html! {
        div.dk-field {
            label for="dk-name" { "Name" }
            p.dk-hint #dk-name-hint { "The system and the environment, such as “Zapier - production”." }
            (field_error("dk-name-error", error))
            input #dk-name name="name" value=(draft.name) required autocomplete="off" dir="auto"
                aria-invalid=[error.map(|_| "true")] aria-describedby=(described);
        }
    }
}

fn scope_fields(ctx: &Context, draft: &Draft, error: Option<&str>) -> Markup {
    let described =
        if error.is_some() { "dk-scopes-error dk-scopes-hint" } else { "dk-scopes-hint" };
    let catalogue = ctx.settings.registry.catalogue();
    let numbered = catalogue.scopes().iter().enumerate().collect::<Vec<_>>();
    let resources = numbered.chunk_by(|(_, a), (_, b)| resource(a) == resource(b));
    html! {
        fieldset.dk-field aria-describedby=(described) aria-invalid=[error.map(|_| "true")] {
            legend { "Permissions" }
            p.dk-hint #dk-scopes-hint { "Grant only what the system needs." }
            (field_error("dk-scopes-error", error))
            div.dk-resources {
                @for resource in resources {
                    fieldset.dk-resource {
                        @if let Some((_, first)) = resource.first() { legend { (title(first)) } }
                        @for (index, scope) in resource { (checkbox(catalogue, draft, *index, scope)) }
                    }
                }
            }
        }
    }
}

/// What the scope is about: its name up to the colon.
fn resource(scope: &Scope) -> &str {
    scope.name().split_once(':').map_or(scope.name(), |(resource, _)| resource)
}

/// The label up to the hyphen, such as `Guests` of `Guests - Read`.
fn title(scope: &Scope) -> &str {
    scope.label().split_once(" - ").map_or(scope.label(), |(title, _)| title)
}

fn checkbox(catalogue: &Catalogue, draft: &Draft, index: usize, granted: &Scope) -> Markup {
    let name = granted.name();
    let implied = catalogue.grant([name]).map_or(0, |set| set.len().saturating_sub(1));
    html! {
        label.dk-check {
            input #{ "dk-scope-" (index) } type="checkbox" name="scope" value=(name)
                checked[draft.scopes.iter().any(|scope| scope == name)];
            span {
                (granted.label())
                span.dk-scope {
                    code translate="no" { (name) }
                    @if implied > 0 { " includes " (implied) " more" }
                }
            }
        }
    }
}

fn expiry_fields(ctx: &Context, draft: &Draft, error: Option<&str>) -> Markup {
    let lifetimes = ctx.lifetimes();
    let presets = lifetimes.presets().collect::<Vec<_>>();
    let date = if let Expiry::On(date) = &draft.expiry { date.as_str() } else { "" };
    html! {
        fieldset.dk-field aria-describedby=[error.map(|_| "dk-expires-error")]
            aria-invalid=[error.map(|_| "true")] {
            legend { "Expires" }
            (field_error("dk-expires-error", error))
            @for (index, (days, label)) in presets.iter().enumerate() {
                label.dk-check {
                    input #{ "dk-expires-" (index) } type="radio" name="expires" value=(days)
                        checked[draft.expiry == Expiry::After(*days)];
                    span {
                        "In " (label) " "
                        span.dk-muted { (day(ctx.now.saturating_add(*days * crate::times::DAY))) }
                    }
                }
            }
            div.dk-check {
                input #{ "dk-expires-" (presets.len()) } type="radio" name="expires" value="date"
                    checked[matches!(draft.expiry, Expiry::On(_))];
                div.dk-date {
                    label for={ "dk-expires-" (presets.len()) } { "On a date" }
                    input #dk-date type="date" name="date" value=(date) aria-label="Date"
                        min=(lifetimes.earliest_date()) max=[lifetimes.latest_date()]
                        aria-describedby="dk-date-hint";
                    span.dk-muted #dk-date-hint { "ends at 23:59:59 UTC" span.dk-local {} }
                }
            }
            @if lifetimes.allows_never() {
                label.dk-check {
                    input #{ "dk-expires-" (presets.len() + 1) } type="radio" name="expires" value="never"
                        checked[draft.expiry == Expiry::Never];
                    span { "No expiry" }
                }
            }
        }
    }
}

use axum::response::Response;
use dualkey_store::RegistryError;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use crate::context::{Context, Refused, asks_to_sign_in, with_cookies};
use crate::fields::Fields;
use crate::links::Links;
use crate::markup::heading;
use crate::shell::View;
use crate::site::Site;

/// The page of a request that could not be served. A form that was sent can be sent again.
pub(crate) fn failed<S: Site>(
    ctx: &Context<S>,
    error: &RegistryError,
    form: Option<&Fields>,
) -> Response {
    match error {
        RegistryError::NotFound => missing(ctx),
        RegistryError::Store(source) => {
            tracing::error!(error = ?source, "the store failed");
            unavailable(ctx, form)
        }
        error => {
            tracing::error!(%error, "a page could not be served");
            let text = html! { p { "The page could not be shown. Nothing was changed." } };
            let view = page(ctx, "Something went wrong", &text);
            ctx.render(view.with_status(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

fn page<S: Site>(ctx: &Context<S>, title: &str, text: &Markup) -> View {
    let body = html! {
        (heading(ctx, &html! { (title) }))
        (text)
        p { a href=(ctx.links.home()) { "Back to the list" } }
    };
    View::new(format!("{title} · {}", S::HOME), body)
}

/// The token is of another organization, or does not exist: the same page.
pub(crate) fn missing<S: Site>(ctx: &Context<S>) -> Response {
    let text = html! { p { (S::MISSING) } };
    ctx.render(page(ctx, "Not found", &text).with_status(StatusCode::NOT_FOUND))
}

pub(crate) fn forbidden<S: Site>(ctx: &Context<S>) -> Response {
    let text = html! {
        p { (S::READ_ONLY) " Nothing was changed." }
    };
    ctx.render(page(ctx, "Not allowed", &text).with_status(StatusCode::FORBIDDEN))
}

fn unavailable<S: Site>(ctx: &Context<S>, form: Option<&Fields>) -> Response {
    let text = html! {
        @if let Some(form) = form {
            p { (S::UNREACHABLE) " It is not known whether the change was made." }
            p { "Try again in a moment. A change that was made is not made twice." }
            form method="post" {
                @for (name, value) in form.iter() { input type="hidden" name=(name) value=(value); }
                button.dk-button.dk-primary { "Try again" }
            }
        } @else {
            p { (S::UNREACHABLE) " Nothing was changed. Try again in a moment." }
        }
    };
    let view = page(ctx, "Temporarily unavailable", &text);
    let mut response = ctx.render(view.with_status(StatusCode::SERVICE_UNAVAILABLE));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// The context of a form that the visitor may send, or the answer to any other visitor. After signing in, a
/// visitor returns to the page at `back`.
#[expect(clippy::result_large_err, reason = "the response is returned at once")]
pub(crate) fn admitted<S: Site>(
    ctx: Result<Context<S>, Refused<S>>,
    back: impl FnOnce(&Links) -> String,
) -> Result<Context<S>, Response> {
    let ctx = ctx.map_err(|refused| {
        let back = back(&refused.links);
        signed_out(refused, &back)
    })?;
    if S::may_edit(&ctx.visitor) { Ok(ctx) } else { Err(forbidden(&ctx)) }
}

/// The answer to a form whose visitor the access function did not admit. After signing in, `back` shows
/// the form again.
fn signed_out<S: Site>(refused: Refused<S>, back: &str) -> Response {
    if !refused.asks_to_sign_in() {
        return refused.into_inner();
    }
    let body = html! {
        h1 tabindex="-1" autofocus { "Signed out" }
        p { "Your session ended before the form was sent. Nothing was changed." }
        p { "After you have signed in, the form comes back as you filled it in." }
        p { a.dk-button.dk-primary href=(back) { "Sign in" } }
    };
    let view = View::new(format!("Signed out · {}", S::HOME), body);
    refused.render(view.with_status(StatusCode::UNAUTHORIZED))
}

/// The answer to a form that the hook of the embedding program did not let pass. Opening `back` asks the
/// hook again, where its redirect can be followed.
pub(crate) fn unconfirmed<S: Site>(ctx: &Context<S>, hook: Response, back: &str) -> Response {
    if !asks_to_sign_in(ctx.settings.shell(), &hook) {
        return hook;
    }
    let text = html! {
        p { "For this change you have to confirm that it is you. Nothing was changed." }
        p { a.dk-button.dk-primary href=(back) { "Confirm and continue" } }
    };
    let view = page(ctx, "Confirm that it is you", &text).with_status(StatusCode::UNAUTHORIZED);
    with_cookies(ctx.render(view), hook.headers())
}

/// A path that no page has.
pub(crate) async fn not_found<S: Site>(ctx: Context<S>) -> Response {
    missing(&ctx)
}

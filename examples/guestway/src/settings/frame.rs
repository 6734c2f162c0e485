use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use dualkey::PageContent;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::links::{SIGN_OUT, STYLE};

/// The console's frame: the name of the product, the user, and the way out.
pub(crate) fn framed(content: &PageContent) -> String {
    let head = PreEscaped(&content.head);
    let body = html! {
        header.gw-bar {
            strong { "Guestway" }
            @if let Some(actor) = &content.actor {
                form.gw-user method="post" action=(SIGN_OUT) {
                    bdi { (actor) }
                    button { "Sign out" }
                }
            }
        }
        main { (PreEscaped(&content.body)) }
    };
    document(&content.title, &head.into_string(), &body).into_string()
}

/// A page of one heading and paragraph, with a form below it.
pub(crate) fn page(status: StatusCode, title: &str, text: &str, form: Option<&Markup>) -> Response {
    let body = html! {
        header.gw-bar { strong { "Guestway" } }
        main.gw-card {
            h1 { (title) }
            p { (text) }
            @if let Some(form) = form { (form) }
        }
    };
    (status, Html(document(title, "", &body).into_string())).into_response()
}

fn document(title: &str, head: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Guestway" }
                link rel="stylesheet" href=(STYLE);
                (PreEscaped(head))
            }
            body { (body) }
        }
    }
}

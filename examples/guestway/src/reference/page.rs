use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::document::Operation;
use super::operation::{open_answer, operation};
use super::schema::{description, fields};
use super::text::markdown;

pub(crate) const STYLE: &str = "/swagger/reference.css";
pub(crate) const SCRIPT: &str = "/swagger/reference.js";

/// The reference of the API, for integrators.
pub(crate) fn page(document: &Value) -> Markup {
    let title = document["info"]["title"].as_str().unwrap_or_default();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href=(STYLE);
                script src=(SCRIPT) defer {}
            }
            body {
                a.gw-skip href="#content" { "Skip to the content" }
                (header(document, title))
                div.gw-columns {
                    nav aria-label="Contents" { (contents(document)) }
                    main id="content" { (content(document)) }
                }
            }
        }
    }
}

fn header(document: &Value, title: &str) -> Markup {
    html! {
        header.gw-bar {
            h1 { (title) }
            span { "Version " (document["info"]["version"].as_str().unwrap_or_default()) }
            p.gw-download {
                a href="/openapi.json" download="guestway-openapi.json" { "Download" }
                " "
                a href="/openapi.yaml" download="guestway-openapi.yaml" { "Download as YAML" }
            }
        }
    }
}

fn tags(document: &Value) -> impl Iterator<Item = &Value> {
    document["tags"].as_array().into_iter().flatten()
}

fn contents(document: &Value) -> Markup {
    html! {
        @for tag in tags(document) {
            h2 { (tag["name"].as_str().unwrap_or_default()) }
            ul {
                @for operation in Operation::with_tag(document, &tag["name"]) {
                    li { a href={ "#" (operation.id()) } { (operation.summary()) } }
                }
            }
        }
        ul {
            li { a href="#refusals" { "Refusals" } }
            li { a href="#schemas" { "Schemas" } }
        }
    }
}

fn content(document: &Value) -> Markup {
    html! {
        (markdown(description(&document["info"])))
        (credentials(document))
        @for tag in tags(document) {
            h2 { (tag["name"].as_str().unwrap_or_default()) }
            p { (description(tag)) }
            @for one in Operation::with_tag(document, &tag["name"]) { (operation(document, &one)) }
        }
        (refusals(document))
        (schemas(document))
    }
}

/// The two credentials, with inputs for the forms of the page. Nothing stores what is typed.
fn credentials(document: &Value) -> Markup {
    let schemes = &document["components"]["securitySchemes"];
    html! {
        h2 id="credentials" { "Credentials" }
        h3 { "Partner key" }
        (markdown(description(&schemes["partnerKey"])))
        h3 { "Access token" }
        (markdown(description(&schemes["organizationToken"])))
        form.gw-credentials hidden {
            p { "To try the operations out, enter both. They stay in this page until it is closed." }
            label for="partner-key" { code { "X-Api-Key" } }
            input id="partner-key" autocomplete="off" spellcheck="false";
            label for="access-token" { code { "Authorization: Bearer" } }
            input id="access-token" type="password" autocomplete="off" spellcheck="false";
        }
    }
}

/// The refusals of the guards, which are the same for all operations.
fn refusals(document: &Value) -> Markup {
    html! {
        h2 id="refusals" { "Refusals" }
        p { "Each operation that needs credentials can be refused with these answers." }
        @for (name, answer) in document["components"]["responses"].as_object().into_iter().flatten() {
            div id={ "response-" (name) } { (open_answer(document, name, answer)) }
        }
    }
}

fn schemas(document: &Value) -> Markup {
    html! {
        h2 id="schemas" { "Schemas" }
        @for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
            section id={ "schema-" (name) } {
                h3 { (name) }
                (markdown(description(schema)))
                (fields(schema))
            }
        }
    }
}

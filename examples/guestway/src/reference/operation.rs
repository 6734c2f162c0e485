use maud::{Markup, html};
use serde_json::Value;

use super::document::{Operation, examples};
use super::schema::{description, fields, kind, name_of, row};
use super::text::{inline, markdown};

/// What an operation does, needs and answers, with a form that tries it out.
pub(crate) fn operation(document: &Value, operation: &Operation<'_>) -> Markup {
    html! {
        section.gw-operation id=(operation.id()) aria-labelledby={ (operation.id()) "-title" } {
            h3 id={ (operation.id()) "-title" } { (operation.summary()) }
            p.gw-path {
                strong { (operation.method.to_uppercase()) } " " code { (operation.path) }
            }
            (markdown(description(operation.value)))
            (scopes(operation))
            @if !operation.parameters().is_empty() {
                h4 { "Parameters" }
                dl.gw-fields { @for parameter in operation.parameters() { (parameter_row(parameter)) } }
            }
            @if let Some(body) = operation.body() {
                h4 { "Body" }
                (content(document, body))
            }
            h4 { "Answers" }
            @for (status, answer) in operation.value["responses"].as_object().into_iter().flatten() {
                (answer_of(document, status, answer))
            }
            (form(operation))
        }
    }
}

fn scopes(operation: &Operation<'_>) -> Markup {
    let scopes: Vec<_> = operation.scopes().collect();
    html! {
        p {
            @if !operation.is_guarded() {
                "Needs no credentials."
            } @else if scopes.is_empty() {
                "Needs a partner key and any valid token."
            } @else {
                "Needs a partner key, and a token with the scope "
                @for scope in scopes { code { (scope) } " " }
            }
        }
    }
}

fn parameter_row(parameter: &Value) -> Markup {
    let name = parameter["name"].as_str().unwrap_or_default();
    let is_required = parameter["required"] == true;
    row(name, &parameter["schema"], is_required, description(parameter))
}

/// An answer. Those that all operations share are described once, further down.
fn answer_of(document: &Value, status: &str, answer: &Value) -> Markup {
    html! {
        @if let Some(name) = name_of(answer) {
            p.gw-answer {
                strong { (status) } " "
                a href={ "#response-" (name) } { (shared(document, name)) }
            }
        } @else {
            (open_answer(document, status, answer))
        }
    }
}

fn shared<'a>(document: &'a Value, name: &str) -> &'a str {
    description(&document["components"]["responses"][name])
}

/// An answer with its fields and its examples.
pub(crate) fn open_answer(document: &Value, status: &str, answer: &Value) -> Markup {
    html! {
        details.gw-answer {
            summary { strong { (status) } " " (inline(description(answer))) }
            @for (media_type, body) in answer["content"].as_object().into_iter().flatten() {
                p { code { (media_type) } }
                (content(document, body))
            }
            @if let Some(headers) = answer["headers"].as_object() {
                p { "With the fields " @for name in headers.keys() { code { (name) } " " } }
            }
        }
    }
}

fn content(document: &Value, content: &Value) -> Markup {
    let schema = &content["schema"];
    html! {
        @if let Some(name) = name_of(schema) {
            p { "A " (kind(schema)) ":" }
            (fields(&document["components"]["schemas"][name]))
        } @else if !schema.is_null() {
            p { (kind(schema)) }
        }
        @for (summary, example) in examples(content) {
            figure {
                figcaption { "Example" @if !summary.is_empty() { ": " (summary) } }
                pre tabindex="0" { code { (pretty(example)) } }
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value is JSON")
}

/// The form that tries the operation out. It appears where scripts run.
fn form(operation: &Operation<'_>) -> Markup {
    html! {
        details.gw-try hidden {
            summary { "Try it out" }
            form data-method=(operation.method) data-path=(operation.path) {
                @for parameter in operation.parameters() { (input(operation, parameter)) }
                @if let Some(body) = operation.body() {
                    @let id = format!("{}-body", operation.id());
                    label for=(id) { "Body" }
                    textarea id=(id) name="body" rows="4" spellcheck="false" {
                        @for (_, example) in examples(body).iter().take(1) { (pretty(example)) }
                    }
                }
                button { "Send" }
                div.gw-result role="status" {}
            }
        }
    }
}

fn input(operation: &Operation<'_>, parameter: &Value) -> Markup {
    let name = parameter["name"].as_str().unwrap_or_default();
    let id = format!("{}-{name}", operation.id());
    let is_path = parameter["in"] == "path";
    let place = if is_path { "path" } else { "query" };
    html! {
        label for=(id) { code { (name) } }
        input id=(id) name=(name) data-in=(place) required[is_path]
            value=[parameter["example"].as_str()] autocomplete="off" spellcheck="false";
    }
}

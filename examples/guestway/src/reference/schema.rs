use maud::{Markup, html};
use serde_json::Value;

use super::text::inline;

/// The fields of an object, each with its type and what it is.
pub(crate) fn fields(schema: &Value) -> Markup {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    html! {
        @if let Some(properties) = schema["properties"].as_object() {
            dl.gw-fields {
                @for (name, field) in properties {
                    (row(name, field, is_required(name), description(field)))
                }
            }
        } @else {
            p { (kind(schema)) }
        }
    }
}

/// A named value with its type and what it is.
pub(crate) fn row(name: &str, schema: &Value, is_required: bool, description: &str) -> Markup {
    html! {
        div {
            dt {
                code { (name) }
                " " span.gw-type { (kind(schema)) (bounds(schema)) }
                @if !is_required { " " span.gw-type { "· optional" } }
            }
            @if !description.is_empty() { dd { (inline(description)) } }
        }
    }
}

/// The type of a value.
pub(crate) fn kind(schema: &Value) -> Markup {
    html! {
        @if let Some(name) = name_of(schema) {
            a href={ "#schema-" (name) } { (name) }
        } @else if let Some(choices) = choices(schema) {
            @for (at, choice) in choices.iter().enumerate() {
                @if at > 0 { " or " }
                (kind(choice))
            }
        } @else if let Some(values) = schema["enum"].as_array() {
            @for (at, value) in values.iter().enumerate() {
                @if at > 0 { ", " }
                code { (value.as_str().unwrap_or_default()) }
            }
        } @else if schema["type"] == "array" {
            "array of " (kind(&schema["items"]))
        } @else {
            (primitive(schema))
        }
    }
}

/// The name of the component that a schema refers to.
pub(crate) fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf", "allOf"].iter().find_map(|word| schema[*word].as_array())
}

fn primitive(schema: &Value) -> String {
    let types = match &schema["type"] {
        Value::Array(types) => {
            types.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        kind => kind.as_str().unwrap_or("any value").to_owned(),
    };
    match schema["format"].as_str() {
        Some(format) => format!("{types} ({format})"),
        None => types,
    }
}

/// The bounds of a value, in words.
fn bounds(schema: &Value) -> String {
    let words = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "min. length"),
        ("maxLength", "max. length"),
        ("default", "default"),
    ];
    let bounds = words.iter().filter_map(|(key, word)| {
        let bound = schema.get(*key)?;
        Some(format!(", {word} {bound}"))
    });
    bounds.collect()
}

pub(crate) fn description(value: &Value) -> &str {
    value["description"].as_str().unwrap_or_default()
}

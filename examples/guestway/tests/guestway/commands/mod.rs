//! Each command: its JSON and its table, its exit status, and its error message.

mod audit;
mod database;
mod errors;
mod inspect;
mod output;
mod partner;
mod token;

use serde_json::Value;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn of_acme<'a>(command: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["token", command, "--organization", "acme"], rest].concat()
}

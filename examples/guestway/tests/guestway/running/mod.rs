//! Commands while a server runs, restarts of it, and several servers on one database.

mod changes;
mod postgres;
mod restarts;
mod shared_limits;

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::support::client::{Call, Client};
use crate::support::program::Program;
use crate::support::sandbox::{Sandbox, text};

/// How long a test waits for a change before it fails.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until the condition holds. Returns how long that took.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < TIMEOUT, "timed out waiting until {what}");
        sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

/// Runs a command without blocking other tasks.
fn json_of(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    block_in_place(|| sandbox.json(arguments))
}

/// Adds a partner whose limits are never reached, and returns its key.
fn add_partner(sandbox: &Sandbox) -> String {
    let limits = ["--rate", "100000", "--burst", "100000", "--daily", "none"];
    let partner = json_of(sandbox, &[&["partner", "add", "Tests"], &limits[..]].concat());
    text(&partner, "key").to_owned()
}

fn call(program: &Program, api_key: &str, token: &Value) -> Call {
    let call = program.call("/v1/organization", text(token, "token"));
    Call { api_key: api_key.to_owned(), ..call }
}

async fn status(client: &Client, call: &Call) -> u16 {
    client.send(call.get()).await.status.as_u16()
}

fn partner(sandbox: &Sandbox, api_key: &str) -> Value {
    let partners = json_of(sandbox, &["partner", "list"]);
    partners.as_array().unwrap().iter().find(|one| one["key"] == api_key).unwrap().clone()
}

fn revoke(sandbox: &Sandbox, token: &Value) {
    let organization = text(token, "organization");
    json_of(sandbox, &["token", "revoke", "--organization", organization, text(token, "id")]);
}

//! Servers that share the limits of partners in Redis.

use std::num::NonZeroU32;

use dualkey::{LimitPolicy, NewPartner, Rate};
use dualkey_testing::redis::Server;
use serde_json::Value;

use super::{call, status, until};
use crate::support::client::{Call, Client};
use crate::support::program::Program;
use crate::support::sandbox::Sandbox;

/// Adds a partner whose bucket of 20 does not refill during a test, and returns its key.
async fn add_partner(sandbox: &Sandbox) -> String {
    let rate = Rate::per_day(NonZeroU32::MIN);
    let policy = LimitPolicy::new(rate, NonZeroU32::new(20).unwrap());
    let registry = sandbox.registry().await;
    let partner = registry.register_partner(NewPartner::new("Tests").with_policy(policy)).await;
    partner.unwrap().api_key.to_string()
}

fn serve(sandbox: &Sandbox, options: &[&str]) -> Program {
    let listen = ["serve", "--demo", "--listen", "127.0.0.1:0"];
    Program::start(sandbox.command(&[&listen, options].concat()), "info")
}

/// One request to each server, in the name of this partner.
fn calls(programs: &[Program], api_key: &str, token: &Value) -> Vec<Call> {
    programs.iter().map(|program| call(program, api_key, token)).collect()
}

/// How many of these requests are granted, sent to the servers in turns.
async fn granted(client: &Client, calls: &[Call], requests: usize) -> usize {
    let mut granted = 0;
    for n in 0..requests {
        granted += usize::from(status(client, &calls[n % calls.len()]).await == 200);
    }
    granted
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_share_the_limits_of_a_partner() {
    let (sandbox, redis, client) = (Sandbox::new(), Server::start(), Client::http1());
    let (key, token) = (add_partner(&sandbox).await, sandbox.create_token("harbour-stays"));
    let options = ["--redis", &redis.url()];
    let programs = [0, 1, 2].map(|_| serve(&sandbox, &options));
    assert_eq!(granted(&client, &calls(&programs, &key, &token), 60).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_refuse_while_redis_is_stopped() {
    let (sandbox, redis, client) = (Sandbox::new(), Server::start(), Client::http1());
    let (key, token) = (add_partner(&sandbox).await, sandbox.create_token("harbour-stays"));
    let programs = [serve(&sandbox, &["--redis", &redis.url()])];
    let calls = calls(&programs, &key, &token);
    assert_eq!(status(&client, &calls[0]).await, 200);
    redis.pause();
    for _ in 0..5 {
        client.send(calls[0].get()).await.assert_problem(503, "unavailable", "stopped");
    }
    redis.resume();
    let is_granted = async || status(&client, &calls[0]).await == 200;
    until("Redis answers again", is_granted).await;
    assert_eq!(granted(&client, &calls, 60).await, 18, "no refused request was charged");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_decide_alone_where_they_may() {
    let (sandbox, redis, client) = (Sandbox::new(), Server::start(), Client::http1());
    let (key, token) = (add_partner(&sandbox).await, sandbox.create_token("harbour-stays"));
    let options = ["--redis", &redis.url(), "--when-limits-are-away", "local/2"];
    let programs = [0, 1].map(|_| serve(&sandbox, &options));
    let calls = calls(&programs, &key, &token);
    redis.pause();
    assert_eq!(granted(&client, &calls, 60).await, 20, "each has a half");
}

#[test]
fn an_address_that_cannot_be_read_names_the_option() {
    let sandbox = Sandbox::new();
    let error = sandbox.refused(2, &["serve", "--redis", "localhost"]);
    assert!(error.starts_with("--redis: "), "{error}");
}
